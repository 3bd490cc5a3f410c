//! What a board says when it is gone, by contract.

use super::file::Operation;
use crate::{Contract, Errno, Fate, LinuxSays, PollBits, Terms};

pub(super) const READ: Terms = Terms {
    calls: "read",
    strict: Fate::Fails(Errno::NODEV),
    // As of a board without an interrupt (Documentation/driver-api/uio-howto.rst).
    quiet: Fate::Fails(Errno::IO),
    // uio_read of drivers/uio/uio.c, once uio_unregister_device has taken the info away.
    linux: Fate::Fails(Errno::IO),
    linux_orderly: Fate::Fails(Errno::IO),
};
const CONTROL: Terms = Terms {
    calls: "write",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Fails(Errno::IO),
    // uio_write
    linux: Fate::Fails(Errno::INVAL),
    linux_orderly: Fate::Fails(Errno::INVAL),
};
pub(super) const MAP: Terms = Terms {
    calls: "mmap",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Fails(Errno::NODEV),
    // uio_mmap
    linux: Fate::Fails(Errno::INVAL),
    linux_orderly: Fate::Fails(Errno::INVAL),
};
const INVALID: Terms = Terms {
    calls: "any other call",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};

/// The whole table. uio_unregister_device knows one way of going only.
pub const ZOMBIE: [&Terms; 4] = [&READ, &CONTROL, &MAP, &INVALID];

/// Measured by the yardstick (docs/yardstick.md), and noticeable.
pub fn linux_says() -> LinuxSays {
    LinuxSays::by(&ZOMBIE, true)
}

/// The row for a call, or for one that is none of this class.
pub(super) fn terms(operation: &Result<Operation, Errno>) -> &'static Terms {
    match operation {
        Ok(Operation::Read) => &READ,
        Ok(Operation::Control(_)) => &CONTROL,
        Err(_) => &INVALID,
    }
}

/// Whether a count that came before the mark can be read after it (I18).
pub(super) const fn delivers_the_count(contract: Contract) -> bool {
    !matches!(contract, Contract::Linux)
}

/// What poll says of a zombie that has nothing to read.
pub const fn poll(contract: Contract) -> PollBits {
    match contract {
        Contract::Strict | Contract::Quiet => PollBits::ZOMBIE,
        Contract::Linux => MINUS_EIO,
    }
}

/// uio_poll returns -EIO where bits are expected: all but OUT (the bits of `linux/eventpoll.h`).
const MINUS_EIO: PollBits = PollBits(0x27fb);
