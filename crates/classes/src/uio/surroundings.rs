//! What `drivers/uio/uio.c` shows of a board in /sys besides what Linux shows of any device: its name, its count of
//! interrupts, and its memory.

use super::Line;
use crate::{Kobject, Surroundings};

/// What a board shows with regions of these sizes, that is `kobjects` in the device model.
pub(super) fn of(kobjects: &[Kobject], name: &str, regions: &[u64], line: &Line) -> Surroundings {
    let shown = Surroundings::of(kobjects);
    let [board] = kobjects else { return shown };
    let line = line.clone();
    let shown = shown
        .text(board.attribute("name"), format!("{name}\n"))
        .text(board.attribute("version"), concat!(env!("CARGO_PKG_VERSION"), "\n"))
        // `event_show`
        .attribute(board.attribute("event"), move || Ok(format!("{}\n", line.count()).into_bytes()));
    regions.iter().enumerate().fold(shown, |shown, (index, size)| {
        let map = |attribute: &str| board.attribute(&format!("maps/map{index}/{attribute}"));
        // Nobody but the board has an address for it; `map_name_show` says a newline of a region without a name.
        shown
            .text(map("name"), "\n")
            .text(map("addr"), format!("{:#018x}\n", 0))
            .text(map("size"), format!("{size:#018x}\n"))
            .text(map("offset"), "0x0\n")
    })
}
