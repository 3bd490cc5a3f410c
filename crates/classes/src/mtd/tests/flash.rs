//! A flash in memory that can be told how to behave, and that notes what the class had promised not to ask for.

use crate::mtd::{Command, Done, Error, Fault, Flash, Found, Geometry, Kind, Mode, Order, Region};
use outlive::{Cause, Noticer, Reason};
use std::sync::{Arc, Mutex, MutexGuard};

pub(super) const PAGE: u32 = 512;
pub(super) const SPARE: u32 = 16;
pub(super) const BLOCK: u32 = 4096;
pub(super) const SIZE: u64 = 8 * BLOCK as u64;
/// A block that is bad from the beginning.
pub(super) const BAD: u64 = 3 * BLOCK as u64;

/// What the flash does with a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behaviour {
    /// Carries it out.
    Prompt,
    /// Keeps it until it is cancelled or [`Memory::release`]d.
    Park,
    /// Keeps it until it is released, whatever comes.
    Deaf,
    /// Drops it.
    Forget,
    /// Panics.
    Panic,
    /// Answers with one byte too many, or with something else than was asked for.
    Wrong,
    /// Fails.
    Fail(Fault),
    /// Finds bits that flipped: so many corrected, the worst step, so many steps beyond correction.
    Flips(u32, u32, u32),
}

/// A handle to the flash, which its chip has another of.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    geometry: Geometry,
    behaviour: Behaviour,
    copies: bool,
    main: Vec<u8>,
    spare: Vec<u8>,
    bad: Vec<bool>,
    locked: Vec<bool>,
    parked: Vec<(Command, Order)>,
    commands: Vec<Command>,
    breaches: Vec<Command>,
    teardowns: usize,
    noticer: Noticer,
}

pub(super) fn nor() -> Geometry {
    Geometry {
        kind: Kind::Nor,
        size: SIZE,
        erase_size: BLOCK,
        write_size: 1,
        buffer_size: 256,
        spare_size: 0,
        free: Vec::new(),
        ecc: Vec::new(),
        ecc_step: 0,
        ecc_strength: 0,
        bitflip_threshold: 0,
        writable: true,
        lockable: true,
        locked_at_power_up: false,
        bad_blocks: false,
    }
}

pub(super) fn ram() -> Geometry {
    Geometry { kind: Kind::Ram, lockable: false, ..nor() }
}

pub(super) fn nand() -> Geometry {
    Geometry {
        kind: Kind::Nand,
        write_size: PAGE,
        buffer_size: PAGE,
        spare_size: SPARE,
        free: vec![Region { offset: 2, length: 3 }, Region { offset: 11, length: 5 }],
        ecc: vec![Region { offset: 5, length: 6 }],
        ecc_step: PAGE,
        ecc_strength: 4,
        bitflip_threshold: 3,
        lockable: false,
        bad_blocks: true,
        ..nor()
    }
}

impl Memory {
    pub(super) fn new(geometry: Geometry) -> Self {
        let bytes = geometry.size as usize;
        Self::with(geometry, bytes)
    }

    /// One that says it is as large as that, and has only so many bytes.
    pub(super) fn with(geometry: Geometry, bytes: usize) -> Self {
        let blocks = geometry.size.div_ceil(u64::from(geometry.erase_size)) as usize;
        let pages = (geometry.size / u64::from(geometry.write_size)) as usize;
        let is_bad = |block| geometry.bad_blocks && block as u64 * u64::from(BLOCK) == BAD;
        Memory(Arc::new(Mutex::new(State {
            behaviour: Behaviour::Prompt,
            copies: true,
            main: vec![0xff; bytes],
            spare: vec![0xff; pages * geometry.spare_size as usize],
            bad: (0..blocks).map(is_bad).collect(),
            locked: vec![geometry.locked_at_power_up; blocks],
            parked: Vec::new(),
            commands: Vec::new(),
            breaches: Vec::new(),
            teardowns: 0,
            noticer: Noticer::new(),
            geometry,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        self.state().behaviour = behaviour;
    }

    /// From now on it has no copy to give.
    pub(super) fn refuse_copies(&self) {
        self.state().copies = false;
    }

    pub(super) fn put(&self, at: u64, bytes: &[u8]) {
        self.state().main[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    pub(super) fn get(&self, at: u64, length: usize) -> Vec<u8> {
        self.state().main[at as usize..][..length].to_vec()
    }

    pub(super) fn spare(&self, page: usize) -> Vec<u8> {
        self.state().spare[page * SPARE as usize..][..SPARE as usize].to_vec()
    }

    pub(super) fn put_spare(&self, page: usize, bytes: &[u8]) {
        self.state().spare[page * SPARE as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    pub(super) fn parked(&self) -> usize {
        self.state().parked.len()
    }

    pub(super) fn teardowns(&self) -> usize {
        self.state().teardowns
    }

    /// What it was asked to do since the last time.
    pub(super) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.state().commands)
    }

    /// What it was asked for that it may not be asked for.
    pub(super) fn breaches(&self) -> Vec<Command> {
        self.state().breaches.clone()
    }

    /// Its hardware goes.
    pub(super) fn vanish(&self) {
        let noticer = self.state().noticer.clone();
        noticer.gone(Reason::Pulled);
    }

    /// Carries out what it keeps.
    pub(super) fn release(&self) {
        let parked = std::mem::take(&mut self.state().parked);
        for (command, order) in parked {
            let done = self.state().carry_out(command);
            order.answer(done);
        }
    }

    fn park(&self, command: Command, order: Order, hears: bool) {
        let (flash, number) = (self.clone(), order.number());
        if hears {
            order.on_cancel(move |cause: Cause| {
                let mut state = flash.state();
                let place = state.parked.iter().position(|(_, order)| order.number() == number);
                let found = place.map(|place| state.parked.remove(place));
                drop(state);
                if let Some((_, order)) = found {
                    order.let_go(cause);
                }
            });
        }
        self.state().parked.push((command, order));
    }
}

impl State {
    fn carry_out(&mut self, command: Command) -> Result<Done, Error> {
        let block = |at: u64| (at / u64::from(self.geometry.erase_size)) as usize;
        let blocks = |at: u64, length: u64| block(at)..block(at + length);
        match command {
            Command::Read { at, length, spare, mode } => Ok(Done::Read(Found {
                data: self.main[at as usize..][..length].to_vec(),
                spare: self.places(at, spare, mode).map(|place| self.spare[place]).collect(),
                ..Found::default()
            })),
            Command::Program { at, .. } if self.locked[block(at)] => Err(Error { fault: Fault::Locked, at: Some(at) }),
            Command::Program { at, data, spare_from, spare, mode } => {
                self.main[at as usize..][..data.len()].copy_from_slice(&data);
                let region = Region { offset: spare_from, length: spare.len() as u32 };
                let places: Vec<_> = self.places(at, region, mode).collect();
                places.into_iter().zip(spare).for_each(|(place, byte)| self.spare[place] = byte);
                Ok(Done::Nothing)
            }
            Command::Erase { at, length } => {
                if let Some(bad) = blocks(at, length).find(|block| self.bad[*block]) {
                    let at = Some(bad as u64 * u64::from(self.geometry.erase_size));
                    return Err(Error { fault: Fault::Bad, at });
                }
                self.main[at as usize..][..length as usize].fill(0xff);
                Ok(Done::Nothing)
            }
            Command::Lock { at, length, lock } => {
                self.locked[blocks(at, length)].fill(lock);
                Ok(Done::Nothing)
            }
            Command::IsLocked { at, length } => Ok(Done::Is(self.locked[blocks(at, length)].iter().all(|it| *it))),
            Command::IsBad { at } => Ok(Done::Is(self.bad[block(at)])),
            Command::MarkBad { at } => {
                self.bad[block(at)] = true;
                Ok(Done::Nothing)
            }
            Command::BadBlocks { at, length } => {
                Ok(Done::Count(self.bad[blocks(at, length)].iter().filter(|it| **it).count() as u32))
            }
        }
    }

    /// Where the spare bytes are that are meant.
    fn places(&self, at: u64, region: Region, mode: Mode) -> impl Iterator<Item = usize> + use<> {
        let of_page: Vec<u32> = match mode {
            Mode::Auto => self.geometry.free.iter().flat_map(|it| it.offset..it.offset + it.length).collect(),
            Mode::Place | Mode::Raw => (0..self.geometry.spare_size).collect(),
        };
        let (first, per_page) =
            ((at / u64::from(self.geometry.write_size)) as usize, self.geometry.spare_size as usize);
        let all =
            (first..).flat_map(move |page| of_page.clone().into_iter().map(move |it| page * per_page + it as usize));
        all.skip(region.offset as usize).take(region.length as usize)
    }

    /// What the class promises of a command (`crate::mtd::Flash`).
    fn is_promised(&self, command: &Command) -> bool {
        let geometry = &self.geometry;
        let (page, block) = (u64::from(geometry.write_size), u64::from(geometry.erase_size));
        let inside = |at: u64, length: u64| at < geometry.size && length > 0 && length <= geometry.size - at;
        let whole =
            |at: u64, length: u64| inside(at, length) && at.is_multiple_of(block) && length.is_multiple_of(block);
        let spares = |at: u64, from: u32, count: u64, mode: Mode, pages: Option<u64>| {
            let available = match mode {
                Mode::Auto => geometry.free.iter().map(|it| it.length).sum(),
                Mode::Place | Mode::Raw => geometry.spare_size,
            };
            let pages = pages.unwrap_or(geometry.size / page - at / page);
            count == 0
                || at.is_multiple_of(page)
                    && from < available
                    && u64::from(from) + count <= pages * u64::from(available)
        };
        match command {
            Command::Read { at, length, spare, mode } => {
                let (length, count) = (*length as u64, u64::from(spare.length));
                let pages = (length > 0).then(|| (at % page + length).div_ceil(page));
                (length > 0 || count > 0)
                    && inside(*at, length.max(1))
                    && spares(*at, spare.offset, count, *mode, pages)
            }
            Command::Program { at, data, spare_from, spare, mode } => {
                let (length, count) = (data.len() as u64, spare.len() as u64);
                let pages = Some((length / page).max(1));
                geometry.writable
                    && (length > 0 || count > 0)
                    && at.is_multiple_of(page)
                    && length.is_multiple_of(page)
                    && inside(*at, length.max(1))
                    && spares(*at, *spare_from, count, *mode, pages)
            }
            Command::Erase { at, length } => geometry.writable && whole(*at, *length),
            Command::Lock { at, length, .. } | Command::IsLocked { at, length } => {
                geometry.lockable && whole(*at, *length)
            }
            Command::IsBad { at } => geometry.bad_blocks && whole(*at, block),
            Command::MarkBad { at } => geometry.bad_blocks && geometry.writable && whole(*at, block),
            Command::BadBlocks { at, length } => geometry.bad_blocks && whole(*at, *length),
        }
    }
}

impl Flash for Memory {
    fn geometry(&self) -> Geometry {
        self.state().geometry.clone()
    }

    fn name(&self) -> String {
        "test flash".to_owned()
    }

    fn begin(&self, command: Command, order: Order) {
        let behaviour = {
            let mut state = self.state();
            if !state.is_promised(&command) {
                state.breaches.push(command.clone());
            }
            state.commands.push(command.clone());
            state.behaviour
        };
        match behaviour {
            Behaviour::Park => return self.park(command, order, true),
            Behaviour::Deaf => return self.park(command, order, false),
            Behaviour::Forget => return drop(order),
            Behaviour::Panic => panic!("a planted bug of the driver's"),
            Behaviour::Fail(fault) => return order.answer(Err(fault.into())),
            Behaviour::Prompt | Behaviour::Wrong | Behaviour::Flips(..) => {}
        }
        let mut done = self.state().carry_out(command);
        match (behaviour, &mut done) {
            (Behaviour::Wrong, Ok(Done::Read(found))) => found.data.push(0xee),
            (Behaviour::Wrong, Ok(done)) => *done = Done::Read(Found::default()),
            (Behaviour::Flips(corrected, worst, failed), Ok(Done::Read(found))) => {
                (found.corrected, found.worst, found.failed) = (corrected, worst, failed);
            }
            _ => {}
        }
        order.answer(done);
    }

    fn stand_in(&self) -> Option<Box<dyn Flash>> {
        let state = self.state();
        let kept = Memory::new(state.geometry.clone());
        let mut copy = kept.state();
        (copy.main, copy.spare) = (state.main.clone(), state.spare.clone());
        (copy.bad, copy.locked) = (state.bad.clone(), state.locked.clone());
        drop(copy);
        state.copies.then(|| Box::new(kept) as _)
    }

    fn plugged(&self, noticer: &Noticer) {
        self.state().noticer = noticer.clone();
    }

    fn teardown(&mut self) {
        self.state().teardowns += 1;
    }
}

#[test]
fn the_flash_notes_what_it_may_not_be_asked_for() {
    let (page, block) = (u64::from(PAGE), u64::from(BLOCK));
    let spare = |offset, length| Region { offset, length };
    let read = |at, length, spare, mode| Command::Read { at, length, spare, mode };
    let program = |at, length, spare_from, spare| {
        let (data, spare) = (vec![0; length], vec![0; spare]);
        Command::Program { at, data, spare_from, spare, mode: Mode::Place }
    };
    let memory = Memory::new(nand());
    for (command, promised) in [
        (read(SIZE - 1, 1, spare(0, 0), Mode::Place), true),
        (read(SIZE - 1, 2, spare(0, 0), Mode::Place), false),
        (read(0, 0, spare(0, 0), Mode::Place), false),
        (read(0, 1, spare(0, SPARE), Mode::Raw), true),
        (read(0, 1, spare(0, SPARE + 1), Mode::Raw), false),
        (read(1, 0, spare(0, 1), Mode::Raw), false),
        (read(0, 0, spare(8, 1), Mode::Auto), false),
        (program(0, PAGE as usize, 0, 0), true),
        (program(page, PAGE as usize - 1, 0, 0), false),
        (program(0, 0, SPARE - 1, 2), false),
        (Command::Erase { at: block, length: block }, true),
        (Command::Erase { at: 0, length: 0 }, false),
        (Command::Erase { at: page, length: block }, false),
        (Command::Lock { at: 0, length: block, lock: true }, false),
        (Command::IsBad { at: SIZE }, false),
    ] {
        assert_eq!(memory.state().is_promised(&command), promised, "{command:?}");
    }
}
