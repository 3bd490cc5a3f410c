//! What the models are.

use outlive_classes::input::{
    Axis, Bits, Description, Id,
    uapi::{abs, ev, ff},
};

/// Of pid.codes, whose numbers are for what has no maker.
const VENDOR: u16 = 0x1209;

fn device(name: &str, product: u16) -> Description {
    // BUS_USB
    let id = Id { bus: 3, vendor: VENDOR, product, version: 0x100 };
    Description { name: format!("Outlive {name}"), phys: Some(format!("outlive/{name}")), id, ..Description::default() }
}

/// A keyboard with all keys up to `KEY_MICMUTE`, three LEDs, and autorepeat.
pub(super) fn keyboard() -> Description {
    // MSC_SCAN; LED_NUML, LED_CAPSL, LED_SCROLLL.
    device("keyboard", 1).with(ev::KEY, 1..=248).with(ev::MSC, [4]).with(ev::LED, 0..=2).with(ev::REP, [])
}

/// A mouse with five buttons and two wheels, also in fine steps.
pub(super) fn mouse() -> Description {
    device("mouse", 2).with(ev::KEY, 0x110..=0x114).with(ev::REL, [0, 1, 6, 8, 11, 12]).with(ev::MSC, [4])
}

/// A touchscreen of so many points that tells ten fingers apart.
pub(super) fn touchscreen(width: i32, height: i32) -> Description {
    // Ten points a millimetre.
    let axis = |size: i32| Axis { resolution: 10, ..Axis::from_to(0, size - 1) };
    let screen = device("touchscreen", 3)
        .with(ev::KEY, [TOUCH])
        .with_axis(abs::X, axis(width))
        .with_axis(abs::Y, axis(height))
        .with_axis(abs::MT_SLOT, Axis::from_to(0, 9))
        .with_axis(abs::MT_POSITION_X, axis(width))
        .with_axis(abs::MT_POSITION_Y, axis(height))
        .with_axis(abs::MT_TRACKING_ID, Axis::from_to(0, 0xffff));
    // INPUT_PROP_DIRECT
    Description { properties: Bits::of([1]), ..screen }
}

/// `BTN_TOUCH`
pub(super) const TOUCH: u16 = 0x14a;

/// A gamepad with two sticks, a cross, triggers, and motors.
pub(super) fn gamepad() -> Description {
    let stick = Axis { fuzz: 16, flat: 128, ..Axis::from_to(-32768, 32767) };
    let pad = device("gamepad", 4)
        // BTN_SOUTH and its neighbours, without BTN_C and BTN_Z.
        .with(ev::KEY, (0x130..=0x13e).filter(|code| ![0x132, 0x135].contains(code)))
        .with(ev::FF, [ff::RUMBLE, ff::PERIODIC, ff::SQUARE, ff::SQUARE + 1, ff::SINE, ff::GAIN]);
    let pad = [0, 1, 3, 4].into_iter().fold(pad, |pad, code| pad.with_axis(code, stick));
    let pad = [2, 5].into_iter().fold(pad, |pad, code| pad.with_axis(code, Axis::from_to(0, 1023)));
    let pad = [0x10, 0x11].into_iter().fold(pad, |pad, code| pad.with_axis(code, Axis::from_to(-1, 1)));
    Description { effects: 16, ..pad }
}
