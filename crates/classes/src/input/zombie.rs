//! What an input device says when it is gone, by contract.

use super::decode::Operation;
use crate::{Contract, Errno, Fate, LinuxSays, PollBits, Terms};

const GONE: Fate = Fate::Fails(Errno::NODEV);

/// Linux' evdev has the events of its queue, says IN, and does not give them (`evdev_read` of `drivers/input/evdev.c`).
pub(super) const READ: Terms = Terms {
    calls: "read, when there are events",
    strict: Fate::Kept,
    quiet: Fate::Kept,
    linux: GONE,
    linux_orderly: GONE,
};
pub(super) const READ_NOTHING: Terms =
    Terms { calls: "read, when there are none", strict: GONE, quiet: GONE, linux: GONE, linux_orderly: GONE };
/// It is woken by the keys that go up, and gives them; else as one that comes later.
pub(super) const SLEEPING: Terms = Terms {
    calls: "a read that sleeps, when keys were down",
    strict: Fate::Kept,
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};
/// Quiet: as if it had been heard by nobody.
pub(super) const WRITE: Terms =
    Terms { calls: "write", strict: GONE, quiet: Fate::Kept, linux: GONE, linux_orderly: GONE };
/// Cleaning up what is one's own works (I23).
pub(super) const ERASE: Terms = Terms {
    calls: "EVIOCRMFF of an effect of one's own",
    strict: Fate::Kept,
    quiet: Fate::Kept,
    linux: GONE,
    linux_orderly: GONE,
};
pub(super) const IOCTL: Terms =
    Terms { calls: "any other ioctl", strict: GONE, quiet: Fate::Kept, linux: GONE, linux_orderly: GONE };
/// evdev looks at the length first.
pub(super) const SHORT: Terms = Terms {
    calls: "read or write of less than an event",
    strict: GONE,
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};

/// The whole table. evdev knows one way of going only.
pub const ZOMBIE: [&Terms; 7] = [&READ, &READ_NOTHING, &SLEEPING, &WRITE, &ERASE, &IOCTL, &SHORT];

/// Measured on Linux (what is measured stands in docs/linux.md), and noticeable.
pub fn linux_says() -> LinuxSays {
    LinuxSays::by(&ZOMBIE, true)
}

/// The row for a call that is no read of a whole event, and destroys nothing of its client's.
pub(super) fn terms(operation: &Result<Operation, Errno>, is_ioctl: bool) -> &'static Terms {
    match operation {
        Ok(Operation::Read { .. }) => &READ_NOTHING,
        Ok(Operation::Write { .. }) => &WRITE,
        Err(_) if !is_ioctl => &SHORT,
        Ok(_) | Err(_) => &IOCTL,
    }
}

/// Whether events that came before the mark can be read after it (I18).
pub(super) const fn delivers(contract: Contract) -> bool {
    !matches!(contract, Contract::Linux)
}

/// What poll says of a zombie, of a client whose access has been revoked (`evdev_poll`), and of both.
pub const fn poll(something: bool) -> PollBits {
    let something = if something { PollBits::IN.0 | PollBits::RDNORM.0 } else { 0 };
    PollBits(PollBits::ZOMBIE.0 | something)
}

/// What it says of a device that is there.
pub const fn alive(something: bool) -> PollBits {
    let something = if something { PollBits::IN.0 | PollBits::RDNORM.0 } else { 0 };
    PollBits(PollBits::OUT.0 | PollBits::WRNORM.0 | something)
}
