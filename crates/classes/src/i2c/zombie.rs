//! What a bus says when it is gone, by contract.

use super::decode::{Operation, Setting};
use crate::{Contract, Errno, Fate, PollBits, Terms};

pub(super) const TRANSFERS: Terms = Terms {
    calls: "I2C_RDWR, I2C_SMBUS, read, write",
    strict: Fate::Fails(Errno::NODEV),
    // As of a bus on which no chip answers (Documentation/i2c/fault-codes.rst).
    quiet: Fate::Fails(Errno::NXIO),
    // i2c_del_adapter waits for whoever has it open (drivers/i2c/i2c-core-base.c), and until then nothing changes:
    // measured, docs/yardstick.md.
    linux: Fate::StandIn,
};
const SETTINGS: Terms = Terms {
    calls: "I2C_SLAVE, I2C_SLAVE_FORCE, I2C_TENBIT, I2C_PEC, I2C_RETRIES, I2C_TIMEOUT",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    linux: Fate::Kept,
};
const FUNCTIONALITY: Terms =
    Terms { calls: "I2C_FUNCS", strict: Fate::Fails(Errno::NODEV), quiet: Fate::Kept, linux: Fate::Kept };
const INVALID: Terms =
    Terms { calls: "anything else", strict: Fate::Fails(Errno::NODEV), quiet: Fate::Kept, linux: Fate::Kept };

/// The whole table.
pub const ZOMBIE: [&Terms; 4] = [&TRANSFERS, &SETTINGS, &FUNCTIONALITY, &INVALID];

/// The row for an operation, or for one that could not be decoded.
pub(super) fn terms(operation: &Result<Operation, Errno>) -> &'static Terms {
    match operation {
        Ok(Operation::Transfer { .. }) => &TRANSFERS,
        Ok(Operation::Set(
            Setting::Address { .. } | Setting::TenBit(_) | Setting::Pec(_) | Setting::Retries(_) | Setting::Timeout(_),
        )) => &SETTINGS,
        Ok(Operation::Functionality { .. }) => &FUNCTIONALITY,
        Err(_) => &INVALID,
    }
}

/// What poll says of a zombie.
pub const fn poll(contract: Contract) -> PollBits {
    match contract {
        Contract::Strict | Contract::Quiet => PollBits::ZOMBIE,
        // i2c-dev has no poll operation.
        Contract::Linux => PollBits::ALWAYS_READY,
    }
}
