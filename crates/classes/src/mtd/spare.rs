//! The ioctls of spare bytes alone: `MEMREADOOB`, `MEMWRITEOOB` and those of 64 bits (`mtdchar_readoob` and
//! `mtdchar_writeoob` of `drivers/mtd/mtdchar.c`).

use super::{
    Command, Mode, Region,
    decode::{Client, Operation, Refusal},
    describe::What,
    reply::Reply,
    uapi::{MAX_OOB, OobBuf, ioctl},
};
use crate::Errno;

type Meant = Result<Operation, Refusal>;

impl Client<'_> {
    pub(super) fn read_spare(&self, command: u32, name: &'static str, argument: u64) -> (What, Meant) {
        // Where the number of bytes goes: to `start`, and of the one with 64 bits to `length`.
        let count = if command == ioctl::MEMREADOOB { argument } else { argument.wrapping_add(12) };
        match self.fetch_spare(command == ioctl::MEMREADOOB64, argument) {
            Ok(asked) => (What::Spare { name, at: asked.start, length: asked.length }, self.reads(&asked, count)),
            Err(errno) => (What::Unreadable(name), Err(errno.into())),
        }
    }

    pub(super) fn write_spare(&self, command: u32, name: &'static str, argument: u64) -> (What, Meant) {
        let wide = command == ioctl::MEMWRITEOOB64;
        let count = argument.wrapping_add(if wide { 12 } else { 4 });
        match self.fetch_spare(wide, argument) {
            Ok(asked) => (What::Spare { name, at: asked.start, length: asked.length }, self.writes(&asked, count)),
            Err(errno) => (What::Unreadable(name), Err(errno.into())),
        }
    }

    fn fetch_spare(&self, wide: bool, argument: u64) -> Result<OobBuf, Errno> {
        if wide {
            self.fetch(argument).map(|bytes| OobBuf::parse64(&bytes))
        } else {
            self.fetch(argument).map(|bytes| OobBuf::parse(&bytes))
        }
    }

    fn reads(&self, asked: &OobBuf, count: u64) -> Meant {
        let Some((at, from)) = self.placed(asked)? else { return Err(Errno::INVAL.into()) };
        // From here on the number of bytes is told, whatever comes.
        let refused = |errno| Refusal { errno, tells: Some((count, vec![0; 4])) };
        let (geometry, mode) = (self.geometry(), self.mode());
        geometry.check_ops(at, 0, from, asked.length.into(), mode).map_err(refused)?;
        if !geometry.has_spare() {
            return Err(refused(Errno::OPNOTSUPP));
        }
        if asked.length == 0 {
            return Ok(Operation::Tell { to: count, bytes: vec![0; 4] });
        }
        let spare = Region { offset: from, length: asked.length };
        let command = Command::Read { at, length: 0, spare, mode };
        Ok(Operation::Order { command, reply: Reply::SpareRead { to: asked.ptr, count } })
    }

    fn writes(&self, asked: &OobBuf, count: u64) -> Meant {
        if asked.length > MAX_OOB {
            return Err(Errno::INVAL.into());
        }
        if !self.geometry().has_spare() {
            return Err(Errno::OPNOTSUPP.into());
        }
        let Some((at, from)) = self.placed(asked)? else { return Err(Errno::INVAL.into()) };
        let mut spare = vec![0; asked.length as usize];
        if !spare.is_empty() {
            self.memory.read(asked.ptr, &mut spare)?;
        }
        let refused = |errno| Refusal { errno, tells: Some((count, vec![0; 4])) };
        self.check_spare(at, from, spare.len() as u64, self.mode()).map_err(refused)?;
        if spare.is_empty() {
            return Ok(Operation::Tell { to: count, bytes: vec![0; 4] });
        }
        let command = Command::Program { at, data: Vec::new(), spare_from: from, spare, mode: self.mode() };
        Ok(Operation::Order { command, reply: Reply::SpareWritten { count, length: asked.length } })
    }

    /// The page that is meant, and the first spare byte of it; `None` if they would not be of one page.
    fn placed(&self, asked: &OobBuf) -> Result<Option<(u64, u32)>, Errno> {
        if asked.length > MAX_OOB {
            return Err(Errno::INVAL);
        }
        let geometry = self.geometry();
        let from = (asked.start % geometry.page()) as u32;
        if from > 0 && asked.length > geometry.spare_size.wrapping_sub(from) {
            return Ok(None);
        }
        Ok(Some((asked.start - u64::from(from), from)))
    }

    /// Whether spare bytes alone can be written there: `mtd_write_oob`, and `nand_do_write_oob` of
    /// `drivers/mtd/nand/raw/nand_base.c`, which writes to one page.
    pub(super) fn check_spare(&self, at: u64, from: u32, length: u64, mode: Mode) -> Result<(), Errno> {
        let geometry = self.geometry();
        if !geometry.writable {
            return Err(Errno::ROFS);
        }
        geometry.check_ops(at, 0, from, length, mode)?;
        if u64::from(from) + length > geometry.available(mode).into() { Err(Errno::INVAL) } else { Ok(()) }
    }
}
