//! How an operation ended: the number in the header of its answer. The table *Status* of `docs/driver-protocol.md`.

use outlive_classes::{
    i2c,
    mtd::{self, Fault},
    tpm,
};

/// It did.
pub const OK: u32 = 0;
/// It was cancelled, as the host wished.
pub const CANCELLED: u32 = 1;
/// Anything else.
pub const IO: u32 = 2;
/// The hardware took too long.
pub const TIMED_OUT: u32 = 3;
/// The device cannot do this.
pub const UNSUPPORTED: u32 = 4;
/// i2c: nobody answered to the address.
pub const NO_ACKNOWLEDGE: u32 = 5;
/// i2c: the chip refused a byte of data.
pub const DATA_REFUSED: u32 = 6;
/// i2c: another master won the bus.
pub const ARBITRATION_LOST: u32 = 7;
/// i2c: the chip did not follow the protocol.
pub const PROTOCOL: u32 = 8;
/// i2c: a model has no room to keep what was written.
pub const NO_SPACE: u32 = 9;
/// mtd: something of it is locked.
pub const LOCKED: u32 = 10;
/// mtd: a block is bad.
pub const BAD: u32 = 11;
/// mtd: what it is a part of has gone.
pub const GONE: u32 = 12;

/// The number of an error of i2c.
pub fn of_i2c(error: i2c::Error) -> u32 {
    match error {
        i2c::Error::NoAcknowledge => NO_ACKNOWLEDGE,
        i2c::Error::DataRefused => DATA_REFUSED,
        i2c::Error::ArbitrationLost => ARBITRATION_LOST,
        i2c::Error::Protocol => PROTOCOL,
        i2c::Error::Unsupported => UNSUPPORTED,
        i2c::Error::TimedOut => TIMED_OUT,
        i2c::Error::NoSpace => NO_SPACE,
        _ => IO,
    }
}

/// The error of i2c of that number.
pub fn i2c(status: u32) -> Option<i2c::Error> {
    Some(match status {
        IO => i2c::Error::Io,
        TIMED_OUT => i2c::Error::TimedOut,
        UNSUPPORTED => i2c::Error::Unsupported,
        NO_ACKNOWLEDGE => i2c::Error::NoAcknowledge,
        DATA_REFUSED => i2c::Error::DataRefused,
        ARBITRATION_LOST => i2c::Error::ArbitrationLost,
        PROTOCOL => i2c::Error::Protocol,
        NO_SPACE => i2c::Error::NoSpace,
        _ => return None,
    })
}

/// The number of an error of mtd.
pub fn of_mtd(fault: mtd::Fault) -> u32 {
    match fault {
        Fault::Locked => LOCKED,
        Fault::Bad => BAD,
        Fault::TimedOut => TIMED_OUT,
        Fault::Unsupported => UNSUPPORTED,
        Fault::Gone => GONE,
        _ => IO,
    }
}

/// The error of mtd of that number.
pub fn mtd(status: u32) -> Option<mtd::Fault> {
    Some(match status {
        IO => Fault::Io,
        TIMED_OUT => Fault::TimedOut,
        UNSUPPORTED => Fault::Unsupported,
        LOCKED => Fault::Locked,
        BAD => Fault::Bad,
        GONE => Fault::Gone,
        _ => return None,
    })
}

/// The number of an error of tpm.
pub fn of_tpm(error: tpm::Error) -> u32 {
    match error {
        tpm::Error::TimedOut => TIMED_OUT,
        tpm::Error::Canceled => CANCELLED,
        _ => IO,
    }
}

/// The error of tpm of that number.
pub fn tpm(status: u32) -> Option<tpm::Error> {
    Some(match status {
        IO => tpm::Error::Io,
        TIMED_OUT => tpm::Error::TimedOut,
        _ => return None,
    })
}
