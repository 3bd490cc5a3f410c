//! What a driver of this class is: flash, which reads, programs and erases.

use crate::Errno;
use outlive::{Noticer, Request};
use std::fmt;

/// A command in its flash's hands.
pub type Order = Request<super::Shared, Box<dyn Flash>, Result<Done, Error>>;

/// A flash: one chip, a part of one, or several as one.
///
/// It is called inside the gate and must not block. It may keep an [`Order`] and answer it later; then it registers
/// [`Request::on_cancel`] and lets go when told. What it had begun stays as it is at that moment, half done (I12): a
/// flash without power finishes nothing.
///
/// The class asks for nothing that lies outside of the [`Geometry`] or is not made up of its units, and for nothing that
/// the geometry says it cannot do.
pub trait Flash: Send + Sync + fmt::Debug {
    /// What it is made of; the same all its life.
    fn geometry(&self) -> Geometry;

    /// What it is called: the name in `/proc/mtd`, and the attribute `name` of /sys.
    fn name(&self) -> String;

    /// Where it begins in the flash that it is a part of, in bytes: the attribute `offset` of /sys. `None` of one that is
    /// no part of another.
    fn offset(&self) -> Option<u64> {
        None
    }

    /// Carries out one command. Commands that are carried out side by side have the effect of some order of them.
    fn begin(&self, command: Command, order: Order);

    /// A copy of it as it is, which touches nothing of it: no hardware, no file. After a removal under
    /// [`Contract::Linux`](crate::Contract) it answers in its stead. Without one every command says EIO then.
    fn stand_in(&self) -> Option<Box<dyn Flash>> {
        None
    }

    /// Given to the flash as it is plugged in, once for each of its lives: by this it may say at any time, from any
    /// thread and from inside a command, that its hardware has gone (I34).
    fn plugged(&self, noticer: &Noticer) {
        let _ = noticer;
    }

    /// The last word after the drain of an orderly removal, by whoever owns the flash then (I12).
    fn teardown(&mut self) {}
}

/// What a flash is: `type` of `struct mtd_info_user` (`mtd/mtd-abi.h`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Memory that is written as it is, and loses nothing by it; erasing is only a way to fill it.
    Ram,
    /// Bits are cleared by programming, one by one, and set by erasing a block.
    Nor,
    /// As NOR, by whole pages, each with some bytes to spare; with bad blocks, and bits that flip.
    Nand,
}

/// What a flash is made of. All sizes in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// What it is.
    pub kind: Kind,
    /// The whole: erase blocks, one at least.
    pub size: u64,
    /// What is erased at once: write units, one at least.
    pub erase_size: u32,
    /// What is programmed at least, and a multiple of which everything that is programmed is: 1 of NOR and RAM, a page of
    /// NAND.
    pub write_size: u32,
    /// What the flash itself programs at once: `writebufsize`. A multiple of [`write_size`](Geometry::write_size).
    pub buffer_size: u32,
    /// Bytes to spare of each page; 0 but of NAND.
    pub spare_size: u32,
    /// Which of them the error correction does not use, each once and in order.
    pub free: Vec<Region>,
    /// Which of them the error correction uses.
    pub ecc: Vec<Region>,
    /// What is corrected as one: `ecc_step_size`; 0 without error correction.
    pub ecc_step: u32,
    /// How many wrong bits of a step can be corrected: `ecc_strength`.
    pub ecc_strength: u32,
    /// From how many wrong bits in a step on its user is told (EUCLEAN): `bitflip_threshold`.
    pub bitflip_threshold: u32,
    /// Whether it can be programmed and erased at all: `MTD_WRITEABLE`.
    pub writable: bool,
    /// Whether erase blocks can be locked and unlocked.
    pub lockable: bool,
    /// Whether all of it is locked as it gets power: `MTD_POWERUP_LOCK`.
    pub locked_at_power_up: bool,
    /// Whether erase blocks can be marked bad.
    pub bad_blocks: bool,
}

impl Geometry {
    /// That of a flash without pages, which is programmed byte by byte, and neither locks nor corrects anything: the rest
    /// is for who knows better. Sizes in bytes, as of the fields.
    pub fn without_pages(kind: Kind, size: u64, erase_size: u32) -> Self {
        Geometry {
            kind,
            size,
            erase_size,
            write_size: 1,
            buffer_size: 1,
            spare_size: 0,
            free: Vec::new(),
            ecc: Vec::new(),
            ecc_step: 0,
            ecc_strength: 0,
            bitflip_threshold: 0,
            writable: true,
            lockable: false,
            locked_at_power_up: false,
            bad_blocks: false,
        }
    }
}

/// Some of the spare bytes of a page.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Region {
    /// The first of them.
    pub offset: u32,
    /// How many.
    pub length: u32,
}

/// Which spare bytes are meant, and whether the error correction has a say: `MTD_OPS_*` of `mtd/mtd-abi.h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Spare bytes where they are; the error correction does its work.
    Place,
    /// Only the [free](Geometry::free) ones, one after the other; the error correction does its work.
    Auto,
    /// Spare bytes where they are; no error correction: what is there, as it is.
    Raw,
}

/// What a flash is asked to do. Positions and lengths in bytes, from its beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Reads `length` bytes at `at`, and if `spare` is not empty, as many bytes of what is to spare: those of the page at
    /// `at` from the first of `spare` on, then those of the next pages, of each from its beginning.
    /// Answered by [`Done::Read`].
    Read {
        /// Of NAND any byte of the main area; the beginning of a page if spare bytes are read.
        at: u64,
        /// 0: only spare bytes.
        length: usize,
        /// From which spare byte of the first page on (in [`Mode::Auto`] counted among the free ones), and how many in all.
        spare: Region,
        /// How.
        mode: Mode,
    },
    /// Programs `data` at `at`, and `spare` into what is to spare of these pages, as for [`Read`](Command::Read).
    /// Answered by [`Done::Nothing`].
    Program {
        /// A multiple of the write size.
        at: u64,
        /// Write units; none: only spare bytes.
        data: Vec<u8>,
        /// From which spare byte of the first page on.
        spare_from: u32,
        /// The spare bytes; none: those of the error correction only.
        spare: Vec<u8>,
        /// How.
        mode: Mode,
    },
    /// Erases whole blocks, one after the other. Answered by [`Done::Nothing`].
    Erase {
        /// A multiple of the erase size.
        at: u64,
        /// A multiple of the erase size.
        length: u64,
    },
    /// Locks or unlocks whole blocks. Answered by [`Done::Nothing`].
    Lock {
        /// The block that is the first.
        at: u64,
        /// A multiple of the erase size.
        length: u64,
        /// Or unlocks.
        lock: bool,
    },
    /// Whether all blocks of a range are locked. Answered by [`Done::Is`].
    IsLocked {
        /// The block that is the first.
        at: u64,
        /// A multiple of the erase size.
        length: u64,
    },
    /// Whether the block at `at` is bad. Answered by [`Done::Is`].
    IsBad {
        /// The beginning of a block.
        at: u64,
    },
    /// Marks the block at `at` as bad, for good. Answered by [`Done::Nothing`].
    MarkBad {
        /// The beginning of a block.
        at: u64,
    },
    /// How many blocks of a range are bad. Answered by [`Done::Count`].
    BadBlocks {
        /// The beginning of a block.
        at: u64,
        /// A multiple of the erase size.
        length: u64,
    },
}

/// What a flash did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// What was read.
    Read(Found),
    /// As asked.
    Nothing,
    /// An answer.
    Is(bool),
    /// A number.
    Count(u32),
}

/// What was read, and how much of it was wrong.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Found {
    /// Of the main area: as much as was asked for, also where it could not be corrected.
    pub data: Vec<u8>,
    /// Of the spare bytes: as much as was asked for.
    pub spare: Vec<u8>,
    /// How many bits were corrected.
    pub corrected: u32,
    /// How many in the step that had the most.
    pub worst: u32,
    /// How many steps could not be corrected.
    pub failed: u32,
}

/// Why a command failed, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// Why.
    pub fault: Fault,
    /// The erase block or page at which it stopped, if that is known; what is before it has been done.
    pub at: Option<u64>,
}

/// Why a command failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Something of it is locked: EROFS.
    Locked,
    /// A block is bad: EIO, as an erase in `nand_erase_nand` of `drivers/mtd/nand/raw/nand_base.c`.
    Bad,
    /// The flash did not do it, or what keeps it could not: EIO.
    Io,
    /// It took too long: ETIMEDOUT.
    TimedOut,
    /// The flash cannot do that: EOPNOTSUPP.
    Unsupported,
    /// What it is a part of has gone: ENODEV.
    Gone,
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error { fault, at: None }
    }
}

impl From<Fault> for Errno {
    fn from(fault: Fault) -> Errno {
        match fault {
            Fault::Locked => Errno::ROFS,
            Fault::Bad | Fault::Io => Errno::IO,
            Fault::TimedOut => Errno::TIMEDOUT,
            Fault::Unsupported => Errno::OPNOTSUPP,
            Fault::Gone => Errno::NODEV,
        }
    }
}
