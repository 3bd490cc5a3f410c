//! What Linux shows of an adapter in /sys besides what it shows of any device: the attributes of the adapter
//! (`drivers/i2c/i2c-core-base.c`), of its node's device (`drivers/i2c/i2c-dev.c`), and of the chips that a driver has
//! claimed. Compared with i2c-stub and i2c-dev of Linux 6.1.

use crate::{Kobject, Surroundings};

/// What adapter `name` shows that is `kobjects` in the device model. `state` says what it is doing.
pub(super) fn of(kobjects: &[Kobject], name: &str, state: impl Fn() -> String + Send + Sync + 'static) -> Surroundings {
    let shown = Surroundings::of(kobjects);
    let [adapter, device, chips @ ..] = kobjects else { return shown };
    let name = format!("{name}\n");
    let shown = shown
        .text(adapter.attribute("name"), &name)
        .attribute(adapter.attribute("state"), move || Ok(state().into_bytes()))
        .text(device.attribute("name"), &name);
    chips.iter().fold(shown, |shown, chip| {
        // `name` and `modalias` of a client: `show_name` and `modalias_show`.
        let modalias = chip.property("MODALIAS").unwrap_or_default();
        let kind = modalias.strip_prefix("i2c:").unwrap_or(modalias);
        shown
            .text(chip.attribute("name"), format!("{kind}\n"))
            .text(chip.attribute("modalias"), format!("{modalias}\n"))
    })
}
