//! The operations of a lab as they happen, for `outlive trace`: what strace(1) would print if it knew the class.
//!
//! A [`Tracer`] watches a lab and queues [`Record`]s; whoever prints them takes them from the queue. The queue is bounded
//! and nobody who uses a device waits for its reader: what finds it full is counted and dropped.

mod tally;
mod tracer;

pub use outlive_classes::{Payload, PollBits};
pub use tally::{Tally, kind};
pub use tracer::{Batch, Tracer, Wanted};

use crate::{lab::DeviceChange, trial::Answered};
use std::time::Duration;

/// Something that happened.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// When, since the tracer began. Of an operation: when it arrived.
    pub at: Duration,
    /// The device: `i2c-7`.
    pub device: String,
    /// What it was.
    pub event: Event,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// An operation has been answered, or never will be.
    Operation(Operation),
    /// An operation has been on its way for [`Tracer::STALL`] and has no answer yet. It will come as an
    /// [`Event::Operation`] as well.
    Begun(Operation),
    /// The last descriptor of an open file was closed.
    Closed {
        /// The open file.
        handle: u64,
    },
    /// An open file was polled.
    Polled {
        /// The open file.
        handle: u64,
        /// Who polled.
        caller: Caller,
        /// What it was told.
        bits: PollBits,
        /// Whether it waits now; when it wakes it polls again.
        waits: bool,
    },
    /// Something became of the device.
    Changed {
        /// Which life of it.
        generation: u64,
        /// What became of it.
        change: DeviceChange,
    },
}

/// Who made a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The thread.
    pub pid: u32,
    /// That thread's name at the time; empty if it had ended.
    pub comm: String,
}

/// One operation on a device.
#[derive(Clone, PartialEq, Debug)]
pub struct Operation {
    /// Its number in the lab, from 1.
    pub number: u64,
    /// Who made it.
    pub caller: Caller,
    /// By which open file it came. Of an open that succeeded: the one that it made.
    pub handle: Option<u64>,
    /// The system call: `open`, `read`, `write`, `ioctl`.
    pub call: &'static str,
    /// As the class names it: `I2C_SMBUS read_byte_data 0x50 reg 0x1f`.
    pub what: String,
    /// What the client sent.
    pub sent: Option<Payload>,
    /// What the device gave.
    pub brought: Option<Payload>,
    /// What it got; `None` if it has not been answered.
    pub answer: Option<Answered>,
    /// From its arrival to its answer, or to now.
    pub took: Duration,
    /// Whether it was on its way when its device was marked as gone, and failed.
    pub cut: bool,
    /// Whether an [`Event::Begun`] came before.
    pub resumed: bool,
}
