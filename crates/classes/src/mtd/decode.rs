//! From a client's call to an operation. This is where its memory is read: once, before anything else happens.
//!
//! The order of the checks is that of `drivers/mtd/mtdchar.c`, then of what it calls, since a call with two faults gets the
//! error of the first. What a flash is made of does not change, so that all of them can be made here.

use super::{
    Command, Geometry, Kind, Mode, Shared,
    describe::What,
    layout,
    partitions::{self, Change},
    reply::Reply,
    uapi::{EraseInfo, InfoUser, file_mode, ioctl},
};
use crate::{Access, Answer, Call, Errno, Fault, Memory};

/// The most bytes that one call reads, or fetches from its client's memory.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// Who asks, and of what.
pub(super) struct Client<'a> {
    pub(super) access: Access,
    /// As MTDFILEMODE has set it.
    pub(super) mode: FileMode,
    pub(super) shared: &'a Shared,
    pub(super) memory: &'a dyn Memory,
}

/// How an open file reads and writes: `enum mtd_file_modes`, without those of one-time programmable memory.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum FileMode {
    #[default]
    Normal,
    /// Without error correction.
    Raw,
}

/// What a client asked for.
#[derive(Debug)]
pub(super) struct Decoded {
    /// In words, whether or not it is valid.
    pub(super) what: What,
    /// What to do, or why not.
    pub(super) operation: Result<Operation, Refusal>,
}

/// Something to be done. Everything the client sent has been checked and copied.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Operation {
    /// By the flash.
    Order { command: Command, reply: Reply },
    /// To be written to the client's memory; 0 is the answer.
    Tell { to: u64, bytes: Vec<u8> },
    /// What has been counted, to be written there.
    Statistics { to: u64 },
    /// The file's mode is this from now on, whatever the answer.
    Mode { mode: FileMode, answer: Result<(), Errno> },
    /// By who plugs devices.
    Partition(Change),
    /// There is nothing to do.
    Nothing(Answer),
}

/// Why a call is not carried out.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub(super) errno: Errno,
    /// What is written to the client's memory all the same, and where.
    pub(super) tells: Option<(u64, Vec<u8>)>,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Refusal { errno, tells: None }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Errno::from(fault).into()
    }
}

type Meant = Result<Operation, Refusal>;

/// Decodes `call`.
pub(super) fn decode(call: Call, client: &Client<'_>) -> Decoded {
    let (what, operation) = match call {
        Call::ReadAt { at, size } => (What::Read { size, at }, client.read(at, size)),
        Call::WriteAt { at, data } => (What::Write { size: data.len(), at }, client.write(at, data)),
        Call::Ioctl { command, argument } => client.ioctl(command, argument),
        // Its files have a position, and who calls them knows it.
        Call::Read { .. } => (What::Unplaced("read"), Err(Errno::INVAL.into())),
        Call::Write { .. } => (What::Unplaced("write"), Err(Errno::INVAL.into())),
    };
    Decoded { what, operation }
}

impl Client<'_> {
    pub(super) fn geometry(&self) -> &Geometry {
        self.shared.geometry()
    }

    /// How read and write, and the ioctls of spare bytes, reach the flash.
    pub(super) fn mode(&self) -> Mode {
        if self.mode == FileMode::Raw { Mode::Raw } else { Mode::Place }
    }

    /// Reads a structure of the client's.
    pub(super) fn fetch<const N: usize>(&self, address: u64) -> Result<[u8; N], Errno> {
        let mut bytes = [0; N];
        self.memory.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// `mtdchar_read`. In pieces in Linux; here in one.
    fn read(&self, at: u64, size: usize) -> Meant {
        if !self.access.reads() {
            return Err(Errno::BADF.into());
        }
        let length = (size as u64).min(self.geometry().size.saturating_sub(at)).min(MAX_BYTES) as usize;
        if length == 0 {
            return Ok(Operation::Nothing(Answer::Data(Vec::new())));
        }
        let command = Command::Read { at, length, spare: Default::default(), mode: self.mode() };
        Ok(Operation::Order { command, reply: Reply::Data })
    }

    /// `mtdchar_write`
    fn write(&self, at: u64, mut data: Vec<u8>) -> Meant {
        if !self.access.writes() {
            return Err(Errno::BADF.into());
        }
        let geometry = self.geometry();
        if at >= geometry.size {
            return Err(Errno::NOSPC.into());
        }
        data.truncate(usize::try_from(geometry.size - at).unwrap_or(usize::MAX));
        if data.is_empty() {
            return Ok(Operation::Nothing(Answer::Value(0)));
        }
        geometry.check_program(at, data.len() as u64)?;
        let reply = Reply::Count(data.len());
        let command = Command::Program { at, data, spare_from: 0, spare: Vec::new(), mode: self.mode() };
        Ok(Operation::Order { command, reply })
    }

    /// `mtdchar_ioctl`
    fn ioctl(&self, command: u32, argument: u64) -> (What, Meant) {
        let Some(name) = name(command) else { return (What::Unknown(command), Err(Errno::NOTTY.into())) };
        if is_dangerous(command) && !self.access.writes() {
            return (What::Named(name), Err(Errno::PERM.into()));
        }
        let named = |meant| (What::Named(name), meant);
        match command {
            ioctl::MEMGETINFO => named(self.tell(argument, self.info().bytes())),
            // Blocks are all of one size.
            ioctl::MEMGETREGIONCOUNT => named(self.tell(argument, vec![0; 4])),
            ioctl::MEMGETREGIONINFO => match self.fetch::<4>(argument.wrapping_add(12)) {
                Ok(index) => (What::Number(name, u32::from_ne_bytes(index).into()), Err(Errno::INVAL.into())),
                Err(errno) => (What::Unreadable(name), Err(errno.into())),
            },
            ioctl::MEMERASE | ioctl::MEMERASE64 | ioctl::MEMLOCK | ioctl::MEMUNLOCK | ioctl::MEMISLOCKED => {
                self.blocks(command, name, argument)
            }
            ioctl::MEMGETBADBLOCK | ioctl::MEMSETBADBLOCK => self.block(command, name, argument),
            ioctl::MEMREADOOB | ioctl::MEMREADOOB64 => self.read_spare(command, name, argument),
            ioctl::MEMWRITEOOB | ioctl::MEMWRITEOOB64 => self.write_spare(command, name, argument),
            ioctl::MEMREAD => self.read_request(name, argument),
            ioctl::MEMWRITE => self.write_request(name, argument),
            ioctl::MEMGETOOBSEL => named(layout::oobinfo(self.geometry()).and_then(|it| self.tell(argument, it))),
            ioctl::ECCGETLAYOUT => named(layout::ecclayout(self.geometry()).and_then(|it| self.tell(argument, it))),
            ioctl::ECCGETSTATS => named(Ok(Operation::Statistics { to: argument })),
            ioctl::MTDFILEMODE => (What::Number(name, argument), Ok(self.set_mode(argument))),
            ioctl::OTPSELECT => match self.fetch::<4>(argument) {
                Ok(mode) => {
                    let mode = u32::from_ne_bytes(mode).into();
                    (What::Number(name, mode), Ok(select_otp(mode)))
                }
                Err(errno) => (What::Unreadable(name), Err(errno.into())),
            },
            // They ask for a mode that no file of a flash without such memory has.
            ioctl::OTPGETREGIONCOUNT | ioctl::OTPGETREGIONINFO | ioctl::OTPLOCK | ioctl::OTPERASE => {
                named(Err(Errno::INVAL.into()))
            }
            ioctl::BLKPG => partitions::decode(self, name, argument),
            // BLKRRPART, which has no effect on a flash.
            _ => named(Ok(Operation::Nothing(Answer::Value(0)))),
        }
    }

    fn tell(&self, to: u64, bytes: Vec<u8>) -> Meant {
        Ok(Operation::Tell { to, bytes })
    }

    fn info(&self) -> InfoUser {
        let geometry = self.geometry();
        InfoUser {
            kind: geometry.type_number(),
            flags: geometry.flags(),
            // What does not fit is cut off.
            size: geometry.size as u32,
            erasesize: geometry.erase_size,
            writesize: geometry.write_size,
            oobsize: geometry.spare_size,
            padding: 0,
        }
    }

    /// An ioctl on a range of blocks.
    fn blocks(&self, command: u32, name: &'static str, argument: u64) -> (What, Meant) {
        let fetched = match command {
            ioctl::MEMERASE64 => self.fetch(argument).map(|bytes| EraseInfo::parse64(&bytes)),
            _ => self.fetch(argument).map(|bytes| EraseInfo::parse(&bytes)),
        };
        let EraseInfo { start: at, length } = match fetched {
            Ok(range) => range,
            Err(errno) => return (What::Unreadable(name), Err(errno.into())),
        };
        (What::Blocks { name, at, length }, self.of_blocks(command, at, length).map_err(Refusal::from))
    }

    fn of_blocks(&self, command: u32, at: u64, length: u64) -> Result<Operation, Errno> {
        let geometry = self.geometry();
        let erases = matches!(command, ioctl::MEMERASE | ioctl::MEMERASE64);
        // What drives NAND knows locks, and finds out later that its chip has none (`nand_lock` of nand_base.c).
        let by_chip = geometry.kind == Kind::Nand && command != ioctl::MEMISLOCKED;
        if !erases && !geometry.lockable && !by_chip {
            return Err(Errno::OPNOTSUPP);
        }
        geometry.check_range(at, length)?;
        if erases && !geometry.writable {
            return Err(Errno::ROFS);
        }
        if length == 0 {
            return Ok(Operation::Nothing(Answer::Value(0)));
        }
        if !erases && !geometry.lockable {
            return Err(Errno::OPNOTSUPP);
        }
        geometry.check_blocks(at, length)?;
        // Of a partition that begins within a block, no block is one of its flash.
        geometry.check_blocks(self.shared.offset().unwrap_or(0), 0)?;
        let (command, reply) = match command {
            ioctl::MEMLOCK => (Command::Lock { at, length, lock: true }, Reply::Zero),
            ioctl::MEMUNLOCK => (Command::Lock { at, length, lock: false }, Reply::Zero),
            ioctl::MEMISLOCKED => (Command::IsLocked { at, length }, Reply::Is),
            _ => (Command::Erase { at, length }, Reply::Zero),
        };
        Ok(Operation::Order { command, reply })
    }

    /// `MEMGETBADBLOCK` and `MEMSETBADBLOCK`: of the block that has that byte.
    fn block(&self, command: u32, name: &'static str, argument: u64) -> (What, Meant) {
        let at = match self.fetch(argument) {
            Ok(bytes) => u64::from_ne_bytes(bytes),
            Err(errno) => return (What::Unreadable(name), Err(errno.into())),
        };
        let meant = if command == ioctl::MEMGETBADBLOCK { self.is_bad(at) } else { self.mark_bad(at) };
        (What::At(name, at), meant.map_err(Refusal::from))
    }

    /// `mtd_block_isbad`
    fn is_bad(&self, at: u64) -> Result<Operation, Errno> {
        let geometry = self.geometry();
        geometry.check_range(at, 0)?;
        if !geometry.bad_blocks {
            return Ok(Operation::Nothing(Answer::Value(0)));
        }
        Ok(Operation::Order { command: Command::IsBad { at: self.block_with(at) }, reply: Reply::Is })
    }

    /// Where the block begins that has the byte at `at`: blocks are those of the whole flash, also in a partition that begins
    /// within one.
    fn block_with(&self, at: u64) -> u64 {
        let (offset, block) = (self.shared.offset().unwrap_or(0), self.geometry().block());
        let begin = (offset + at) - (offset + at) % block;
        begin.saturating_sub(offset)
    }

    /// `mtd_block_markbad`
    fn mark_bad(&self, at: u64) -> Result<Operation, Errno> {
        let geometry = self.geometry();
        if !geometry.bad_blocks {
            return Err(Errno::OPNOTSUPP);
        }
        geometry.check_range(at, 0)?;
        if !geometry.writable {
            return Err(Errno::ROFS);
        }
        Ok(Operation::Order { command: Command::MarkBad { at: self.block_with(at) }, reply: Reply::Zero })
    }

    /// `MTDFILEMODE`; what is refused leaves the normal mode.
    fn set_mode(&self, argument: u64) -> Operation {
        match argument {
            file_mode::MTD_FILE_MODE_RAW if self.geometry().has_spare() => {
                Operation::Mode { mode: FileMode::Raw, answer: Ok(()) }
            }
            file_mode::MTD_FILE_MODE_RAW => Operation::Mode { mode: FileMode::Normal, answer: Err(Errno::OPNOTSUPP) },
            mode => select_otp(mode),
        }
    }
}

/// `otp_select_filemode` of a flash without one-time programmable memory.
fn select_otp(mode: u64) -> Operation {
    let answer = match mode {
        file_mode::MTD_FILE_MODE_NORMAL => Ok(()),
        file_mode::MTD_FILE_MODE_OTP_FACTORY | file_mode::MTD_FILE_MODE_OTP_USER => Err(Errno::OPNOTSUPP),
        _ => Err(Errno::INVAL),
    };
    Operation::Mode { mode: FileMode::Normal, answer }
}

/// Whether an ioctl needs a file that can be written.
fn is_dangerous(command: u32) -> bool {
    matches!(
        command,
        ioctl::MEMERASE
            | ioctl::MEMERASE64
            | ioctl::MEMLOCK
            | ioctl::MEMUNLOCK
            | ioctl::MEMSETBADBLOCK
            | ioctl::MEMWRITEOOB
            | ioctl::MEMWRITEOOB64
            | ioctl::MEMWRITE
            | ioctl::OTPLOCK
            | ioctl::OTPERASE
    )
}

/// The name of an ioctl of this class.
fn name(command: u32) -> Option<&'static str> {
    Some(match command {
        ioctl::MEMGETINFO => "MEMGETINFO",
        ioctl::MEMERASE => "MEMERASE",
        ioctl::MEMWRITEOOB => "MEMWRITEOOB",
        ioctl::MEMREADOOB => "MEMREADOOB",
        ioctl::MEMLOCK => "MEMLOCK",
        ioctl::MEMUNLOCK => "MEMUNLOCK",
        ioctl::MEMGETREGIONCOUNT => "MEMGETREGIONCOUNT",
        ioctl::MEMGETREGIONINFO => "MEMGETREGIONINFO",
        ioctl::MEMGETOOBSEL => "MEMGETOOBSEL",
        ioctl::MEMGETBADBLOCK => "MEMGETBADBLOCK",
        ioctl::MEMSETBADBLOCK => "MEMSETBADBLOCK",
        ioctl::OTPSELECT => "OTPSELECT",
        ioctl::OTPGETREGIONCOUNT => "OTPGETREGIONCOUNT",
        ioctl::OTPGETREGIONINFO => "OTPGETREGIONINFO",
        ioctl::OTPLOCK => "OTPLOCK",
        ioctl::ECCGETLAYOUT => "ECCGETLAYOUT",
        ioctl::ECCGETSTATS => "ECCGETSTATS",
        ioctl::MTDFILEMODE => "MTDFILEMODE",
        ioctl::MEMERASE64 => "MEMERASE64",
        ioctl::MEMWRITEOOB64 => "MEMWRITEOOB64",
        ioctl::MEMREADOOB64 => "MEMREADOOB64",
        ioctl::MEMISLOCKED => "MEMISLOCKED",
        ioctl::MEMWRITE => "MEMWRITE",
        ioctl::OTPERASE => "OTPERASE",
        ioctl::MEMREAD => "MEMREAD",
        ioctl::BLKPG => "BLKPG",
        ioctl::BLKRRPART => "BLKRRPART",
        _ => return None,
    })
}
