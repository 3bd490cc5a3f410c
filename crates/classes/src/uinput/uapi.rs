//! Numbers and layouts of `linux/uinput.h`, as on a 64-bit machine, and those of `drivers/input/misc/uinput.c` that
//! programs meet.

use crate::input::uapi::{ABS_SIZE, EFFECT_SIZE};

/// The major number (`MISC_MAJOR` of `linux/major.h`).
pub const MAJOR: u32 = 10;
/// The minor number (`UINPUT_MINOR` of `linux/miscdevice.h`).
pub const MINOR: u32 = 223;
/// What UI_GET_VERSION says: `UINPUT_VERSION`.
pub const VERSION: u32 = 5;
/// A name with its end, in bytes: `UINPUT_MAX_NAME_SIZE`.
pub const NAME_SIZE: usize = 80;
/// `sizeof(struct uinput_setup)`
pub const SETUP_SIZE: usize = 8 + NAME_SIZE + 4;
/// `sizeof(struct uinput_abs_setup)`: the code stands in four bytes.
pub const ABS_SETUP_SIZE: usize = 4 + ABS_SIZE;
/// How many axes `struct uinput_user_dev` has: `ABS_CNT`.
pub const AXES: usize = 64;
/// `sizeof(struct uinput_user_dev)`
pub const USER_DEV_SIZE: usize = NAME_SIZE + 8 + 4 + 4 * 4 * AXES;
/// `sizeof(struct uinput_ff_upload)`
pub const UPLOAD_SIZE: usize = 8 + 2 * EFFECT_SIZE;
/// `sizeof(struct uinput_ff_erase)`
pub const ERASE_SIZE: usize = 12;
/// The longest place that UI_SET_PHYS takes, with its end, in bytes (`strndup_user` in `uinput_ioctl_handler`).
pub const PHYS_SIZE: usize = 1024;
/// The most that `ABS_MT_SLOT` may count to (`uinput_validate_absinfo`).
pub const LAST_SLOT: i32 = 99;
/// So many requests can wait for the program at once: `UINPUT_NUM_REQUESTS`.
pub const REQUESTS: usize = 16;
/// How long a request waits, in seconds (`uinput_request_submit`).
pub const PATIENCE: u64 = 30;
/// The most effects of a device: `FF_MAX_EFFECTS` of `linux/input.h`.
pub const MAX_EFFECTS: u32 = 0x60;
/// A packet of a device with contacts but no slots (`uinput_create_device`).
pub const CONTACTS_PER_PACKET: usize = 60;

/// The type of events that are requests: `EV_UINPUT`.
pub const EV_UINPUT: u16 = 0x0101;
/// Its code for an effect that is uploaded: `UI_FF_UPLOAD`.
pub const FF_UPLOAD: u16 = 1;
/// Its code for an effect that is erased: `UI_FF_ERASE`.
pub const FF_ERASE: u16 = 2;

/// Numbers of ioctls. Those with a length of their caller's choice stand here with length 0.
#[expect(missing_docs, reason = "the names of linux/uinput.h without their UI_")]
#[rustfmt::skip]
pub mod ioctl {
    const fn of(direction: u32, number: u32, size: usize) -> u32 {
        direction << 30 | (size as u32) << 16 | (b'U' as u32) << 8 | number
    }

    const WRITE: u32 = 1;
    const READ: u32 = 2;

    pub const DEV_CREATE:      u32 = of(0, 1, 0);
    pub const DEV_DESTROY:     u32 = of(0, 2, 0);
    pub const DEV_SETUP:       u32 = of(WRITE, 3, super::SETUP_SIZE);
    pub const ABS_SETUP:       u32 = of(WRITE, 4, 0);
    pub const GET_SYSNAME:     u32 = of(READ, 44, 0);
    pub const GET_VERSION:     u32 = of(READ, 45, 4);
    pub const SET_EVBIT:       u32 = of(WRITE, 100, 4);
    pub const SET_KEYBIT:      u32 = of(WRITE, 101, 4);
    pub const SET_RELBIT:      u32 = of(WRITE, 102, 4);
    pub const SET_ABSBIT:      u32 = of(WRITE, 103, 4);
    pub const SET_MSCBIT:      u32 = of(WRITE, 104, 4);
    pub const SET_LEDBIT:      u32 = of(WRITE, 105, 4);
    pub const SET_SNDBIT:      u32 = of(WRITE, 106, 4);
    pub const SET_FFBIT:       u32 = of(WRITE, 107, 4);
    pub const SET_PHYS:        u32 = of(WRITE, 108, 8);
    pub const SET_SWBIT:       u32 = of(WRITE, 109, 4);
    pub const SET_PROPBIT:     u32 = of(WRITE, 110, 4);
    pub const BEGIN_FF_UPLOAD: u32 = of(READ | WRITE, 200, super::UPLOAD_SIZE);
    pub const END_FF_UPLOAD:   u32 = of(WRITE, 201, super::UPLOAD_SIZE);
    pub const BEGIN_FF_ERASE:  u32 = of(READ | WRITE, 202, super::ERASE_SIZE);
    pub const END_FF_ERASE:    u32 = of(WRITE, 203, super::ERASE_SIZE);

    /// Those that take a value although their numbers promise an address, or a string, whose length they do not know: who
    /// reads by the number what an address leads to would say EFAULT.
    pub const VALUES: [u32; 11] = [
        SET_EVBIT, SET_KEYBIT, SET_RELBIT, SET_ABSBIT, SET_MSCBIT, SET_LEDBIT, SET_SNDBIT, SET_FFBIT, SET_PHYS, SET_SWBIT,
        SET_PROPBIT,
    ];
}

const _: () = assert!(SETUP_SIZE == 92 && ABS_SETUP_SIZE == 28 && USER_DEV_SIZE == 1116 && UPLOAD_SIZE == 104);
