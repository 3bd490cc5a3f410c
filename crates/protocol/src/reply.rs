//! What a driver answers, as frames carry it.

use outlive_classes::{
    i2c::{self, Message},
    mtd::{self, Done},
    tpm,
};

/// How a call of a driver ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// It was cancelled.
    Cancelled,
    /// The messages again, with what was read.
    I2c(Result<Vec<Message>, i2c::Error>),
    /// What a flash did.
    Mtd(Result<Done, mtd::Error>),
    /// The response of a TPM.
    Tpm(Result<Vec<u8>, tpm::Error>),
}
