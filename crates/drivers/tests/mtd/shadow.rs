//! What a flash ought to be, as naively as it can be said: bytes in a row. It judges every answer.

use outlive_classes::mtd::{Command, Done, Error, Fault, Found, Geometry, Kind, Mode, Region};

pub(crate) struct Shadow {
    geometry: Geometry,
    main: Vec<u8>,
    spare: Vec<u8>,
    /// Page by page: how often main bytes have been programmed with their code; more than once, or by hand, and the
    /// correction may say what it likes.
    programmed: Vec<u32>,
    locked: Vec<bool>,
    bad: Vec<bool>,
    marker: usize,
}

type Verdict = Result<(), String>;

impl Shadow {
    /// An erased one.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let blocks = (geometry.size / u64::from(geometry.erase_size)) as usize;
        let pages = (geometry.size / u64::from(geometry.write_size)) as usize;
        Shadow {
            main: vec![0xff; geometry.size as usize],
            spare: vec![0xff; pages * geometry.spare_size as usize],
            programmed: vec![0; pages],
            locked: vec![geometry.locked_at_power_up; blocks],
            bad: vec![false; blocks],
            marker: if geometry.write_size == 512 { 5 } else { 0 },
            geometry: geometry.clone(),
        }
    }

    /// What is lost with the power, and found again.
    pub(crate) fn power_up(&mut self) {
        let pages = (self.geometry.erase_size / self.geometry.write_size) as usize;
        let size = self.geometry.spare_size as usize;
        self.locked.fill(self.geometry.locked_at_power_up);
        if self.geometry.bad_blocks {
            let marker = |block: usize| self.spare[block * pages * size + self.marker];
            self.bad = (0..self.bad.len()).map(|block| marker(block) != 0xff).collect();
        }
    }

    /// Whether `answer` is the one to `command`; which then has happened here, too.
    pub(crate) fn judge(&mut self, command: &Command, answer: &Result<Done, Error>) -> Verdict {
        match (command, answer) {
            (Command::Read { at, length, spare, mode }, Ok(Done::Read(found))) => {
                self.judge_read(*at as usize, *length, *spare, *mode, found)
            }
            _ => {
                let expected = self.answer(command);
                if *answer == expected { Ok(()) } else { Err(format!("{answer:?} where {expected:?} is right")) }
            }
        }
    }

    fn judge_read(&self, at: usize, length: usize, spare: Region, mode: Mode, found: &Found) -> Verdict {
        let expected: Vec<u8> = self.wanted(at, spare, mode).map(|(place, _)| self.spare[place]).collect();
        let ecc = self.wanted(at, spare, mode).map(|(_, is_ecc)| is_ecc);
        let same = |((is, should), ecc): ((&u8, &u8), bool)| ecc || is == should;
        if found.spare.len() != expected.len() || !found.spare.iter().zip(&expected).zip(ecc).all(same) {
            return Err(format!("spare bytes {:x?} where {expected:x?} are right", found.spare));
        }
        let page = self.geometry.write_size as usize;
        let pages = if length == 0 { 0..0 } else { at / page..(at + length).div_ceil(page) };
        let is_sound = mode == Mode::Raw || self.programmed[pages].iter().all(|times| *times < 2);
        if found.data.len() != length || is_sound && found.data != self.main[at..at + length] {
            return Err("other main bytes".to_owned());
        }
        if is_sound && (found.corrected, found.worst, found.failed) != (0, 0, 0) {
            return Err(format!("{} corrected and {} failed where nothing is wrong", found.corrected, found.failed));
        }
        Ok(())
    }

    /// The spare bytes that are meant, one by one: where, and whether they are the code's.
    fn wanted(&self, at: usize, spare: Region, mode: Mode) -> impl Iterator<Item = (usize, bool)> {
        let places = |regions: &[Region]| -> Vec<u32> {
            regions.iter().flat_map(|region| region.offset..region.offset + region.length).collect()
        };
        let (size, ecc) = (self.geometry.spare_size, places(&self.geometry.ecc));
        let of_page = if mode == Mode::Auto { places(&self.geometry.free) } else { (0..size).collect() };
        let first = at / self.geometry.write_size as usize * size as usize;
        (spare.offset as usize..(spare.offset + spare.length) as usize).map(move |n| {
            let (page, place) = (n / of_page.len(), of_page[n % of_page.len()]);
            (first + page * size as usize + place as usize, ecc.contains(&place))
        })
    }

    /// What the answer is to anything but a read; it has happened then.
    pub(crate) fn answer(&mut self, command: &Command) -> Result<Done, Error> {
        let unsupported = Err(Fault::Unsupported.into());
        match command {
            Command::Program { at, data, spare_from, spare, mode } => {
                self.unlocked(*at, data.len() as u64)?;
                self.program(
                    *at as usize,
                    data,
                    Region { offset: *spare_from, length: spare.len() as u32 },
                    spare,
                    *mode,
                );
                Ok(Done::Nothing)
            }
            Command::Erase { at, length } => {
                self.unlocked(*at, *length)?;
                for block in self.blocks(*at, *length) {
                    if self.bad[block] {
                        let at = block as u64 * u64::from(self.geometry.erase_size);
                        return Err(Error { fault: Fault::Bad, at: Some(at) });
                    }
                    self.erase(block);
                }
                Ok(Done::Nothing)
            }
            Command::Lock { .. } | Command::IsLocked { .. } if !self.geometry.lockable => unsupported,
            Command::Lock { at, length, lock } => {
                let blocks = self.blocks(*at, *length);
                self.locked[blocks].fill(*lock);
                Ok(Done::Nothing)
            }
            Command::IsLocked { at, length } => Ok(Done::Is(!self.locked[self.blocks(*at, *length)].contains(&false))),
            Command::IsBad { at } => Ok(Done::Is(self.bad[self.blocks(*at, 1).start])),
            Command::BadBlocks { at, length } => {
                let blocks = self.blocks(*at, *length);
                Ok(Done::Count(self.bad[blocks].iter().map(|bad| u32::from(*bad)).sum()))
            }
            Command::MarkBad { .. } if !self.geometry.bad_blocks => unsupported,
            Command::MarkBad { at } => {
                let block = self.blocks(*at, 1).start;
                if !std::mem::replace(&mut self.bad[block], true) {
                    self.erase(block);
                    let page = (*at / u64::from(self.geometry.write_size)) as usize;
                    self.spare[page * self.geometry.spare_size as usize + self.marker] = 0;
                }
                Ok(Done::Nothing)
            }
            // An answer that is none is judged here.
            Command::Read { .. } => Ok(Done::Read(Found::default())),
        }
    }

    fn program(&mut self, at: usize, data: &[u8], wanted: Region, spare: &[u8], mode: Mode) {
        let old = &mut self.main[at..at + data.len()];
        old.iter_mut().zip(data).for_each(|(old, new)| match self.geometry.kind {
            Kind::Ram => *old = *new,
            Kind::Nor | Kind::Nand => *old &= new,
        });
        let page = self.geometry.write_size as usize;
        if self.geometry.kind == Kind::Nand {
            let times = if mode == Mode::Raw { 2 } else { 1 };
            self.programmed[at / page..(at + data.len()) / page].iter_mut().for_each(|before| *before += times);
        }
        let places: Vec<_> = self.wanted(at, wanted, mode).collect();
        for ((place, is_ecc), byte) in places.into_iter().zip(spare) {
            self.spare[place] &= byte;
            if is_ecc {
                // With main bytes the code is reckoned, and what is given is not looked at; by itself it is by hand.
                let of = place / self.geometry.spare_size as usize;
                let by_hand = mode == Mode::Raw || of >= at / page + data.len() / page;
                self.programmed[of] += if by_hand { 2 } else { 0 };
            }
        }
    }

    fn erase(&mut self, block: usize) {
        let (size, page) = (self.geometry.erase_size as usize, self.geometry.write_size as usize);
        self.main[block * size..(block + 1) * size].fill(0xff);
        let (pages, spare) = (size / page, self.geometry.spare_size as usize);
        self.programmed[block * pages..(block + 1) * pages].fill(0);
        self.spare[block * pages * spare..(block + 1) * pages * spare].fill(0xff);
    }

    fn blocks(&self, at: u64, length: u64) -> std::ops::Range<usize> {
        let size = u64::from(self.geometry.erase_size);
        (at / size) as usize..(at + length).div_ceil(size) as usize
    }

    fn unlocked(&self, at: u64, length: u64) -> Result<(), Error> {
        match self.blocks(at, length).any(|block| self.locked[block]) {
            true => Err(Error { fault: Fault::Locked, at: Some(at) }),
            false => Ok(()),
        }
    }
}
