//! What /dev/uinput is in the device model.

use super::{NODE_NAME, uapi};
use crate::{
    Kobject, Node,
    kobject::{Subsystem, VIRTUAL},
};

pub(super) fn node() -> Node {
    Node {
        name: NODE_NAME.to_owned(),
        major: uapi::MAJOR,
        minor: uapi::MINOR,
        positioned: false,
        mapped: false,
        read_only: false,
    }
}

/// A miscellaneous device, which hangs on nothing.
pub(super) fn kobjects(node: &Node) -> Vec<Kobject> {
    vec![Kobject {
        devpath: format!("{VIRTUAL}/misc/{}", node.name),
        subsystem: Subsystem::Class("misc"),
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
    fn it_is_where_linux_has_it() {
        let [uinput] = &kobjects(&node())[..] else { panic!("one") };
        assert_eq!((uinput.devpath.as_str(), uinput.udev_id()), ("/devices/virtual/misc/uinput", "c10:223".into()));
        assert_eq!((uinput.uevent(), uinput.parent()), ("MAJOR=10\nMINOR=223\nDEVNAME=uinput\n".into(), None));
    }
}
