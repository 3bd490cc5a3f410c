//! NOR flash and plain memory: cells without pages.

use super::{
    array::{Array, Outlook, Units, lost},
    cells::{Cells, Change, ERASED},
};
use outlive_classes::mtd::{Command, Done, Error, Fault, Found, Geometry, Kind, Mode, Region};
use std::ops::Range;

/// A flash that is addressed byte by byte.
///
/// The locks of NOR are lost with the power, as those of Intel's P30 family: with it all blocks are unlocked or, if
/// [`locked_at_power_up`](Geometry::locked_at_power_up), locked.
#[derive(Debug)]
pub(super) struct Linear {
    geometry: Geometry,
    cells: Cells,
    /// Block by block; none of memory, which has no locks.
    locks: Vec<bool>,
}

impl Linear {
    pub(super) fn new(geometry: Geometry, cells: Cells) -> Self {
        let blocks = if geometry.lockable { geometry.size / u64::from(geometry.erase_size) } else { 0 };
        let locks = vec![geometry.locked_at_power_up; blocks as usize];
        Linear { geometry, cells, locks }
    }

    fn blocks(&self, at: u64, length: u64) -> Range<usize> {
        let size = u64::from(self.geometry.erase_size);
        (at / size) as usize..(at + length).div_ceil(size) as usize
    }

    /// Stops before the first unit as soon as one block of the range is locked.
    fn unless_locked(&self, at: u64, length: u64, unit: u32) -> Outlook {
        let is_locked = |block: usize| self.locks.get(block) == Some(&true);
        match self.blocks(at, length).any(is_locked) {
            true => Outlook { units: 0, fails: Some(Error { fault: Fault::Locked, at: Some(at) }) },
            false => Outlook::good(Units::new(at, length, unit).count()),
        }
    }

    fn cells_at(&self, at: u64, end: u64) -> Result<Vec<u8>, Error> {
        self.cells.read(at, (end - at) as usize).map_err(|_| lost(at))
    }

    /// What these units of programming `data` from `at` on make of the cells; at least one.
    fn programming(&self, at: u64, data: &[u8], units: Range<u64>) -> Result<Change, Error> {
        let all = Units::new(at, data.len() as u64, self.geometry.buffer_size);
        let (start, end) = (all.bounds(units.start).0, all.bounds(units.end - 1).1);
        let data = &data[(start - at) as usize..(end - at) as usize];
        let old = self.cells_at(start, end)?;
        let new = match self.geometry.kind {
            Kind::Ram => data.to_vec(),
            Kind::Nor | Kind::Nand => old.iter().zip(data).map(|(old, data)| old & data).collect(),
        };
        Ok(Change { at: start, address: start, old, new })
    }
}

impl Array for Linear {
    fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    fn cells(&mut self) -> &mut Cells {
        &mut self.cells
    }

    fn power_up(&mut self) {
        self.locks.fill(self.geometry.locked_at_power_up);
    }

    fn outlook(&self, command: &Command) -> Outlook {
        let Geometry { erase_size, buffer_size, lockable, .. } = self.geometry;
        match command {
            Command::Program { at, data, .. } => self.unless_locked(*at, data.len() as u64, buffer_size),
            Command::Erase { at, length } => self.unless_locked(*at, *length, erase_size),
            Command::Lock { .. } | Command::IsLocked { .. } if !lockable => Outlook::fails(Fault::Unsupported),
            Command::MarkBad { .. } => Outlook::fails(Fault::Unsupported),
            Command::Read { .. } => Outlook::good(1),
            _ => Outlook::good(0),
        }
    }

    fn change(&self, command: &Command, unit: u64) -> Result<Change, Error> {
        match command {
            Command::Program { at, data, .. } => self.programming(*at, data, unit..unit + 1),
            Command::Erase { at, length } => {
                let (start, end) = Units::new(*at, *length, self.geometry.erase_size).bounds(unit);
                let old = self.cells_at(start, end)?;
                let new = vec![ERASED; old.len()];
                Ok(Change { at: start, address: start, old, new })
            }
            _ => Err(Fault::Unsupported.into()),
        }
    }

    fn changes(&self, command: &Command, units: Range<u64>) -> Option<Change> {
        let Command::Program { at, data, .. } = command else { return None };
        self.programming(*at, data, units).ok()
    }

    fn read(&self, at: u64, length: usize, _: Region, _: Mode) -> Result<Found, Error> {
        let data = self.cells_at(at, at + length as u64)?;
        Ok(Found { data, ..Found::default() })
    }

    fn settle(&mut self, command: &Command) -> Result<Done, Error> {
        match command {
            Command::Lock { at, length, lock } => {
                let blocks = self.blocks(*at, *length);
                self.locks[blocks].fill(*lock);
                Ok(Done::Nothing)
            }
            Command::IsLocked { at, length } => {
                Ok(Done::Is(self.locks[self.blocks(*at, *length)].iter().all(|locked| *locked)))
            }
            Command::IsBad { .. } => Ok(Done::Is(false)),
            Command::BadBlocks { .. } => Ok(Done::Count(0)),
            Command::Program { .. } | Command::Erase { .. } => Ok(Done::Nothing),
            Command::MarkBad { .. } | Command::Read { .. } => Err(Fault::Unsupported.into()),
        }
    }

    fn copy(&self) -> Option<Box<dyn Array>> {
        let (geometry, cells, locks) = (self.geometry.clone(), self.cells.copy()?, self.locks.clone());
        Some(Box::new(Linear { geometry, cells, locks }))
    }
}
