//! What a driver of this class is: an adapter that carries out transfers on its bus.

use crate::Errno;
use outlive::{Noticer, Request};
use std::{borrow::Cow, fmt};

/// A transfer in its adapter's hands.
pub type Transfer = Request<super::Shared, Box<dyn Adapter>, Result<Vec<Message>, Error>>;

/// An I2C adapter.
///
/// It is called inside the gate and must not block. It may keep a [`Transfer`] and answer it later; then it registers
/// [`Request::on_cancel`] and lets go when told.
pub trait Adapter: Send + Sync + fmt::Debug {
    /// What it can do: the `I2C_FUNC_*` bits of `linux/i2c.h`.
    fn functionality(&self) -> u32;

    /// What it is called: the attribute `name` of /sys, and a column of `i2cdetect -l`.
    fn name(&self) -> String {
        "Outlive I2C adapter".to_owned()
    }

    /// Carries out `messages` in one go: a start condition before each (none before one with `I2C_M_NOSTART`), a stop
    /// after the last. The answer is the messages again, with what was read filled in.
    fn transfer(&self, messages: Vec<Message>, transfer: Transfer);

    /// Whether a driver in the kernel would have claimed the chip at `address`, so that `I2C_SLAVE` says EBUSY.
    fn is_claimed(&self, address: u16) -> bool {
        let _ = address;
        false
    }

    /// The chips that drivers in the kernel would have claimed, each once: what programs hear of as bound.
    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }

    /// A copy of it as it is, which touches nothing of it: no hardware, no file. After a removal under
    /// [`Contract::Linux`](crate::Contract) it answers in its stead. Without one transfers say EIO then.
    fn stand_in(&self) -> Option<Box<dyn Adapter>> {
        None
    }

    /// Given to the adapter as it is plugged in, once for each of its lives: by this it may say at any time, from any
    /// thread and from inside a transfer, that its hardware has gone (I34).
    fn plugged(&self, noticer: &Noticer) {
        let _ = noticer;
    }

    /// The last word after the drain of an orderly removal, by whoever owns the adapter then (I12).
    fn teardown(&mut self) {}
}

/// A chip that a driver in the kernel would have claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Its address; the first, if it has several.
    pub address: u16,
    /// What it is, as in its modalias: `24c02`.
    pub chip: String,
    /// The driver: `at24`.
    pub driver: Cow<'static, str>,
}

/// One message of a transfer, as `struct i2c_msg`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The chip's address: 7 bits, or 10 with `I2C_M_TEN`.
    pub address: u16,
    /// `I2C_M_*` of `linux/i2c.h`.
    pub flags: u16,
    /// What is written; or room for what is read, filled in by the adapter. With `I2C_M_RECV_LEN` the adapter makes it
    /// as long as the block that the chip announced (at most 32) plus what was asked for besides.
    pub data: Vec<u8>,
}

/// Why a transfer failed. The kernel's `Documentation/i2c/fault-codes.rst` says which number each has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answered to the address: ENXIO.
    NoAcknowledge,
    /// The chip refused a byte of data: EREMOTEIO.
    DataRefused,
    /// Another master won the bus: EAGAIN; tried again as often as `I2C_RETRIES` says.
    ArbitrationLost,
    /// The chip did not follow the protocol, such as a block length of 0 or over 32: EPROTO.
    Protocol,
    /// The adapter cannot do this: EOPNOTSUPP.
    Unsupported,
    /// The bus or the chip took too long: ETIMEDOUT.
    TimedOut,
    /// A model has no room to keep what was written: ENOSPC. No hardware says so.
    NoSpace,
    /// Anything else: EIO.
    Io,
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        match error {
            Error::NoAcknowledge => Errno::NXIO,
            Error::DataRefused => Errno::REMOTEIO,
            Error::ArbitrationLost => Errno::AGAIN,
            Error::Protocol => Errno::PROTO,
            Error::Unsupported => Errno::OPNOTSUPP,
            Error::TimedOut => Errno::TIMEDOUT,
            Error::NoSpace => Errno::NOSPC,
            Error::Io => Errno::IO,
        }
    }
}
