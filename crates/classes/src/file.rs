//! What a front sees of an open file, whatever its class.

use crate::{Errno, Payload};
use outlive::{Gone, HandleId};
use std::{fmt, sync::Arc};

/// A client's system call on an open file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// `read(2)` of up to `size` bytes.
    Read {
        /// How many bytes the client has room for.
        size: usize,
    },
    /// `write(2)`.
    Write {
        /// What the client wrote.
        data: Vec<u8>,
    },
    /// `ioctl(2)`.
    Ioctl {
        /// The request number.
        command: u32,
        /// The argument as it came: a value, or an address in the client's memory.
        argument: u64,
    },
}

impl Call {
    /// The system call's name.
    pub fn name(&self) -> &'static str {
        match self {
            Call::Read { .. } => "read",
            Call::Write { .. } => "write",
            Call::Ioctl { .. } => "ioctl",
        }
    }
}

/// What a call that succeeded gives its client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A number: what ioctl or write returns.
    Value(i32),
    /// What was read.
    Data(Vec<u8>),
}

/// How a file was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenFlags {
    /// For reading, writing, or both.
    pub access: Access,
    /// `O_NONBLOCK`.
    pub nonblock: bool,
}

/// The access mode of an open file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// `O_RDONLY`
    Read,
    /// `O_WRONLY`
    Write,
    /// `O_RDWR`
    ReadWrite,
}

/// A client's memory, seen from outside.
///
/// An address that a client sends proves nothing until it is used, and its content may change at any time. So read a
/// structure **once** into memory of your own, check that copy, and use that copy:
///
/// ```
/// # use outlive_classes::{Memory, Fault, Errno};
/// # fn example(memory: &dyn Memory, address: u64) -> Result<Vec<u8>, Errno> {
/// let mut length = [0; 1];
/// memory.read(address, &mut length)?;         // fetched once ...
/// if length[0] > 32 { return Err(Errno::INVAL); }
/// let mut data = vec![0; length[0] as usize]; // ... and this is the value that was checked.
/// memory.read(address + 1, &mut data)?;       // Wrong would be to fetch the length again here.
/// # Ok(data) }
/// ```
pub trait Memory: Send + Sync {
    /// Copies from the client's `address`. All of it, or [`Fault`].
    ///
    /// # Errors
    /// [`Fault`] if any byte of the range cannot be read.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault>;

    /// Copies to the client's `address`. On [`Fault`] some bytes may have been written.
    ///
    /// # Errors
    /// [`Fault`] if any byte of the range cannot be written.
    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault>;
}

/// The client has no such memory: EFAULT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault;

impl From<Fault> for Errno {
    fn from(_: Fault) -> Errno {
        Errno::FAULT
    }
}

/// Where the answer to one call goes. Made by a front, one for each call.
///
/// Dropping one without completing it answers EIO: no client ever waits for an answer that was forgotten.
pub trait Completion: Send {
    /// The call has been decoded and is about to enter the gate; `what` is how its class names it, such as
    /// `I2C_SMBUS read_byte_data 0x50 reg 0x1f`. Called exactly once for each call, also for one that turns out to be
    /// invalid, before anything reaches the driver. Whoever listens may unplug the device in here.
    fn arrived(&mut self, what: &dyn fmt::Display);

    /// What the client sent with the call, right after its arrival, if the call is valid. `payload` is only made if
    /// somebody wants to know; `None`: there is nothing but the words of [`arrived`](Completion::arrived).
    fn sent(&mut self, payload: &dyn Fn() -> Option<Payload>) {
        let _ = payload;
    }

    /// What the device gave for an ioctl, right before it is written to the client's memory. `payload` is only made if
    /// somebody wants to know. If the client has no such memory, an error follows; else, or if nothing was given, the
    /// answer. (For a read the answer itself is what the device gave.)
    fn brought(&mut self, payload: &dyn Fn() -> Option<Payload>) {
        let _ = payload;
    }

    /// The answer. May be called on any thread.
    fn complete(self: Box<Self>, answer: Result<Answer, Errno>);

    /// The answer, once `deliver` has written it to the client's memory. May be called on any thread; the front chooses
    /// where `deliver` runs, since it takes as long as the client likes: its memory may be one that never comes.
    fn complete_with(self: Box<Self>, deliver: Box<dyn FnOnce() -> Result<Answer, Errno> + Send>) {
        self.complete(deliver());
    }
}

/// The bits of `poll(2)`, from `asm-generic/poll.h`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PollBits(pub u32);

impl PollBits {
    /// There is something to read.
    pub const IN: PollBits = PollBits(0x0001);
    /// Something can be written.
    pub const OUT: PollBits = PollBits(0x0004);
    /// An error: set on every zombie (I19).
    pub const ERR: PollBits = PollBits(0x0008);
    /// The device is gone: set on every zombie and on nothing else (I19, I20).
    pub const HUP: PollBits = PollBits(0x0010);
    /// As `IN`.
    pub const RDNORM: PollBits = PollBits(0x0040);
    /// As `OUT`.
    pub const WRNORM: PollBits = PollBits(0x0100);

    /// What a driver without a poll operation says in Linux (`DEFAULT_POLLMASK` of `linux/poll.h`).
    pub const ALWAYS_READY: PollBits = PollBits(0x0001 | 0x0004 | 0x0040 | 0x0100);
    /// What a zombie says (I19).
    pub const ZOMBIE: PollBits = PollBits(0x0008 | 0x0010);

    /// The names of the bits that are set, without the `POLL`.
    pub fn names(self) -> Vec<&'static str> {
        let names = [("IN", 1), ("OUT", 4), ("ERR", 8), ("HUP", 16), ("RDNORM", 64), ("WRNORM", 256)];
        names.iter().filter(|(_, bit)| self.0 & bit != 0).map(|(name, _)| *name).collect()
    }

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: PollBits) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for PollBits {
    type Output = PollBits;

    fn bitor(self, other: PollBits) -> PollBits {
        PollBits(self.0 | other.0)
    }
}

impl fmt::Debug for PollBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.names();
        write!(f, "{}", if set.is_empty() { "0".to_owned() } else { set.join("|") })
    }
}

/// An open file of any class, as a front sees it. It outlives its device.
pub trait File: Send + Sync {
    /// Carries out one call. Never blocks for the device: what takes its time is answered later through `completion`.
    /// The result is the call's number on its device if it went inside and may be cancelled by [`File::cancel`]; it may
    /// have been answered by then.
    fn call(&self, call: Call, memory: Arc<dyn Memory>, completion: Box<dyn Completion>) -> Option<u64>;

    /// The client of call `number` is being killed: it shall be answered now. Nothing happens if it has been.
    fn cancel(&self, number: u64);

    /// The state of the file for `poll(2)`.
    fn poll(&self) -> PollBits;

    /// Calls `wake` once when the device goes, if its contract has poll tell of it; at once if it is gone. Dropping the result takes it back. `wake` must
    /// not block.
    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync>;

    /// Whether the device is gone.
    fn gone(&self) -> Option<Gone>;

    /// Which open file this is.
    fn id(&self) -> HandleId;
}
