//! What is inside a flash: its cells, and what commands make of them.

use super::cells::{Cells, Change};
use outlive_classes::mtd::{Command, Done, Error, Fault, Found, Geometry, Mode, Region};
use std::{fmt, ops::Range};

/// What a kind of flash does with its commands. Nothing here takes time; whoever calls it sees to that.
pub(super) trait Array: Send + fmt::Debug {
    fn geometry(&self) -> &Geometry;

    fn cells(&mut self) -> &mut Cells;

    /// Forgets what is lost with the power.
    fn power_up(&mut self);

    /// How `command` will go.
    fn outlook(&self, command: &Command) -> Outlook;

    /// What unit `unit` of `command` makes of the cells.
    fn change(&self, command: &Command, unit: u64) -> Result<Change, Error>;

    /// What these units of `command` make of the cells together; `None` where each goes by itself.
    fn changes(&self, command: &Command, units: Range<u64>) -> Option<Change> {
        let _ = (command, units);
        None
    }

    /// What a [`Command::Read`] finds.
    fn read(&self, at: u64, length: usize, spare: Region, mode: Mode) -> Result<Found, Error>;

    /// The rest of `command`, whose units have all been done.
    fn settle(&mut self, command: &Command) -> Result<Done, Error>;

    /// A copy of it, without a file.
    fn copy(&self) -> Option<Box<dyn Array>>;
}

/// How a command will go, which nothing can change any more once its turn has come.
#[derive(Debug)]
pub(super) struct Outlook {
    /// How many units are changed, or read, one after the other.
    pub(super) units: u64,
    /// Where it ends before its end.
    pub(super) fails: Option<Error>,
}

impl Outlook {
    pub(super) fn good(units: u64) -> Self {
        Outlook { units, fails: None }
    }

    pub(super) fn fails(fault: Fault) -> Self {
        Outlook { units: 0, fails: Some(fault.into()) }
    }
}

/// What becomes of cells that cannot be read or written where they are kept.
pub(super) fn lost(at: u64) -> Error {
    Error { fault: Fault::Io, at: Some(at) }
}

/// A range, cut where multiples of a size are.
pub(super) struct Units {
    at: u64,
    end: u64,
    size: u64,
}

impl Units {
    pub(super) fn new(at: u64, length: u64, size: u32) -> Self {
        Units { at, end: at + length, size: size.into() }
    }

    pub(super) fn count(&self) -> u64 {
        if self.at == self.end { 0 } else { self.end.div_ceil(self.size) - self.at / self.size }
    }

    /// Where unit `unit` begins and ends.
    pub(super) fn bounds(&self, unit: u64) -> (u64, u64) {
        let start = (self.at / self.size + unit) * self.size;
        (start.max(self.at), (start + self.size).min(self.end))
    }
}

/// Whether `command` asks for what is there, in whole units. A class sees to that; what does not would be its bug, and
/// fails instead of reaching the cells.
pub(super) fn is_sound(geometry: &Geometry, command: &Command) -> bool {
    let inside = |at: u64, length: u64| at.checked_add(length).is_some_and(|end| end <= geometry.size);
    let blocks = |at: u64, length: u64| {
        let size = u64::from(geometry.erase_size);
        inside(at, length) && at.is_multiple_of(size) && length.is_multiple_of(size)
    };
    match command {
        Command::Read { at, length, spare, mode } => {
            inside(*at, *length as u64) && is_sound_spare(geometry, *at, *spare, *mode)
        }
        Command::Program { at, data, spare_from, spare, mode } => {
            let (unit, length) = (u64::from(geometry.write_size), data.len() as u64);
            let Ok(spare_length) = u32::try_from(spare.len()) else { return false };
            let spare = Region { offset: *spare_from, length: spare_length };
            inside(*at, length)
                && at.is_multiple_of(unit)
                && length.is_multiple_of(unit)
                && is_sound_spare(geometry, *at, spare, *mode)
        }
        Command::Erase { at, length } | Command::Lock { at, length, .. } | Command::IsLocked { at, length } => {
            blocks(*at, *length)
        }
        Command::IsBad { at } | Command::MarkBad { at } => blocks(*at, geometry.erase_size.into()),
        Command::BadBlocks { .. } => true,
    }
}

fn is_sound_spare(geometry: &Geometry, at: u64, spare: Region, mode: Mode) -> bool {
    if spare.length == 0 {
        return true;
    }
    let page = u64::from(geometry.write_size);
    let left = (geometry.size - at.min(geometry.size)) / page;
    let room = u64::from(spare_of_page(geometry, mode));
    let asked = u64::from(spare.offset) + u64::from(spare.length);
    at.is_multiple_of(page) && u64::from(spare.offset) < room && asked <= room * left
}

/// How many spare bytes of each page can be had that way.
pub(super) fn spare_of_page(geometry: &Geometry, mode: Mode) -> u32 {
    match mode {
        Mode::Place | Mode::Raw => geometry.spare_size,
        Mode::Auto => geometry.free.iter().map(|region| region.length).sum(),
    }
}
