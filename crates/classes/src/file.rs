//! What a front sees of an open file, whatever its class.

use crate::{Caller, Errno, Payload};
use outlive::{Gone, HandleId};
use std::{fmt, os::fd::BorrowedFd, sync::Arc};

/// A client's system call on an open file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// `read(2)` of up to `size` bytes, of a file without a position.
    Read {
        /// How many bytes the client has room for.
        size: usize,
    },
    /// `write(2)`, to a file without a position.
    Write {
        /// What the client wrote.
        data: Vec<u8>,
    },
    /// `read(2)` or `pread(2)` of up to `size` bytes, of a file with a position.
    ReadAt {
        /// From where, in bytes from the beginning.
        at: u64,
        /// How many bytes the client has room for.
        size: usize,
    },
    /// `write(2)` or `pwrite(2)`, to a file with a position.
    WriteAt {
        /// To where, in bytes from the beginning.
        at: u64,
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
            Call::Read { .. } | Call::ReadAt { .. } => "read",
            Call::Write { .. } | Call::WriteAt { .. } => "write",
            Call::Ioctl { .. } => "ioctl",
        }
    }

    /// The same of a file with a position, at `at` bytes from its beginning.
    #[must_use]
    pub fn at(self, at: u64) -> Call {
        match self {
            Call::Read { size } | Call::ReadAt { size, .. } => Call::ReadAt { at, size },
            Call::Write { data } | Call::WriteAt { data, .. } => Call::WriteAt { at, data },
            Call::Ioctl { .. } => self,
        }
    }

    /// How many bytes a read has room for; 0 of other calls.
    pub fn room(&self) -> usize {
        match self {
            Call::Read { size } | Call::ReadAt { size, .. } => *size,
            Call::Write { .. } | Call::WriteAt { .. } | Call::Ioctl { .. } => 0,
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
    /// Both bits of `O_ACCMODE`: for ioctls only. To open it so takes the rights to read and to write (open(2)).
    Neither,
}

impl Access {
    /// Whether it is open for reading.
    pub const fn reads(self) -> bool {
        matches!(self, Access::Read | Access::ReadWrite)
    }

    /// Whether it is open for writing.
    pub const fn writes(self) -> bool {
        matches!(self, Access::Write | Access::ReadWrite)
    }
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

    /// Says that these ranges (address, bytes) will be read next, in this order. A hint: where each piece has to be asked
    /// for, they can be asked for together.
    fn expect(&self, ranges: &[(u64, usize)]) {
        let _ = ranges;
    }

    /// Gives the client a descriptor of `memory`, and says its number: as a dma-buf is exported.
    ///
    /// # Errors
    /// EOPNOTSUPP of a front that cannot; EMFILE of a client that has too many.
    fn lend(&self, memory: &dyn SharedMemory, writable: bool, close_on_exec: bool) -> Result<i32, Errno> {
        let _ = (memory, writable, close_on_exec);
        Err(Errno::OPNOTSUPP)
    }

    /// The memory that was [lent](Memory::lend), here or by another device, and that the client has as `descriptor`.
    ///
    /// # Errors
    /// EOPNOTSUPP of a front that cannot; EBADF if there is no such descriptor, EINVAL if it is of something else.
    fn lent(&self, descriptor: i32) -> Result<Arc<dyn SharedMemory>, Errno> {
        let _ = descriptor;
        Err(Errno::OPNOTSUPP)
    }

    /// Whose it is. To find out takes its time, so only who needs to know asks. `None` from a front that cannot tell.
    fn caller(&self) -> Option<Caller> {
        None
    }
}

/// The client has no such memory: EFAULT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault;

/// No memory: of who calls a file in process, without pointers.
#[derive(Clone, Copy, Debug)]
pub struct NoMemory;

impl Memory for NoMemory {
    fn read(&self, _: u64, _: &mut [u8]) -> Result<(), Fault> {
        Err(Fault)
    }

    fn write(&self, _: u64, _: &[u8]) -> Result<(), Fault> {
        Err(Fault)
    }
}

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

    /// The call is about to succeed although its device has gone, and what it brings is nothing: [`Fate::Zero`]. For those who
    /// look for programs that take such an answer at its word.
    ///
    /// [`Fate::Zero`]: crate::Fate::Zero
    fn hollow(&mut self) {}

    /// The answer. May be called on any thread.
    fn complete(self: Box<Self>, answer: Result<Answer, Errno>);

    /// The answer, once `deliver` has written it to the client's memory. May be called on any thread; the front chooses
    /// where `deliver` runs, since it takes as long as the client likes: its memory may be one that never comes.
    fn complete_with(self: Box<Self>, deliver: Box<dyn FnOnce() -> Result<Answer, Errno> + Send>) {
        self.complete(deliver());
    }
}

/// What `mmap(2)` asks of an open file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapCall {
    /// From where in the file, in bytes; a multiple of [`PAGE_SIZE`].
    pub offset: u64,
    /// How many bytes, 1 at least. What is mapped are whole pages.
    pub length: u64,
    /// How the file is open.
    pub access: Access,
    /// `MAP_SHARED`: what is written reaches the device.
    pub shared: bool,
}

impl fmt::Display for MapCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.shared { "shared" } else { "private" };
        write!(f, "{:#x} at {:#x}, {kind}", self.length, self.offset)
    }
}

/// The unit of mappings, in bytes: as on x86-64.
pub const PAGE_SIZE: u64 = 4096;

/// What a client's `mmap(2)` is carried out with.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The memory.
    pub memory: Arc<dyn SharedMemory>,
    /// From where in it, in bytes.
    pub offset: u64,
}

/// Memory that a device shares with those who map it, for one of its lives: each sees at once what the other writes.
///
/// The device's side reads and writes by words of 32 bits, as over a bus; there is no tearing. A word that lies outside
/// reads as all ones, and writing it does nothing.
pub trait SharedMemory: Send + Sync + fmt::Debug {
    /// In bytes: whole pages.
    fn size(&self) -> u64;

    /// The word at `offset`, a multiple of 4.
    fn load(&self, offset: u64) -> u32;

    /// Writes the word at `offset`, a multiple of 4.
    fn store(&self, offset: u64, value: u32);

    /// What a client's mapping is made from, with no more rights than `access` has. `None` if it cannot be mapped that
    /// way, or at all.
    fn descriptor(&self, access: Access) -> Option<BorrowedFd<'_>>;

    /// Takes the content away: whoever has it mapped finds zeroes, without a signal (I24).
    fn discard(&self);
}

/// The bits of `poll(2)`, from `asm-generic/poll.h`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PollBits(pub u32);

impl PollBits {
    /// There is something to read.
    pub const IN: PollBits = PollBits(0x0001);
    /// Something urgent.
    pub const PRI: PollBits = PollBits(0x0002);
    /// Something can be written.
    pub const OUT: PollBits = PollBits(0x0004);
    /// An error: set on every zombie (I19).
    pub const ERR: PollBits = PollBits(0x0008);
    /// The device is gone: set on every zombie and on nothing else (I19, I20).
    pub const HUP: PollBits = PollBits(0x0010);
    /// Not an open file.
    pub const NVAL: PollBits = PollBits(0x0020);
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
        let names = [
            ("IN", 0x1),
            ("PRI", 0x2),
            ("OUT", 0x4),
            ("ERR", 0x8),
            ("HUP", 0x10),
            ("NVAL", 0x20),
            ("RDNORM", 0x40),
            ("RDBAND", 0x80),
            ("WRNORM", 0x100),
            ("WRBAND", 0x200),
            ("MSG", 0x400),
            ("RDHUP", 0x2000),
        ];
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

    /// Says who has opened it, as soon as it is open. `who` takes its time: see [`Memory::caller`].
    fn opened_by(&self, who: &dyn Fn() -> Option<Caller>) {
        let _ = who;
    }

    /// Reads of `memory` what [`call`](File::call) would read of it, and does nothing else: for a front that has to ask
    /// for every piece of a client's memory. What it misses there is fetched, and then it is called again.
    fn gather(&self, call: &Call, memory: &dyn Memory) {
        let _ = (call, memory);
    }

    /// The client of call `number` is being killed: it shall be answered now. Nothing happens if it has been.
    fn cancel(&self, number: u64);

    /// The state of the file for `poll(2)`.
    fn poll(&self) -> PollBits;

    /// Calls `wake` once when the device goes, if its contract has poll tell of it; at once if it is gone. Dropping the result takes it back. `wake` must
    /// not block.
    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync>;

    /// Calls `wake` whenever [`poll`](File::poll) may have something new to say, until the result is dropped. `wake` must
    /// not block.
    fn on_news(&self, wake: Arc<dyn Fn() + Send + Sync>) -> Box<dyn Send + Sync> {
        self.on_gone(Box::new(move |_| wake()))
    }

    /// Tells whether its calls may sleep now: `O_NONBLOCK`, which fcntl(2) sets at any time.
    fn set_nonblock(&self, nonblock: bool) {
        let _ = nonblock;
    }

    /// Whether it wants to be told whether its calls may sleep: a front may have to find out.
    fn heeds_nonblock(&self) -> bool {
        false
    }

    /// Whether that may matter to a read, or a write, that is made now.
    fn may_sleep(&self, reads: bool) -> bool {
        let _ = reads;
        self.heeds_nonblock()
    }

    /// Whether who asks for it (`F_SETOWN` and `O_ASYNC` of fcntl(2)) gets a signal at each of its news and at the removal: its
    /// driver would have `fasync`.
    fn signals(&self) -> bool {
        false
    }

    /// What `mmap(2)` of it maps.
    ///
    /// # Errors
    /// ENODEV of a class without mappings, and of a device that is gone unless its contract says otherwise.
    fn map(&self, call: &MapCall) -> Result<Mapping, Errno> {
        let _ = call;
        Err(Errno::NODEV)
    }

    /// The end of a file with a position, in bytes: what lseek(2) counts from with SEEK_END, and does not go beyond. A
    /// zombie has one as well.
    fn size(&self) -> u64 {
        0
    }

    /// Whether the device is gone.
    fn gone(&self) -> Option<Gone>;

    /// Which open file this is.
    fn id(&self) -> HandleId;
}
