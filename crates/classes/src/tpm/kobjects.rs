//! What a TPM is in the device model.

use super::{node_name, uapi};
use crate::{
    Kobject, Node,
    kobject::{ROOT, Subsystem},
};

/// The node of TPM `number`: the first one is a miscellaneous device for historical reasons (`tpm_chip_alloc` of
/// `drivers/char/tpm/tpm-chip.c`).
pub(super) fn node(number: u32) -> Node {
    let (major, minor) = if number == 0 { (uapi::MISC_MAJOR, uapi::TPM_MINOR) } else { (uapi::MAJOR, number) };
    Node { name: node_name(number), major, minor, positioned: false, mapped: false, read_only: false }
}

/// A device of the class `tpm` below a directory of that name, as the kernel makes one below a parent of another class.
pub(super) fn kobjects(node: &Node) -> Vec<Kobject> {
    let devpath = format!("{ROOT}/tpm/{}", node.name);
    vec![Kobject {
        devpath,
        subsystem: Subsystem::Class("tpm"),
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
    fn a_tpm_is_where_linux_would_have_it() {
        for (number, id) in [(0, "c10:224"), (3, "c241:3")] {
            let [chip] = &kobjects(&node(number))[..] else { panic!("one") };
            assert_eq!(chip.devpath, format!("/devices/platform/outlive.0/tpm/tpm{number}"));
            assert_eq!(chip.udev_id(), id);
        }
    }
}
