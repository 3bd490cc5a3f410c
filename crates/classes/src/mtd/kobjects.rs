//! What a flash is in the device model, and its two nodes.

use super::uapi;
use crate::{
    Kobject, Node,
    kobject::{ROOT, Subsystem},
};

/// `mtd0`, and `mtd0ro`, which can only be read: two minors each (`add_mtd_device` of `drivers/mtd/mtdcore.c`).
pub(super) fn nodes(number: u32) -> [Node; 2] {
    let node = |suffix: &str, minor, read_only| Node {
        name: format!("mtd{number}{suffix}"),
        major: uapi::MAJOR,
        minor,
        positioned: true,
        mapped: false,
        read_only,
    };
    [node("", 2 * number, false), node("ro", 2 * number + 1, true)]
}

/// Two devices of the class `mtd` below a directory of that name, as the kernel makes them below a parent of another class
/// (`add_mtd_device`, `get_device_parent` of `drivers/base/core.c`). Partitions are beside the flash that they are parts
/// of, as in a kernel without CONFIG_MTD_PARTITIONED_MASTER.
pub(super) fn kobjects(nodes: &[Node; 2]) -> Vec<Kobject> {
    let kobject = |node: &Node, properties| Kobject {
        devpath: format!("{ROOT}/mtd/{}", node.name),
        subsystem: Subsystem::Class("mtd"),
        driver: None,
        properties,
        udev: Vec::new(),
        tags: Vec::new(),
        node: Some(node.clone()),
    };
    // The name of its device type, `mtd_devtype`; the read-only one has none.
    let device_type = vec![("DEVTYPE", "mtd".to_owned())];
    vec![kobject(&nodes[0], device_type), kobject(&nodes[1], Vec::new())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_is_where_linux_would_have_it() {
        let kobjects = kobjects(&nodes(3));
        let seen: Vec<_> = kobjects.iter().map(|it| (it.devpath.as_str(), it.udev_id(), it.uevent())).collect();
        let wanted = [
            (
                "/devices/platform/outlive.0/mtd/mtd3",
                "c90:6".to_owned(),
                "MAJOR=90\nMINOR=6\nDEVNAME=mtd3\nDEVTYPE=mtd\n".to_owned(),
            ),
            (
                "/devices/platform/outlive.0/mtd/mtd3ro",
                "c90:7".to_owned(),
                "MAJOR=90\nMINOR=7\nDEVNAME=mtd3ro\n".to_owned(),
            ),
        ];
        assert_eq!(seen, wanted);
    }
}
