//! What a driver of this class is: a provider of channels that copy memory.

use super::{Capabilities, Transaction, Transfer};
use crate::{Errno, plugged::open_errno};
use outlive::{Gone, Refused, State};
use std::{fmt, time::Duration};

/// Names a channel of its provider, from 0 on: the 3 of `dma0chan3`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChannelId(pub usize);

/// A DMA engine's driver: what stands in `struct dma_device`.
///
/// It is called inside the gate and must not block. Each [`Transaction`] that it was issued is its own until it
/// completes it, at once or later, from any thread. It may complete inside of these calls and with locks of its own
/// held, since no callback is called before it has returned; elsewhere it must hold no lock, as dmaengine asks of its
/// drivers, too.
///
/// One that parks transactions registers [`Transaction::on_cancel`] and lets go; while it copies, it looks whether it
/// [is to stop](Transaction::is_stopped) from time to time.
pub trait Provider: Send + Sync + fmt::Debug {
    /// What it can do. Asked once, when it is plugged in.
    fn capabilities(&self) -> Capabilities;

    /// Makes a channel ready for a consumer: `device_alloc_chan_resources`.
    ///
    /// # Errors
    /// The channel is not given out then.
    fn allocate(&self, channel: ChannelId) -> Result<(), Error> {
        let _ = channel;
        Ok(())
    }

    /// The consumer has released the channel, and its last transaction is back: `device_free_chan_resources`. Not called
    /// any more once the provider has gone.
    fn free(&self, channel: ChannelId) {
        let _ = channel;
    }

    /// Whether it can carry out this transfer, of a kind that it has: `device_prep_dma_*`, which return NULL if not.
    ///
    /// # Errors
    /// Why it cannot; the consumer gets its memory back.
    fn prepare(&self, channel: ChannelId, transfer: &Transfer) -> Result<(), Error> {
        let _ = (channel, transfer);
        Ok(())
    }

    /// Carries out these one after the other, after those that the channel has been issued before:
    /// `device_issue_pending`.
    fn issue(&self, channel: ChannelId, transactions: Vec<Transaction>);

    /// Stops a channel: `device_terminate_all`. What it has not begun it gives back; what it is at it completes soon,
    /// having seen that it [is to stop](Transaction::is_stopped). A channel that was paused is not any more.
    fn terminate(&self, channel: ChannelId) -> Vec<Transaction>;

    /// Begins and carries on nothing on this channel until it is resumed: `device_pause`. Called only if it said that it
    /// can.
    fn pause(&self, channel: ChannelId) {
        let _ = channel;
    }

    /// `device_resume`.
    fn resume(&self, channel: ChannelId) {
        let _ = channel;
    }

    /// The last word after the drain of an orderly removal, by whoever owns the provider then (I12).
    fn teardown(&mut self) {}
}

/// Why a call of this class failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The provider went: ENODEV.
    Gone(Gone),
    /// The device lives, and is in a state that does not admit this: ENXIO if it is offline, else ENODEV.
    State(State),
    /// No provider has such channels: ENODEV, as `dma_request_chan` says.
    NoChannel,
    /// Those that have such channels have given them all out, or a driver has no room: EBUSY.
    Busy,
    /// The provider cannot do this: ENOSYS, as `dmaengine_pause` and its like say.
    Unsupported,
    /// The transfer makes no sense: EINVAL.
    Invalid(Invalid),
    /// The channel is not paused: EINVAL.
    NotPaused,
    /// The caller is inside a callback that would have to be waited for: EDEADLK.
    InCallback,
    /// The limit passed: ETIMEDOUT.
    TimedOut(Duration),
}

/// What is wrong with a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Invalid {
    /// Nothing is to be copied.
    Empty,
    /// Source and destination are not equally long.
    Mismatch,
    /// A segment names no buffer, or goes beyond its end.
    OutOfBounds,
    /// A piece is to be written twice, or both read and written. What it would hold at the end depends on the engine.
    Overlap,
    /// Shared memory is to be written.
    ReadOnly,
    /// A cyclic transfer is not so and so many whole periods long.
    Period,
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        match error {
            Error::Gone(_) | Error::NoChannel => Errno::NODEV,
            Error::State(state) => open_errno(Refused::State(state)),
            Error::Busy => Errno::BUSY,
            Error::Unsupported => Errno::NOSYS,
            Error::Invalid(_) | Error::NotPaused => Errno::INVAL,
            Error::InCallback => Errno::DEADLK,
            Error::TimedOut(_) => Errno::TIMEDOUT,
        }
    }
}

impl From<Gone> for Error {
    fn from(gone: Gone) -> Error {
        Error::Gone(gone)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        match refused {
            Refused::Gone(gone) => Error::Gone(gone),
            Refused::State(state) => Error::State(state),
            // Nobody is asked who could refuse, and nothing is interrupted, by this class.
            Refused::Driver(_) | Refused::Interrupted => Error::Busy,
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Error {
        Error::Invalid(invalid)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Gone(gone) => gone.fmt(f),
            Error::State(state) => Refused::State(*state).fmt(f),
            Error::NoChannel => f.write_str("no engine has such a channel: plug one in, or copy without"),
            Error::Busy => f.write_str("all such channels are taken: release one, or copy without"),
            Error::Unsupported => f.write_str("the provider cannot do this: see its capabilities"),
            Error::Invalid(invalid) => invalid.fmt(f),
            Error::NotPaused => f.write_str("the channel is not paused"),
            Error::InCallback => f.write_str("a callback cannot wait for itself: do it after it has returned"),
            Error::TimedOut(limit) => write!(f, "not within {limit:?}"),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invalid::Empty => "nothing is to be copied",
            Invalid::Mismatch => "source and destination are not equally long",
            Invalid::OutOfBounds => "a segment names no buffer, or goes beyond its end",
            Invalid::Overlap => "a piece is to be written twice, or both read and written",
            Invalid::ReadOnly => "shared memory is to be written",
            Invalid::Period => "a cyclic transfer must be a whole number of periods long",
        })
    }
}

impl std::error::Error for Error {}
