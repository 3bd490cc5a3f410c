//! A user in the process: what a file system in the kernel, as UBIFS is by way of UBI, has of an `mtd_info`.

use super::{
    Chip, Command, Done, Error, Fault, Found, Geometry, Mode, Region,
    order::{End, FlashHandle, submit},
};
use crate::{Errno, plugged::open_errno};
use outlive::{Cause, Gone, Outcome};
use std::{fmt, sync::mpsc};

/// A user of a flash that calls it: `mtd_read`, `mtd_write`, `mtd_erase` and their like of `drivers/mtd/mtdcore.c`.
///
/// Each call sleeps until the flash has done it, outside of the gate, and the mark wakes it: from there on every call fails
/// with [`Failure::Gone`], whatever the contract is that clients of the flash have. Then its user lets go of it and takes
/// [another](Chip::consumer), of the next generation.
///
/// No call of it may be made inside of a gate, since whoever unplugs would wait for that sleeper (I14).
///
/// It counts as an open file, as after `get_mtd_device`; no removal waits for it. Threads may share it.
pub struct Consumer {
    handle: FlashHandle,
}

/// In what state it is that has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Good.
    Sound,
    /// Good, but in some step so many bits had to be corrected that it should be written anew elsewhere:
    /// [`bitflip_threshold`](Geometry::bitflip_threshold). In Linux EUCLEAN.
    Worn,
}

/// Why a call of a [`Consumer`] failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The flash is gone: ENODEV. A program or an erase that was under way may have been done, in part or not at all.
    Gone(Gone),
    /// It goes beyond the end, or is not made up of the flash's units: EINVAL.
    Invalid,
    /// The flash can only be read: EROFS.
    ReadOnly,
    /// There was more wrong than can be corrected: EBADMSG.
    Uncorrectable,
    /// The flash says so.
    Flash(Error),
}

impl Chip {
    /// Another user of it: `get_mtd_device`.
    ///
    /// # Errors
    /// As [`Plugged::open`](crate::Plugged::open).
    pub fn consumer(&self) -> Result<Consumer, Errno> {
        self.device.open().map(|handle| Consumer { handle }).map_err(open_errno)
    }
}

impl Consumer {
    /// What the flash is made of; also of one that is gone.
    pub fn geometry(&self) -> &Geometry {
        self.handle.shared().geometry()
    }

    /// Whether it is gone, why, and since when; no error, and no operation (I31).
    pub fn gone(&self) -> Option<Gone> {
        self.handle.gone()
    }

    /// Reads all of `into` at `at`: `mtd_read`.
    ///
    /// # Errors
    /// [`Failure`]. After [`Failure::Uncorrectable`] `into` is what stands there; after any other it is as it was.
    pub fn read(&self, at: u64, into: &mut [u8]) -> Result<Condition, Failure> {
        self.alive()?;
        self.geometry().check_ops(at, into.len() as u64, 0, 0, Mode::Place).map_err(invalid)?;
        if into.is_empty() {
            return Ok(Condition::Sound);
        }
        let command = Command::Read { at, length: into.len(), spare: Region::default(), mode: Mode::Place };
        let Done::Read(Found { data, worst, failed, .. }) = self.carry_out(command)? else { return Err(io()) };
        into.copy_from_slice(&data);
        let threshold = self.geometry().bitflip_threshold;
        match (failed, worst) {
            (1.., _) => Err(Failure::Uncorrectable),
            (0, worst) if threshold > 0 && worst >= threshold => Ok(Condition::Worn),
            (0, _) => Ok(Condition::Sound),
        }
    }

    /// Programs `data` at `at`, both in write units: `mtd_write`. When it comes back the flash has it.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn program(&self, at: u64, data: &[u8]) -> Result<(), Failure> {
        self.alive()?;
        let length = data.len() as u64;
        self.geometry().check_program(at, length).map_err(invalid)?;
        self.geometry().check_ops(at, length, 0, 0, Mode::Place).map_err(invalid)?;
        if data.is_empty() {
            return Ok(());
        }
        let (data, spare) = (data.to_vec(), Vec::new());
        self.carry_out(Command::Program { at, data, spare_from: 0, spare, mode: Mode::Place }).map(drop)
    }

    /// Erases whole blocks: `mtd_erase`. When it comes back they are erased.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn erase(&self, at: u64, length: u64) -> Result<(), Failure> {
        self.alive()?;
        self.geometry().check_range(at, length).map_err(invalid)?;
        if !self.geometry().writable {
            return Err(Failure::ReadOnly);
        }
        self.check_blocks(at, length)?;
        if length == 0 {
            return Ok(());
        }
        self.carry_out(Command::Erase { at, length }).map(drop)
    }

    /// Whether the block at `at` is bad: `mtd_block_isbad`.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn is_bad(&self, at: u64) -> Result<bool, Failure> {
        self.alive()?;
        self.geometry().check_range(at, 0).map_err(invalid)?;
        self.check_blocks(at, 0)?;
        if !self.geometry().bad_blocks {
            return Ok(false);
        }
        let Done::Is(bad) = self.carry_out(Command::IsBad { at })? else { return Err(io()) };
        Ok(bad)
    }

    /// Marks the block at `at` as bad, for good: `mtd_block_markbad`.
    ///
    /// # Errors
    /// [`Failure`]; [`Fault::Unsupported`] of a flash that has no bad blocks.
    pub fn mark_bad(&self, at: u64) -> Result<(), Failure> {
        self.alive()?;
        if !self.geometry().bad_blocks {
            return Err(Failure::Flash(Fault::Unsupported.into()));
        }
        self.geometry().check_range(at, 0).map_err(invalid)?;
        if !self.geometry().writable {
            return Err(Failure::ReadOnly);
        }
        self.check_blocks(at, 0)?;
        self.carry_out(Command::MarkBad { at }).map(drop)
    }

    /// A zombie is found out before anything else is (I15).
    fn alive(&self) -> Result<(), Failure> {
        self.gone().map_or(Ok(()), |gone| Err(Failure::Gone(gone)))
    }

    /// Of a partition that begins within a block, no block is one of its flash.
    fn check_blocks(&self, at: u64, length: u64) -> Result<(), Failure> {
        let offset = self.handle.shared().offset().unwrap_or(0);
        let whole = self.geometry().check_blocks(at, length).and_then(|()| self.geometry().check_blocks(offset, 0));
        whole.map_err(invalid)
    }

    fn carry_out(&self, command: Command) -> Result<Done, Failure> {
        let (tell, heard) = mpsc::channel::<End>();
        submit(&self.handle, command, move |end| _ = tell.send(end));
        outlive::about_to_wait();
        match heard.recv() {
            Ok(Outcome::Done(answer)) => answer.map_err(Failure::from),
            Ok(Outcome::Cancelled(Cause::Gone(gone))) => Err(Failure::Gone(gone)),
            // Nobody interrupts it, and an answer that gets lost would be a bug of the driver's.
            Ok(Outcome::Cancelled(Cause::Interrupted) | Outcome::Forgotten) | Err(_) => Err(io()),
        }
    }
}

fn io() -> Failure {
    Failure::Flash(Fault::Io.into())
}

fn invalid(errno: Errno) -> Failure {
    if errno == Errno::ROFS { Failure::ReadOnly } else { Failure::Invalid }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Flash(error)
    }
}

impl From<Failure> for Errno {
    fn from(failure: Failure) -> Errno {
        match failure {
            Failure::Gone(_) => Errno::NODEV,
            Failure::Invalid => Errno::INVAL,
            Failure::ReadOnly => Errno::ROFS,
            Failure::Uncorrectable => Errno::BADMSG,
            Failure::Flash(error) => error.fault.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Gone(gone) => gone.fmt(f),
            Failure::Invalid => f.write_str("beyond the end of the flash, or not in its units"),
            Failure::ReadOnly => f.write_str("the flash can only be read"),
            Failure::Uncorrectable => f.write_str("more bits are wrong than can be corrected"),
            Failure::Flash(Error { fault, at: Some(at) }) => write!(f, "the flash failed at {at:#x}: {fault:?}"),
            Failure::Flash(Error { fault, at: None }) => write!(f, "the flash failed: {fault:?}"),
        }
    }
}

impl std::error::Error for Failure {}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.handle.shared().name();
        f.debug_struct("Consumer").field("flash", &name).field("gone", &self.gone()).finish()
    }
}
