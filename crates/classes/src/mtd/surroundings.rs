//! What Linux shows of a flash in /sys besides what it shows of any device, and in /proc/mtd (`drivers/mtd/mtdcore.c`).

use super::{Geometry, Kind, Mode, Shared, statistics::Statistics};
use crate::{Errno, Kobject, Surroundings};

/// The first line of /proc/mtd (`mtd_proc_show`).
const HEADER: &str = "dev:    size   erasesize  name\n";

/// An attribute that counts, and what it counts.
type Counter = (&'static str, fn(&Statistics) -> u32);

/// What a flash shows that is `kobjects` in the device model. `shared` is what its handles share.
pub(super) fn of(kobjects: &[Kobject], shared: &Shared) -> Surroundings {
    let shown = Surroundings::of(kobjects);
    let Some(device) = kobjects.first() else { return shown };
    let (geometry, name) = (shared.geometry(), shared.name());
    let line = format!("{}: {:08x} {:08x} \"{name}\"\n", device.sysname(), geometry.size, geometry.erase_size);
    let shown = attributes(geometry)
        .into_iter()
        .fold(shown, |shown, (attribute, value)| shown.text(device.attribute(attribute), format!("{value}\n")))
        .text(device.attribute("name"), format!("{name}\n"))
        .line("/proc/mtd", HEADER, line);
    let counts: [Counter; 4] = [
        ("corrected_bits", Statistics::corrected),
        ("ecc_failures", Statistics::failed),
        ("bad_blocks", Statistics::bad),
        ("bbt_blocks", |_| 0),
    ];
    let shown = counts.into_iter().fold(shown, |shown, (attribute, count)| {
        let statistics = shared.statistics.clone();
        let show = move || Ok::<_, Errno>(format!("{}\n", count(&statistics)).into_bytes());
        shown.attribute(device.attribute(attribute), show)
    });
    match shared.offset() {
        Some(offset) => shown.text(device.attribute("offset"), format!("{offset}\n")),
        None => shown,
    }
}

/// What does not change.
fn attributes(geometry: &Geometry) -> Vec<(&'static str, String)> {
    let kind = match geometry.kind {
        Kind::Ram => "ram",
        Kind::Nor => "nor",
        Kind::Nand => "nand",
    };
    vec![
        ("type", kind.to_owned()),
        ("flags", format!("{:#x}", geometry.flags())),
        ("size", geometry.size.to_string()),
        ("erasesize", geometry.erase_size.to_string()),
        ("writesize", geometry.write_size.to_string()),
        // No part of a page can be written by itself.
        ("subpagesize", geometry.write_size.to_string()),
        ("oobsize", geometry.spare_size.to_string()),
        ("oobavail", geometry.available(Mode::Auto).to_string()),
        ("numeraseregions", 0.to_string()),
        ("ecc_strength", geometry.ecc_strength.to_string()),
        ("ecc_step_size", geometry.ecc_step.to_string()),
        ("bitflip_threshold", geometry.bitflip_threshold.to_string()),
    ]
}
