//! What an input device is in the device model: the device, and evdev's view of it.

use super::{Description, uapi, uapi::ev, udev};
use crate::{
    Kobject, Node,
    kobject::{ROOT, Subsystem, VIRTUAL},
};
use std::fmt::Write;

/// `KEY_MIN_INTERESTING`: what a key below says of a device is no matter to who chooses drivers.
const FIRST_INTERESTING_KEY: u16 = 0x71;

/// The types whose codes are told, in this order, by their names.
pub(super) const TYPES: [(u16, &str); 8] = [
    (ev::KEY, "KEY"),
    (ev::REL, "REL"),
    (ev::ABS, "ABS"),
    (ev::MSC, "MSC"),
    (ev::LED, "LED"),
    (ev::SND, "SND"),
    (ev::FF, "FF"),
    (ev::SW, "SW"),
];

/// The node of device `number`.
pub(super) fn node(number: u32) -> Node {
    Node {
        name: super::node_name(number),
        major: uapi::MAJOR,
        // The highest number that is not refused has one.
        minor: uapi::minor(number).unwrap_or_default(),
        positioned: false,
        mapped: false,
        read_only: false,
    }
}

/// `input5`, which its bus would have below a directory `input`, and `event5` right below it: one device of a class stands
/// directly below another (`get_device_parent` of `drivers/base/core.c`).
pub(super) fn kobjects(node: &Node, number: u32, description: &Description) -> Vec<Kobject> {
    let subsystem = Subsystem::Class("input");
    let above = if description.is_virtual { VIRTUAL } else { ROOT };
    let devpath = format!("{above}/input/input{number}");
    let event = format!("{devpath}/event{number}");
    let (of_device, of_event) = (udev::of_device(description), udev::of_event(description));
    vec![
        Kobject {
            devpath,
            subsystem,
            driver: None,
            properties: properties(description),
            udev: of_device.properties,
            tags: of_device.tags,
            node: None,
        },
        Kobject {
            devpath: event,
            subsystem,
            driver: None,
            properties: Vec::new(),
            udev: of_event.properties,
            tags: of_event.tags,
            node: Some(node.clone()),
        },
    ]
}

/// `input_dev_uevent`
fn properties(description: &Description) -> Vec<(&'static str, String)> {
    let [bus, vendor, product, version] = description.id.words();
    let quoted = |text: &String| format!("\"{text}\"");
    let mut properties =
        vec![("PRODUCT", format!("{bus:x}/{vendor:x}/{product:x}/{version:x}")), ("NAME", quoted(&description.name))];
    properties.extend(description.phys.as_ref().map(|phys| ("PHYS", quoted(phys))));
    properties.extend(description.uniq.as_ref().map(|uniq| ("UNIQ", quoted(uniq))));
    properties.push(("PROP", description.properties.to_string()));
    properties.push(("EV", description.types.to_string()));
    let told = TYPES.iter().filter(|(kind, _)| description.has_type(*kind));
    properties.extend(told.map(|(kind, name)| (*name, description.shown(*kind).to_string())));
    properties.push(("MODALIAS", modalias(description)));
    properties
}

/// `input_print_modalias`
pub(super) fn modalias(description: &Description) -> String {
    let [bus, vendor, product, version] = description.id.words();
    let mut text = format!("input:b{bus:04X}v{vendor:04X}p{product:04X}e{version:04X}-");
    let letters = "kramlsfw".chars();
    let sets = TYPES.iter().zip(letters).map(|((kind, _), letter)| (*kind, letter));
    for (kind, letter) in [(ev::SYN, 'e')].into_iter().chain(sets) {
        text.push(letter);
        let first = if kind == ev::KEY { FIRST_INTERESTING_KEY } else { 0 };
        let most = uapi::highest(kind).unwrap_or_default();
        for code in description.shown(kind).iter().filter(|code| (first..most).contains(code)) {
            // Writing to a String does not fail.
            let _ = write!(text, "{code:X},");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Axis, Id};

    #[test]
    fn a_device_is_where_linux_would_have_it() {
        let description = Description {
            name: "Mouse".into(),
            uniq: Some("7".into()),
            id: Id { bus: 3, vendor: 0x46d, product: 0xc077, version: 0x111 },
            ..Description::default()
        };
        let description = description
            .with(ev::KEY, [0x110, 0x111, 2])
            .with(ev::REL, [0, 1, 8])
            .with_axis(0, Axis::from_to(0, 9))
            .registered();
        let [device, event] = &kobjects(&node(5), 5, &description)[..] else { panic!("two") };
        assert_eq!(device.devpath, "/devices/platform/outlive.0/input/input5");
        assert_eq!(event.devpath, "/devices/platform/outlive.0/input/input5/event5");
        assert_eq!((device.udev_id(), event.udev_id()), ("+input:input5".into(), "c13:69".into()));
        assert_eq!(
            device.uevent(),
            "PRODUCT=3/46d/c077/111\nNAME=\"Mouse\"\nUNIQ=\"7\"\nPROP=0\nEV=f\nKEY=30000 0 0 0 4\nREL=103\nABS=1\n\
             MODALIAS=input:b0003v046DpC077e0111-e0,1,2,3,k110,111,r0,1,8,a0,mlsfw\n"
        );
        assert_eq!(event.uevent(), "MAJOR=13\nMINOR=69\nDEVNAME=input/event5\n");
    }
}
