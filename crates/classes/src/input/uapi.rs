//! Numbers and layouts of `linux/input.h` and `linux/input-event-codes.h`, as on a 64-bit machine, and those of
//! `drivers/input/evdev.c` and `input.c` that programs meet.

/// The major number (`INPUT_MAJOR` of `linux/major.h`).
pub const MAJOR: u32 = 13;
/// How many numbers there are: `INPUT_MAX_CHAR_DEVICES` of `drivers/input/input.c`.
pub const MAX_DEVICES: u32 = 1024;
/// The first minor number of evdev's own: `EVDEV_MINOR_BASE`.
const MINOR_BASE: u32 = 64;
/// How many of those there are: `EVDEV_MINORS`.
const MINORS: u32 = 32;
/// What comes after them begins here: `INPUT_FIRST_DYNAMIC_DEV`.
const FIRST_DYNAMIC: u32 = 256;

/// The minor number of the device `number`, the 5 of event5; `None` if Linux has no device of that number.
pub const fn minor(number: u32) -> Option<u32> {
    match number {
        0..MINORS => Some(MINOR_BASE + number),
        FIRST_DYNAMIC..MAX_DEVICES => Some(number),
        _ => None,
    }
}

/// `sizeof(struct input_event)`
pub const EVENT_SIZE: usize = 24;
/// `sizeof(struct ff_effect)`
pub const EFFECT_SIZE: usize = 48;
/// `sizeof(struct input_absinfo)`
pub const ABS_SIZE: usize = 24;
/// `sizeof(struct input_keymap_entry)`
pub const KEYMAP_SIZE: usize = 40;
/// `sizeof(struct input_mask)`
pub const MASK_SIZE: usize = 16;
/// What EVIOCGVERSION says: `EV_VERSION`.
pub const VERSION: u32 = 0x1_0001;
/// A client's queue has room for so many events at least: `EVDEV_MIN_BUFFER_SIZE`.
pub const MIN_QUEUE: usize = 64;
/// and for so many packets: `EVDEV_BUF_PACKETS`.
pub const QUEUED_PACKETS: usize = 8;
/// What one write takes, in bytes: the rest is left to the next (`evdev_write`).
pub const MOST_WRITTEN: usize = 4096;
/// The delay and the period of autorepeat in milliseconds, unless a device says otherwise (`input_register_device`).
pub const REPEAT: [i32; 2] = [250, 33];
/// The most slots of a device that we take: as many as `input_mt_init_slots` does since Linux 6.8.
pub const MAX_SLOTS: i32 = 1024;

/// Types of events.
#[expect(missing_docs, reason = "the names of linux/input-event-codes.h without their EV_")]
#[rustfmt::skip]
pub mod ev {
    pub const SYN: u16 = 0x00;
    pub const KEY: u16 = 0x01;
    pub const REL: u16 = 0x02;
    pub const ABS: u16 = 0x03;
    pub const MSC: u16 = 0x04;
    pub const SW:  u16 = 0x05;
    pub const LED: u16 = 0x11;
    pub const SND: u16 = 0x12;
    pub const REP: u16 = 0x14;
    pub const FF:  u16 = 0x15;
    pub const PWR: u16 = 0x16;
    pub const MAX: u16 = 0x1f;
}

/// The highest code of a type that has codes: `KEY_MAX` and its like. `None` of the others. `EV_SYN` stands for the types
/// themselves, as in EVIOCGBIT and EVIOCSMASK.
pub const fn highest(kind: u16) -> Option<u16> {
    match kind {
        ev::SYN => Some(ev::MAX),
        ev::KEY => Some(0x2ff),
        ev::REL | ev::SW | ev::LED => Some(if kind == ev::SW { 0x10 } else { 0x0f }),
        ev::ABS => Some(abs::MAX),
        ev::MSC | ev::SND => Some(0x07),
        ev::FF => Some(0x7f),
        _ => None,
    }
}

/// The highest property: `INPUT_PROP_MAX`.
pub const PROP_MAX: u16 = 0x1f;

/// Codes of `EV_SYN`.
#[expect(missing_docs, reason = "the names of linux/input-event-codes.h without their SYN_")]
#[rustfmt::skip]
pub mod syn {
    pub const REPORT:    u16 = 0;
    pub const CONFIG:    u16 = 1;
    pub const MT_REPORT: u16 = 2;
    pub const DROPPED:   u16 = 3;
}

/// Codes of `EV_REP`.
#[expect(missing_docs, reason = "the names of linux/input-event-codes.h without their REP_")]
pub mod rep {
    pub const DELAY: u16 = 0;
    pub const PERIOD: u16 = 1;
}

/// Codes of `EV_ABS` that mean something to the class or its models.
#[expect(missing_docs, reason = "the names of linux/input-event-codes.h without their ABS_")]
#[rustfmt::skip]
pub mod abs {
    pub const X:              u16 = 0x00;
    pub const Y:              u16 = 0x01;
    pub const MT_SLOT:        u16 = 0x2f;
    /// The first of those that each slot has for itself (`input_is_mt_value` of `linux/input/mt.h`).
    pub const MT_FIRST:       u16 = 0x30;
    pub const MT_POSITION_X:  u16 = 0x35;
    pub const MT_POSITION_Y:  u16 = 0x36;
    pub const MT_TRACKING_ID: u16 = 0x39;
    /// The last of those.
    pub const MT_LAST:        u16 = 0x3d;
    pub const MAX:            u16 = 0x3f;
}

/// Codes of `EV_FF`.
#[expect(missing_docs, reason = "the names of linux/input.h without their FF_")]
#[rustfmt::skip]
pub mod ff {
    /// The first kind of effect: `FF_EFFECT_MIN`.
    pub const RUMBLE:       u16 = 0x50;
    pub const PERIODIC:     u16 = 0x51;
    /// The last one: `FF_EFFECT_MAX`.
    pub const RAMP:         u16 = 0x57;
    /// `FF_WAVEFORM_MIN`
    pub const SQUARE:       u16 = 0x58;
    pub const SINE:         u16 = 0x5a;
    /// `FF_WAVEFORM_MAX`
    pub const CUSTOM:       u16 = 0x5d;
    pub const GAIN:         u16 = 0x60;
    pub const AUTOCENTER:   u16 = 0x61;
}

/// Numbers of ioctls. Those with a length of their caller's choice stand here with length 0.
#[expect(missing_docs, reason = "the names of linux/input.h without their EVIOC")]
#[rustfmt::skip]
pub mod ioctl {
    const fn of(direction: u32, number: u32, size: usize) -> u32 {
        direction << 30 | (size as u32) << 16 | (b'E' as u32) << 8 | number
    }

    /// `_IOC_WRITE`: the client passes something.
    pub const WRITE: u32 = 1;
    /// `_IOC_READ`: it gets something.
    pub const READ: u32 = 2;

    pub const GVERSION:    u32 = of(READ, 0x01, 4);
    pub const GID:         u32 = of(READ, 0x02, 8);
    pub const GREP:        u32 = of(READ, 0x03, 8);
    pub const SREP:        u32 = of(WRITE, 0x03, 8);
    pub const GKEYCODE:    u32 = of(READ, 0x04, 8);
    pub const GKEYCODE_V2: u32 = of(READ, 0x04, super::KEYMAP_SIZE);
    pub const SKEYCODE:    u32 = of(WRITE, 0x04, 8);
    pub const SKEYCODE_V2: u32 = of(WRITE, 0x04, super::KEYMAP_SIZE);
    pub const GNAME:       u32 = of(READ, 0x06, 0);
    pub const GPHYS:       u32 = of(READ, 0x07, 0);
    pub const GUNIQ:       u32 = of(READ, 0x08, 0);
    pub const GPROP:       u32 = of(READ, 0x09, 0);
    pub const GMTSLOTS:    u32 = of(READ, 0x0a, 0);
    pub const GKEY:        u32 = of(READ, 0x18, 0);
    pub const GLED:        u32 = of(READ, 0x19, 0);
    pub const GSND:        u32 = of(READ, 0x1a, 0);
    pub const GSW:         u32 = of(READ, 0x1b, 0);
    /// The first of 32, one a type.
    pub const GBIT:        u32 = of(READ, 0x20, 0);
    /// The first of 64, one an axis.
    pub const GABS:        u32 = of(READ, 0x40, 0);
    pub const SFF:         u32 = of(WRITE, 0x80, 0);
    pub const RMFF:        u32 = of(WRITE, 0x81, 4);
    pub const GEFFECTS:    u32 = of(READ, 0x84, 4);
    pub const GRAB:        u32 = of(WRITE, 0x90, 4);
    pub const REVOKE:      u32 = of(WRITE, 0x91, 4);
    pub const GMASK:       u32 = of(READ, 0x92, super::MASK_SIZE);
    pub const SMASK:       u32 = of(WRITE, 0x93, super::MASK_SIZE);
    pub const SCLOCKID:    u32 = of(WRITE, 0xa0, 4);
    /// The first of 64, one an axis.
    pub const SABS:        u32 = of(WRITE, 0xc0, 0);

    /// The length in the number of an ioctl, in bytes, and its number without it.
    pub const fn split(command: u32) -> (u32, usize) {
        const SIZES: u32 = 0x3fff << 16;
        (command & !SIZES, ((command & SIZES) >> 16) as usize)
    }
}
