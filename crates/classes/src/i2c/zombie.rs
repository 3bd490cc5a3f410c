//! What a bus says when it is gone, by contract.

use super::decode::{Operation, Setting};
use crate::{Contract, Errno, Fate, LinuxSays, PollBits, Terms};

pub(super) const TRANSFERS: Terms = Terms {
    calls: "I2C_RDWR, I2C_SMBUS, read, write",
    strict: Fate::Fails(Errno::NODEV),
    // As of a bus on which no chip answers (Documentation/i2c/fault-codes.rst).
    quiet: Fate::Fails(Errno::NXIO),
    // i2c_del_adapter waits for whoever has it open (drivers/i2c/i2c-core-base.c), and until then calls go on to the
    // adapter's driver: measured, docs/yardstick.md. It fails without its hardware, as i2c-tiny-usb does (usb_xfer of
    // drivers/i2c/busses/i2c-tiny-usb.c), and works with it.
    linux: Fate::Fails(Errno::IO),
    linux_orderly: Fate::StandIn,
};
const SETTINGS: Terms = Terms {
    calls: "I2C_SLAVE, I2C_SLAVE_FORCE, I2C_TENBIT, I2C_PEC, I2C_RETRIES, I2C_TIMEOUT",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};
const FUNCTIONALITY: Terms = Terms {
    calls: "I2C_FUNCS",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    // usb_func of i2c-tiny-usb.c asks the hardware, and cannot say that it failed.
    linux: Fate::Zero,
    linux_orderly: Fate::Kept,
};
const INVALID: Terms = Terms {
    calls: "anything else",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};

/// The whole table.
pub const ZOMBIE: [&Terms; 4] = [&TRANSFERS, &SETTINGS, &FUNCTIONALITY, &INVALID];

/// Measured by the yardstick (docs/yardstick.md), and noticeable by who makes a transfer.
pub fn linux_says() -> LinuxSays {
    LinuxSays::by(&ZOMBIE, true)
}

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
