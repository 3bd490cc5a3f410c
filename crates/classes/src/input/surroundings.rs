//! What `drivers/input/input.c` shows of a device in /sys and /proc besides what Linux shows of any device.

use super::{
    Description,
    kobjects::{TYPES, modalias},
};
use crate::{Kobject, Surroundings};
use std::fmt::Write;

/// What a device shows that is `kobjects` in the device model.
pub(super) fn of(kobjects: &[Kobject], description: &Description) -> Surroundings {
    let shown = Surroundings::of(kobjects);
    let [device, event] = kobjects else { return shown };
    let text = |text: &Option<String>| format!("{}\n", text.as_deref().unwrap_or_default());
    let shown = shown
        .link(event.attribute("device"), device.directory())
        .text(device.attribute("name"), format!("{}\n", description.name))
        .text(device.attribute("phys"), text(&description.phys))
        .text(device.attribute("uniq"), text(&description.uniq))
        .text(device.attribute("modalias"), format!("{}\n", modalias(description)))
        .text(device.attribute("properties"), format!("{}\n", description.properties))
        .text(device.attribute("inhibited"), "0\n")
        .text(device.attribute("capabilities/ev"), format!("{}\n", description.types));
    let ids = ["bustype", "vendor", "product", "version"].into_iter().zip(description.id.words());
    let shown =
        ids.fold(shown, |shown, (name, id)| shown.text(device.attribute(&format!("id/{name}")), format!("{id:04x}\n")));
    let shown = TYPES.iter().fold(shown, |shown, (kind, name)| {
        let path = device.attribute(&format!("capabilities/{}", name.to_lowercase()));
        shown.text(path, format!("{}\n", description.shown(*kind)))
    });
    shown.line("/proc/bus/input/devices", "", paragraph(device, event, description))
}

/// `input_devices_seq_show`
fn paragraph(device: &Kobject, event: &Kobject, description: &Description) -> String {
    let [bus, vendor, product, version] = description.id.words();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut lines = format!("I: Bus={bus:04x} Vendor={vendor:04x} Product={product:04x} Version={version:04x}\n");
    // Writing to a String does not fail.
    let _ = writeln!(lines, "N: Name=\"{}\"", description.name);
    let _ = writeln!(lines, "P: Phys={}", text(&description.phys));
    let _ = writeln!(lines, "S: Sysfs={}", device.devpath);
    let _ = writeln!(lines, "U: Uniq={}", text(&description.uniq));
    let _ = writeln!(lines, "H: Handlers={} ", event.sysname());
    let _ = writeln!(lines, "B: PROP={}", description.properties);
    let _ = writeln!(lines, "B: EV={}", description.types);
    for (kind, name) in TYPES.iter().filter(|(kind, _)| description.has_type(*kind)) {
        let _ = writeln!(lines, "B: {name}={}", description.shown(*kind));
    }
    lines.push('\n');
    lines
}
