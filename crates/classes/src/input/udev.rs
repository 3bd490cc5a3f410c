//! What udev's rules say of an input device, by which libinput and its like choose: systemd's `udev-builtin-input_id.c`,
//! 60-persistent-input.rules, 70-power-switch.rules, 70-uaccess.rules and 71-seat.rules, and libinput's
//! 80-libinput-device-groups.rules.

use super::{
    Description,
    uapi::{abs, ev},
};
use crate::kobject::ROOT;

/// Ranges of `EV_KEY` from `linux/input-event-codes.h`.
#[rustfmt::skip]
mod key {
    pub(super) const BTN_MISC:        u16 = 0x100;
    pub(super) const BTN_MOUSE:       u16 = 0x110;
    pub(super) const BTN_JOYSTICK:    u16 = 0x120;
    pub(super) const BTN_DIGI:        u16 = 0x140;
    pub(super) const BTN_TOOL_PEN:    u16 = 0x140;
    pub(super) const BTN_TOOL_FINGER: u16 = 0x145;
    pub(super) const BTN_TOUCH:       u16 = 0x14a;
    pub(super) const BTN_STYLUS:      u16 = 0x14b;
    pub(super) const KEY_OK:          u16 = 0x160;
    pub(super) const BTN_DPAD_UP:     u16 = 0x220;
    pub(super) const BTN_DPAD_RIGHT:  u16 = 0x223;
    pub(super) const KEY_ALS_TOGGLE:  u16 = 0x230;
    pub(super) const TRIGGER_HAPPY:   u16 = 0x2c0;
}

const PROP_DIRECT: u16 = 1;
const PROP_ACCELEROMETER: u16 = 6;

/// `BUS_BLUETOOTH` of `linux/input.h`.
const BLUETOOTH: u16 = 5;

/// What the rules say of something: properties and tags.
#[derive(Default, Debug)]
pub(super) struct Said {
    pub(super) properties: Vec<(&'static str, String)>,
    pub(super) tags: Vec<&'static str>,
}

/// Of `inputN`, which hangs on the platform device of all, and is for a seat.
pub(super) fn of_device(device: &Description) -> Said {
    let kinds = kinds(device);
    let mut properties = identity(device, &kinds);
    if properties.iter().all(|(key, _)| *key != "ID_PATH") {
        properties.extend(path());
    }
    properties.push(for_seat());
    Said { properties, tags: vec!["seat"] }
}

/// Of `eventN`, which can be asked how large it is, and which a session's owner may have if it is a joystick.
pub(super) fn of_event(device: &Description) -> Said {
    let kinds = kinds(device);
    let mut said = Said { properties: identity(device, &kinds), tags: Vec::new() };
    said.properties.extend(size(device, abs::X).map(|size| ("ID_INPUT_WIDTH_MM", size)));
    said.properties.extend(size(device, abs::Y).map(|size| ("ID_INPUT_HEIGHT_MM", size)));
    if kinds.contains(&"ID_INPUT_KEY") || kinds.contains(&"ID_INPUT_SWITCH") {
        said.tags.push("power-switch");
    }
    if kinds.contains(&"ID_INPUT_JOYSTICK") {
        said.tags.extend(["uaccess", "seat"]);
        if device.id.bus == BLUETOOTH {
            said.properties.extend(path());
        }
        said.properties.push(for_seat());
    }
    // 70-joystick.rules, 70-touchpad.rules: whether it is built in is asked of what has a bus that udev knows.
    for (kind, asked) in
        [("ID_INPUT_JOYSTICK", "ID_INPUT_JOYSTICK_INTEGRATION"), ("ID_INPUT_TOUCHPAD", "ID_INPUT_TOUCHPAD_INTEGRATION")]
    {
        if device.id.bus == BLUETOOTH && kinds.contains(&kind) {
            said.properties.push((asked, "external".to_owned()));
        }
    }
    said.properties.extend(group(device).map(|group| ("LIBINPUT_DEVICE_GROUP", group)));
    said
}

/// What it is, by `input_id`.
fn kinds(device: &Description) -> Vec<&'static str> {
    let mut names = vec!["ID_INPUT"];
    names.extend(pointer(device));
    names.extend(keys(device));
    if !device.shown(ev::SW).is_empty() {
        names.push("ID_INPUT_SWITCH");
    }
    names
}

/// What both views of a device are told alike: what it is, and whose it is.
fn identity(device: &Description, kinds: &[&'static str]) -> Vec<(&'static str, String)> {
    let mut properties: Vec<_> = kinds.iter().map(|name| (*name, "1".to_owned())).collect();
    if device.id.bus == BLUETOOTH {
        properties.push(("ID_BUS", "bluetooth".to_owned()));
        return properties;
    }
    // Those whose links udev names after their kind.
    let named = ["KEYBOARD", "MOUSE", "TOUCHPAD", "TABLET", "JOYSTICK"];
    let of_them = |kind: &&str| kind.strip_prefix("ID_INPUT_").is_some_and(|kind| named.contains(&kind));
    // So, too, a receiver of infrared and of television, by its name.
    let is_receiver = ["dvb", "DVB", " IR "].iter().any(|part| device.name.contains(part));
    if is_receiver || kinds.iter().any(of_them) {
        properties.push(("ID_SERIAL", "noserial".to_owned()));
    }
    properties.extend(path());
    properties
}

/// The name of the platform device that all hang on: `outlive.0`.
fn platform() -> &'static str {
    ROOT.rsplit('/').next().unwrap_or_default()
}

/// `path_id`
fn path() -> [(&'static str, String); 2] {
    let path = format!("platform-{}", platform());
    let tag = path.replace('.', "_");
    [("ID_PATH", path), ("ID_PATH_TAG", tag)]
}

fn for_seat() -> (&'static str, String) {
    ("ID_FOR_SEAT", format!("input-platform-{}", platform().replace('.', "_")))
}

/// By which libinput knows what sits in one case: bus, vendor and product, and what it is connected to, which of a hub's
/// ports is the hub (measured of libinput-device-group 1.22).
fn group(device: &Description) -> Option<String> {
    let [bus, vendor, product, _] = device.id.words();
    let phys = device.phys.as_deref().filter(|phys| !phys.is_empty())?;
    let place = phys.split_once("/input").map_or(phys, |(place, _)| place);
    let place = place.rsplit_once('.').filter(|(_, port)| !port.contains('-')).map_or(place, |(hub, _)| hub);
    Some(format!("{bus:x}/{vendor:x}/{product:x}:{place}"))
}

/// How large it is, in millimetres.
fn size(device: &Description, axis: u16) -> Option<String> {
    let axis = device.axes.get(&axis).filter(|axis| axis.resolution > 0)?;
    let range = i64::from(axis.maximum) - i64::from(axis.minimum);
    Some((range / i64::from(axis.resolution)).to_string())
}

fn has_key_in(device: &Description, mut keys: impl Iterator<Item = u16>) -> bool {
    keys.any(|key| device.has(ev::KEY, key))
}

/// `test_pointers`
fn pointer(device: &Description) -> Option<&'static str> {
    let has_key = |key| device.has(ev::KEY, key);
    if device.properties.has(PROP_ACCELEROMETER) {
        return Some("ID_INPUT_ACCELEROMETER");
    }
    let both = |kind, first, second| device.has(kind, first) && device.has(kind, second);
    let (absolute, relative) = (both(ev::ABS, abs::X, abs::Y), both(ev::REL, 0, 1));
    let contacts = both(ev::ABS, abs::MT_POSITION_X, abs::MT_POSITION_Y);
    let direct = device.properties.has(PROP_DIRECT);
    let pen = has_key(key::BTN_STYLUS) || has_key(key::BTN_TOOL_PEN);
    let button = has_key_in(device, key::BTN_MOUSE..key::BTN_JOYSTICK);
    let buttons = (key::BTN_JOYSTICK..key::BTN_DIGI).chain(key::BTN_DPAD_UP..=key::BTN_DPAD_RIGHT);
    // From ABS_RX to the last hat.
    let stick = has_key_in(device, buttons) || (3..0x18).any(|axis| device.has(ev::ABS, axis));
    match () {
        () if (absolute || contacts) && pen => Some("ID_INPUT_TABLET"),
        () if (absolute || contacts) && has_key(key::BTN_TOOL_FINGER) && !direct => Some("ID_INPUT_TOUCHPAD"),
        () if absolute && button => Some("ID_INPUT_MOUSE"),
        () if (absolute || contacts) && (has_key(key::BTN_TOUCH) || direct) => Some("ID_INPUT_TOUCHSCREEN"),
        () if stick => Some("ID_INPUT_JOYSTICK"),
        () if button && (relative || !absolute) => Some("ID_INPUT_MOUSE"),
        () => None,
    }
}

/// `test_key`: a keyboard has all of the first 31.
fn keys(device: &Description) -> Vec<&'static str> {
    let ranges = (0..key::BTN_MISC).chain(key::KEY_OK..key::BTN_DPAD_UP).chain(key::KEY_ALS_TOGGLE..key::TRIGGER_HAPPY);
    let mut names = Vec::new();
    if has_key_in(device, ranges) {
        names.push("ID_INPUT_KEY");
    }
    if (1..32).all(|key| device.has(ev::KEY, key)) {
        names.push("ID_INPUT_KEYBOARD");
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Axis, Bits};

    fn check(device: &Description, want: &str) {
        let said = of_event(device);
        let own = said.properties.into_iter().filter(|(name, _)| name.starts_with("ID_INPUT"));
        assert_eq!(own.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "), want);
    }

    #[test]
    fn what_sits_in_one_case_is_one_group() {
        for (phys, place) in [
            ("usb-0000:00:14.0-1/input0", "usb-0000:00:14.0-1"),
            ("usb-0000:00:14.0-1.4/input1", "usb-0000:00:14.0-1"),
            ("a-b.3.4", "a-b.3"),
            ("abc.3", "abc"),
            ("isa0060/serio0/input0", "isa0060/serio0"),
        ] {
            let device = Description { phys: Some(phys.into()), ..Description::default() };
            assert_eq!(group(&device).unwrap(), format!("0/0/0:{place}"));
        }
        assert_eq!(group(&Description { phys: Some(String::new()), ..Description::default() }), None);
    }

    #[test]
    fn devices_are_told_apart() {
        check(&Description::default().with(ev::KEY, 1..200), "ID_INPUT=1 ID_INPUT_KEY=1 ID_INPUT_KEYBOARD=1");
        check(&Description::default().with(ev::KEY, [114]), "ID_INPUT=1 ID_INPUT_KEY=1");
        check(&Description::default().with(ev::KEY, [0x110]).with(ev::REL, [0, 1]), "ID_INPUT=1 ID_INPUT_MOUSE=1");
        check(&Description::default().with(ev::SW, [0]), "ID_INPUT=1 ID_INPUT_SWITCH=1");
        let pad = Description::default().with_axis(0, Axis::from_to(0, 9)).with_axis(1, Axis::from_to(0, 9));
        check(&pad.clone().with(ev::KEY, [0x130]), "ID_INPUT=1 ID_INPUT_JOYSTICK=1");
        check(&pad.clone().with(ev::KEY, [0x145, 0x14a]), "ID_INPUT=1 ID_INPUT_TOUCHPAD=1");
        let fine = Axis { resolution: 10, ..Axis::from_to(0, 800) };
        let screen = Description { properties: Bits::of([1]), ..pad.with_axis(0, fine) };
        check(&screen.with(ev::KEY, [0x14a]), "ID_INPUT=1 ID_INPUT_TOUCHSCREEN=1 ID_INPUT_WIDTH_MM=80");
    }
}
