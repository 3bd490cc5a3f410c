//! NAND flash: pages with spare bytes, error correction, bad blocks.

use super::{
    array::{Array, Outlook, Units, lost, spare_of_page},
    cells::{Cells, Change, ERASED},
    code::Code,
    flips::Flips,
};
use outlive_classes::mtd::{Command, Done, Error, Fault, Found, Geometry, Mode, Region};

/// A NAND flash, and the part of Linux' `drivers/mtd/nand/raw/nand_base.c` that knows of its error correction and of bad
/// blocks.
///
/// Programming a page that has been programmed clears more of its bits, as in the hardware; its code is that of neither
/// content then, and reading finds errors. What is bad is read from the markers as the flash gets power, and known from
/// then on, as Linux' table in memory: writing a marker by hand tells only after that.
#[derive(Debug)]
pub(super) struct Nand {
    geometry: Geometry,
    cells: Cells,
    code: Code,
    flips: Flips,
    /// The spare bytes that the code does not use, and those that it does.
    free: Vec<usize>,
    ecc: Vec<usize>,
    /// Which spare byte of a block's first page is not 0xff if the block is bad.
    marker: usize,
    bad: Vec<bool>,
}

/// What is asked for of the spare bytes of one page.
struct Wanted {
    /// From which one on.
    from: usize,
    /// What is asked for of all pages, the part that is of this one.
    part: std::ops::Range<usize>,
}

impl Nand {
    /// `marker`: the place of the bad-block marker among the spare bytes.
    pub(super) fn new(geometry: Geometry, cells: Cells, code: Code, flips: Flips, marker: usize) -> Self {
        let places = |regions: &[Region]| {
            regions
                .iter()
                .flat_map(|region| region.offset..region.offset + region.length)
                .map(|at| at as usize)
                .collect()
        };
        let (free, ecc) = (places(&geometry.free), places(&geometry.ecc));
        let bad = vec![false; (geometry.size / u64::from(geometry.erase_size)) as usize];
        let mut nand = Nand { geometry, cells, code, flips, free, ecc, marker, bad };
        nand.power_up();
        nand
    }

    /// Marks the blocks of these numbers as the factory does.
    ///
    /// # Errors
    /// If they cannot be.
    pub(super) fn spoil(&mut self, blocks: &[u64]) -> std::io::Result<()> {
        if blocks.is_empty() {
            return Ok(());
        }
        for block in blocks {
            let at = self.raw(block * self.pages_of_block()) + self.page() as u64 + self.marker as u64;
            let address = block * u64::from(self.geometry.erase_size);
            let change = Change { at, address, old: self.cells.read(at, 1)?, new: vec![0] };
            self.cells.change(&change)?;
        }
        self.power_up();
        Ok(())
    }

    fn page(&self) -> usize {
        self.geometry.write_size as usize
    }

    fn pages_of_block(&self) -> u64 {
        u64::from(self.geometry.erase_size / self.geometry.write_size)
    }

    /// Of a page with its spare bytes.
    fn raw_page(&self) -> usize {
        self.page() + self.geometry.spare_size as usize
    }

    /// Where a page's cells are.
    fn raw(&self, page: u64) -> u64 {
        page * self.raw_page() as u64
    }

    fn block(&self, at: u64) -> usize {
        (at / u64::from(self.geometry.erase_size)) as usize
    }

    /// The cells of a page: its main bytes, then its spare bytes.
    fn page_cells(&self, page: u64) -> Result<Vec<u8>, Error> {
        self.cells.read(self.raw(page), self.raw_page()).map_err(|_| lost(page * self.page() as u64))
    }

    fn wanted(&self, mode: Mode, spare: Region, unit: u64) -> Wanted {
        let room = spare_of_page(&self.geometry, mode) as usize;
        let (offset, length, unit) = (spare.offset as usize, spare.length as usize, unit as usize);
        let from = if unit == 0 { offset } else { 0 };
        let start = (room * unit).saturating_sub(offset).min(length);
        let end = (room * (unit + 1)).saturating_sub(offset).min(length);
        Wanted { from, part: start..end }
    }

    /// Where these spare bytes of a page are among all of them.
    fn places(&self, mode: Mode, wanted: &Wanted) -> Vec<usize> {
        let places = wanted.from..wanted.from + wanted.part.len();
        match mode {
            Mode::Place | Mode::Raw => places.collect(),
            Mode::Auto => self.free[places].to_vec(),
        }
    }

    /// How many pages a command is about.
    fn pages(&self, length: usize, spare: Region, mode: Mode) -> u64 {
        let room = spare_of_page(&self.geometry, mode);
        let of_spare = if spare.length == 0 { 0 } else { (spare.offset + spare.length).div_ceil(room) };
        (length.div_ceil(self.page()) as u64).max(of_spare.into())
    }

    /// What goes into the cells of a page; ones where nothing is asked for.
    fn image(&self, data: Option<&[u8]>, spare: &[(usize, u8)], mode: Mode) -> Vec<u8> {
        let size = self.page();
        let mut image = vec![ERASED; self.raw_page()];
        for (place, byte) in spare {
            image[size + place] = *byte;
        }
        let Some(data) = data else { return image };
        image[..size].copy_from_slice(data);
        let step = self.code.step();
        if mode != Mode::Raw && step > 0 {
            let codes = data.chunks(step).flat_map(|step| self.code.encode(step));
            self.ecc.iter().zip(codes).for_each(|(place, byte)| image[size + place] = byte);
        }
        image
    }

    fn program(&self, command: &Command, unit: u64) -> Result<Change, Error> {
        let Command::Program { at, data, spare_from, spare, mode } = command else {
            return Err(Fault::Unsupported.into());
        };
        let (size, page) = (self.page(), at / self.page() as u64 + unit);
        let wanted = self.wanted(*mode, Region { offset: *spare_from, length: spare.len() as u32 }, unit);
        let bytes: Vec<_> = self.places(*mode, &wanted).into_iter().zip(spare[wanted.part].iter().copied()).collect();
        let data = data.chunks_exact(size).nth(unit as usize);
        let old = self.page_cells(page)?;
        let image = self.image(data, &bytes, *mode);
        let mut new: Vec<u8> = old.iter().zip(&image).map(|(old, image)| old & image).collect();
        // A weak cell comes out wrong whatever it was before: programming it again makes it no better.
        let weak = if data.is_some() { self.weak(page) } else { Vec::new() };
        weak.into_iter().for_each(|(byte, mask)| new[byte] = new[byte] & !mask | !image[byte] & mask);
        Ok(Change { at: self.raw(page), address: page * size as u64, old, new })
    }

    /// The weak bits of a page: byte, and bit as a mask.
    fn weak(&self, page: u64) -> Vec<(usize, u8)> {
        let step = if self.code.step() > 0 { self.code.step() } else { self.page() };
        self.flips.of(page, step, self.page()).into_iter().map(|bit| (bit / 8, 1 << (bit % 8))).collect()
    }

    /// Block `at` as it is, and erased.
    fn erasure(&self, at: u64) -> Result<Change, Error> {
        let start = self.raw(at / self.page() as u64);
        let old = self.cells.read(start, self.raw_page() * self.pages_of_block() as usize).map_err(|_| lost(at))?;
        let new = vec![ERASED; old.len()];
        Ok(Change { at: start, address: at, old, new })
    }

    /// Corrects the steps of `cells` that lie between `start` and `end`, in bytes of the page.
    fn correct(&self, cells: &mut [u8], start: usize, end: usize, found: &mut Found) {
        let (step, bytes) = (self.code.step(), self.code.bytes());
        if step == 0 || start == end {
            return;
        }
        let (main, spare) = cells.split_at_mut(self.page());
        for number in start / step..end.div_ceil(step) {
            let code: Vec<u8> = self.ecc[number * bytes..][..bytes].iter().map(|place| spare[*place]).collect();
            match self.code.correct(&mut main[number * step..][..step], &code) {
                Some(wrong) => {
                    found.corrected += wrong;
                    found.worst = found.worst.max(wrong);
                }
                None => found.failed += 1,
            }
        }
    }
}

impl Array for Nand {
    fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    fn cells(&mut self) -> &mut Cells {
        &mut self.cells
    }

    fn power_up(&mut self) {
        let marker_of = |block: usize| {
            let at = self.raw(block as u64 * self.pages_of_block()) + self.page() as u64 + self.marker as u64;
            self.cells.read(at, 1)
        };
        // One whose marker cannot be read is not to be trusted.
        self.bad =
            (0..self.bad.len()).map(|block| marker_of(block).map_or(true, |marker| marker != [ERASED])).collect();
    }

    fn outlook(&self, command: &Command) -> Outlook {
        let size = u64::from(self.geometry.erase_size);
        match command {
            Command::Program { data, spare_from, spare, mode, .. } => {
                Outlook::good(self.pages(data.len(), Region { offset: *spare_from, length: spare.len() as u32 }, *mode))
            }
            Command::Erase { at, length } => {
                let blocks = self.block(*at)..self.block(*at + *length);
                match blocks.clone().find(|block| self.bad[*block]) {
                    Some(bad) => {
                        let fails = Error { fault: Fault::Bad, at: Some(bad as u64 * size) };
                        Outlook { units: (bad - blocks.start) as u64, fails: Some(fails) }
                    }
                    None => Outlook::good(blocks.len() as u64),
                }
            }
            // A second time is nothing, as in nand_block_markbad of nand_base.c.
            Command::MarkBad { at } => Outlook::good(u64::from(!self.bad[self.block(*at)])),
            Command::Lock { .. } | Command::IsLocked { .. } => Outlook::fails(Fault::Unsupported),
            Command::Read { at, length, spare, mode } => {
                let skipped = (at % self.page() as u64) as usize;
                Outlook::good(self.pages(skipped + length, *spare, *mode))
            }
            Command::IsBad { .. } | Command::BadBlocks { .. } => Outlook::good(0),
        }
    }

    fn change(&self, command: &Command, unit: u64) -> Result<Change, Error> {
        match command {
            Command::Program { .. } => self.program(command, unit),
            Command::Erase { at, length } => {
                self.erasure(Units::new(*at, *length, self.geometry.erase_size).bounds(unit).0)
            }
            // Linux erases it first, so that nothing else stands there (nand_block_markbad_lowlevel).
            Command::MarkBad { at } => {
                let mut change = self.erasure(*at)?;
                change.new[self.page() + self.marker] = 0;
                Ok(change)
            }
            _ => Err(Fault::Unsupported.into()),
        }
    }

    fn read(&self, at: u64, length: usize, spare: Region, mode: Mode) -> Result<Found, Error> {
        let size = self.page();
        let (first, skipped) = (at / size as u64, (at % size as u64) as usize);
        let mut found = Found::default();
        for unit in 0..self.pages(skipped + length, spare, mode) {
            let mut cells = self.page_cells(first + unit)?;
            let before = unit as usize * size;
            let part = |limit: usize| limit.saturating_sub(before).min(size);
            let (start, end) = (part(skipped), part(skipped + length));
            if mode != Mode::Raw {
                // As Linux: of a part of a page only the steps that it touches, but all of them if spare bytes are read.
                let (start, end) = if spare.length > 0 && end > start { (0, size) } else { (start, end) };
                self.correct(&mut cells, start, end, &mut found);
            }
            found.data.extend_from_slice(&cells[start..end]);
            let places = self.places(mode, &self.wanted(mode, spare, unit));
            found.spare.extend(places.into_iter().map(|place| cells[size + place]));
        }
        Ok(found)
    }

    fn settle(&mut self, command: &Command) -> Result<Done, Error> {
        match command {
            Command::MarkBad { at } => {
                let block = self.block(*at);
                self.bad[block] = true;
                Ok(Done::Nothing)
            }
            Command::IsBad { at } => Ok(Done::Is(self.bad[self.block(*at)])),
            Command::BadBlocks { at, length } => {
                let (first, count) = (self.block(*at), (*length / u64::from(self.geometry().erase_size)) as usize);
                Ok(Done::Count(self.bad[first..][..count].iter().filter(|bad| **bad).count() as u32))
            }
            Command::Program { .. } | Command::Erase { .. } => Ok(Done::Nothing),
            Command::Read { .. } | Command::Lock { .. } | Command::IsLocked { .. } => Err(Fault::Unsupported.into()),
        }
    }

    fn copy(&self) -> Option<Box<dyn Array>> {
        let Nand { geometry, cells, code, flips, free, ecc, marker, bad } = self;
        let (geometry, cells, code, flips) = (geometry.clone(), cells.copy()?, code.clone(), flips.clone());
        let (free, ecc, marker, bad) = (free.clone(), ecc.clone(), *marker, bad.clone());
        Some(Box::new(Nand { geometry, cells, code, flips, free, ecc, marker, bad }))
    }
}
