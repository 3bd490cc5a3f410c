//! What udev's rules say of an input device, by which libinput and its like choose (`udev-builtin-input_id.c` of systemd).

use super::{
    Description,
    uapi::{abs, ev},
};

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

/// The properties of a device that is like that.
pub(super) fn properties(device: &Description) -> Vec<(&'static str, String)> {
    let mut names = vec!["ID_INPUT"];
    names.extend(pointer(device));
    names.extend(keys(device));
    if !device.shown(ev::SW).is_empty() {
        names.push("ID_INPUT_SWITCH");
    }
    let mut properties: Vec<_> = names.into_iter().map(|name| (name, "1".to_owned())).collect();
    properties.extend(size(device, abs::X).map(|size| ("ID_INPUT_WIDTH_MM", size)));
    properties.extend(size(device, abs::Y).map(|size| ("ID_INPUT_HEIGHT_MM", size)));
    properties
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
        let said: Vec<_> = properties(device).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(said.join(" "), want);
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
