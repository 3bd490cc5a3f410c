//! What a flash says when it is gone, by contract.

use super::decode::{Operation, Refusal};
use crate::{Contract, Errno, Fate, LinuxSays, PollBits, Terms};

pub(super) const ORDERS: Terms = Terms {
    calls: "read, write, MEMREAD, MEMWRITE, MEMREADOOB, MEMWRITEOOB, MEMERASE, MEMLOCK, MEMUNLOCK, MEMISLOCKED, MEMGETBADBLOCK, MEMSETBADBLOCK",
    strict: Fate::Fails(Errno::NODEV),
    // As of a flash that does not answer.
    quiet: Fate::Fails(Errno::IO),
    // del_mtd_device of drivers/mtd/mtdcore.c takes names away; an open file goes on to the driver.
    linux: Fate::StandIn,
    linux_orderly: Fate::StandIn,
};
const QUESTIONS: Terms = Terms {
    calls: "MEMGETINFO, MEMGETREGIONCOUNT, MEMGETOOBSEL, ECCGETLAYOUT, ECCGETSTATS, MTDFILEMODE, OTPSELECT",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};
const PARTITIONS: Terms = Terms {
    calls: "BLKPG",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Fails(Errno::IO),
    // As Linux says of each partition, gone or not, and only partitions go while somebody has them open there.
    linux: Fate::Fails(Errno::INVAL),
    linux_orderly: Fate::Fails(Errno::INVAL),
};
const INVALID: Terms = Terms {
    calls: "anything else",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};

/// The whole table.
pub const ZOMBIE: [&Terms; 4] = [&ORDERS, &QUESTIONS, &PARTITIONS, &INVALID];

/// Measured by the yardstick (docs/yardstick.md) on partitions, and not noticeable: they refuse BLKPG alive, too.
pub fn linux_says() -> LinuxSays {
    LinuxSays { measured: true, noticeable: false }
}

/// The row for an operation, or for one that could not be decoded.
pub(super) fn terms(operation: &Result<Operation, Refusal>) -> &'static Terms {
    match operation {
        Ok(Operation::Order { .. }) => &ORDERS,
        Ok(Operation::Tell { .. } | Operation::Statistics { .. } | Operation::Mode { .. }) => &QUESTIONS,
        Ok(Operation::Partition(_)) => &PARTITIONS,
        Ok(Operation::Nothing(_)) | Err(_) => &INVALID,
    }
}

/// What poll says of a zombie.
pub const fn poll(contract: Contract) -> PollBits {
    match contract {
        Contract::Strict | Contract::Quiet => PollBits::ZOMBIE,
        // mtdchar has no poll operation.
        Contract::Linux => PollBits::ALWAYS_READY,
    }
}
