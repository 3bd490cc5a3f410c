//! What Linux shows of an adapter in /sys: the platform device that it hangs on, the adapter
//! (`drivers/i2c/i2c-core-base.c`), its node's device (`drivers/i2c/i2c-dev.c`), and the links that `drivers/base/core.c`
//! makes for a class, a bus and a number. Compared with i2c-stub and i2c-dev of Linux 6.1.
//!
//! A chip has an entry only if it is claimed: it is then a client with the driver `dummy`, as `i2c_new_dummy_device`
//! makes one to keep an address.

use super::{Shared, uapi};
use crate::Surroundings;

/// The addresses of 7 bits that a chip may have (`i2c_check_7bit_addr_validity_strict`).
const ADDRESSES: std::ops::RangeInclusive<u16> = 0x08..=0x77;

/// What adapter `name` shows as the bus of `shared`. `state` says what it is doing; `is_claimed` which chips are taken.
pub(super) fn of(
    shared: &Shared,
    name: &str,
    state: impl Fn() -> String + Send + Sync + 'static,
    is_claimed: impl Fn(u16) -> bool,
) -> Surroundings {
    let number = shared.number.value();
    let (platform, bus) = (format!("/sys/devices/platform/outlive.{number}"), format!("i2c-{number}"));
    let adapter = format!("{platform}/{bus}");
    let device = format!("{adapter}/i2c-dev/{bus}");
    let (major, name) = (uapi::MAJOR, format!("{name}\n"));
    let shown = Surroundings::new()
        .lasting("/sys/bus/i2c/devices")
        .lasting("/sys/bus/i2c/drivers/dummy")
        .lasting("/sys/class/i2c-dev")
        .link(format!("/sys/bus/platform/devices/outlive.{number}"), &platform)
        .text(format!("{platform}/modalias"), "platform:outlive\n")
        .attribute(format!("{platform}/state"), move || Ok(state().into_bytes()))
        .link(format!("{platform}/subsystem"), "/sys/bus/platform")
        .text(format!("{platform}/uevent"), "MODALIAS=platform:outlive\n")
        .link(format!("/sys/bus/i2c/devices/{bus}"), &adapter)
        .text(format!("{adapter}/name"), &name)
        .link(format!("{adapter}/subsystem"), "/sys/bus/i2c")
        .text(format!("{adapter}/uevent"), "")
        .link(format!("/sys/class/i2c-dev/{bus}"), &device)
        .link(format!("/sys/dev/char/{major}:{number}"), &device)
        .text(format!("{device}/dev"), format!("{major}:{number}\n"))
        .link(format!("{device}/device"), &adapter)
        .text(format!("{device}/name"), &name)
        .link(format!("{device}/subsystem"), "/sys/class/i2c-dev")
        .text(format!("{device}/uevent"), format!("MAJOR={major}\nMINOR={number}\nDEVNAME={bus}\n"));
    let claimed = ADDRESSES.filter(|address| is_claimed(*address));
    claimed.fold(shown, |shown, address| client(shown, &adapter, &format!("{number}-{address:04x}")))
}

/// A client without a purpose of its own.
fn client(shown: Surroundings, adapter: &str, name: &str) -> Surroundings {
    let client = format!("{adapter}/{name}");
    shown
        .link(format!("/sys/bus/i2c/devices/{name}"), &client)
        .link(format!("/sys/bus/i2c/drivers/dummy/{name}"), &client)
        .link(format!("{client}/driver"), "/sys/bus/i2c/drivers/dummy")
        .text(format!("{client}/modalias"), "i2c:dummy\n")
        .text(format!("{client}/name"), "dummy\n")
        .link(format!("{client}/subsystem"), "/sys/bus/i2c")
        .text(format!("{client}/uevent"), "DRIVER=dummy\nMODALIAS=i2c:dummy\n")
}
