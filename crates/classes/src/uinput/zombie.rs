//! What /dev/uinput says when it is gone, by contract. Linux knows no such removal: its module stays while anybody has the
//! device open (`module_misc_device` of `drivers/input/misc/uinput.c`), so its contract is as strict.

use super::decode::Operation;
use crate::{Errno, Fate, LinuxSays, Terms};

const GONE: Fate = Fate::Fails(Errno::NODEV);

pub(super) const READ: Terms = Terms { calls: "read", strict: GONE, quiet: GONE, linux: GONE, linux_orderly: GONE };
/// Quiet: as if nobody had heard of it.
pub(super) const WRITE: Terms =
    Terms { calls: "write", strict: GONE, quiet: Fate::Kept, linux: GONE, linux_orderly: GONE };
pub(super) const CREATE: Terms =
    Terms { calls: "UI_DEV_CREATE", strict: GONE, quiet: GONE, linux: GONE, linux_orderly: GONE };
/// What the program had made went before this device did (I23).
pub(super) const DESTROY: Terms = Terms {
    calls: "UI_DEV_DESTROY",
    strict: Fate::Kept,
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};
pub(super) const IOCTL: Terms =
    Terms { calls: "any other ioctl", strict: GONE, quiet: Fate::Kept, linux: GONE, linux_orderly: GONE };

/// The whole table.
pub const ZOMBIE: [&Terms; 5] = [&READ, &WRITE, &CREATE, &DESTROY, &IOCTL];

/// There is nothing of Linux' to measure.
pub fn linux_says() -> LinuxSays {
    LinuxSays::by(&ZOMBIE, false)
}

/// The row for a call.
pub(super) fn terms(operation: &Result<Operation, Errno>, is_ioctl: bool) -> &'static Terms {
    match operation {
        Ok(Operation::Read { .. }) => &READ,
        Ok(Operation::Write { .. }) => &WRITE,
        Ok(Operation::Create) => &CREATE,
        Ok(Operation::Destroy) => &DESTROY,
        Err(_) if !is_ioctl => &READ,
        Ok(_) | Err(_) => &IOCTL,
    }
}
