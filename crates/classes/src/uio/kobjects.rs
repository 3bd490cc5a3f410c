//! What a board is in the device model.

use super::uapi;
use crate::{
    Kobject, Node,
    kobject::{ROOT, Subsystem},
};

/// A device of the class `uio` below a directory of that name, as the kernel makes one below a parent of another class
/// (`__uio_register_device` of `drivers/uio/uio.c`, `get_device_parent` of `drivers/base/core.c`).
pub(super) fn kobjects(node: &Node) -> Vec<Kobject> {
    debug_assert_eq!(node.major, uapi::MAJOR);
    let devpath = format!("{ROOT}/uio/{}", node.name);
    let subsystem = Subsystem::Class("uio");
    vec![Kobject {
        devpath,
        subsystem,
        driver: None,
        properties: Vec::new(),
        udev: Vec::new(),
        tags: Vec::new(),
        node: Some(node.clone()),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_where_linux_would_have_it() {
        let node = Node {
            name: "uio3".into(),
            major: uapi::MAJOR,
            minor: 3,
            positioned: false,
            mapped: true,
            read_only: false,
        };
        let [board] = &kobjects(&node)[..] else { panic!("one") };
        assert_eq!((&*board.devpath, board.sysname()), ("/devices/platform/outlive.0/uio/uio3", "uio3"));
        assert_eq!(board.udev_id(), format!("c{}:3", uapi::MAJOR));
    }
}
