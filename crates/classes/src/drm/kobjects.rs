//! What a card is in the device model: the card, and its connectors below it.

use super::uapi;
use crate::{
    Kobject, Node,
    kobject::{ROOT, Subsystem},
};

/// The class `drm`.
const SUBSYSTEM: Subsystem = Subsystem::Class("drm");

/// The node of card `number`.
pub(super) fn node(number: u32) -> Node {
    Node {
        name: super::node_name(number),
        major: uapi::MAJOR,
        minor: number,
        positioned: false,
        mapped: true,
        read_only: false,
    }
}

/// The tags of a card and of its connectors: `70-uaccess.rules` and `71-seat.rules` of systemd.
const TAGS: [&str; 3] = ["seat", "master-of-seat", "uaccess"];

/// `card0`, which its bus would have below a directory `drm`, and right below it `card0-Virtual-1`
/// (`drm_sysfs_minor_alloc` and `drm_sysfs_connector_add` of `drm_sysfs.c`).
pub(super) fn kobjects(node: &Node, connectors: usize) -> Vec<Kobject> {
    let card = format!("{ROOT}/drm/card{}", node.minor);
    let connector = |number: usize| Kobject {
        devpath: format!("{card}/card{}-Virtual-{}", node.minor, number + 1),
        subsystem: SUBSYSTEM,
        driver: None,
        properties: vec![("DEVTYPE", "drm_connector".to_owned())],
        udev: Vec::new(),
        tags: TAGS.to_vec(),
        node: None,
    };
    let all = (0..connectors).map(connector).collect::<Vec<_>>();
    [Kobject {
        devpath: card.clone(),
        subsystem: SUBSYSTEM,
        driver: None,
        properties: vec![("DEVTYPE", "drm_minor".to_owned())],
        udev: udev(),
        tags: TAGS.to_vec(),
        node: Some(node.clone()),
    }]
    .into_iter()
    .chain(all)
    .collect()
}

/// What the rules of systemd say of a card: where it is, for `60-drm.rules` and `71-seat.rules`.
fn udev() -> Vec<(&'static str, String)> {
    let name = ROOT.rsplit('/').next().unwrap_or_default();
    let tag = name.replace('.', "_");
    vec![
        ("ID_PATH", format!("platform-{name}")),
        ("ID_PATH_TAG", format!("platform-{tag}")),
        ("ID_FOR_SEAT", format!("drm-platform-{tag}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_where_linux_would_have_it() {
        let [card, first, second] = &kobjects(&node(3), 2)[..] else { panic!("three") };
        assert_eq!(card.devpath, "/devices/platform/outlive.0/drm/card3");
        assert_eq!(card.uevent(), "MAJOR=226\nMINOR=3\nDEVNAME=dri/card3\nDEVTYPE=drm_minor\n");
        assert_eq!((card.udev_id(), card.parent()), ("c226:3".into(), Some("/sys/devices/platform/outlive.0".into())));
        assert_eq!(first.devpath, "/devices/platform/outlive.0/drm/card3/card3-Virtual-1");
        assert_eq!((second.udev_id(), second.parent()), ("+drm:card3-Virtual-2".into(), None));
    }
}
