//! A timer: a register file, and an interrupt that comes again and again.

use crate::clock::Clock;
use outlive_classes::uio::{Control, Driver, Error, Wiring};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

/// Its registers: words of 32 bits in the machine's byte order, by their offset in region 0.
///
/// The timer runs from the first open on. It looks at what clients have written at each of its ticks, and whenever the
/// interrupt's control is written.
#[rustfmt::skip]
pub mod register {
    /// Reads [`MAGIC`].
    pub const ID:      u64 = 0x00;
    /// Bit 0: it runs. Set by a plug.
    pub const CONTROL: u64 = 0x04;
    /// Between two ticks, in microseconds. Less than 100 counts as 100.
    pub const PERIOD:  u64 = 0x08;
    /// How many ticks there have been, whether or not they interrupted.
    pub const COUNT:   u64 = 0x0c;
    /// For a client to write.
    pub const IN:      u64 = 0x10;
    /// The complement of what [`IN`] was when the timer looked.
    pub const OUT:     u64 = 0x14;
    /// What [`ID`] reads: "TIMR".
    pub const MAGIC: u32 = 0x5449_4d52;
}

/// The shortest time between two ticks.
pub(super) const FASTEST: Duration = Duration::from_micros(100);
const RUNS: u32 = 1;

/// A timer board.
#[derive(Debug)]
pub struct Timer {
    regions: Vec<u64>,
    works: Arc<Works>,
}

#[derive(Debug)]
struct Works {
    clock: Arc<dyn Clock>,
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts the lives, so that a tick of a former one is known.
    life: u64,
    /// What it is connected to while it is plugged in.
    wiring: Option<Wiring>,
    interrupts: bool,
    /// It runs from the first open on.
    opened: bool,
}

impl Timer {
    /// One with the regions of these sizes in bytes, the first of which has its registers. `period`: between two ticks;
    /// zero for a board without an interrupt.
    pub fn new(regions: Vec<u64>, period: Duration, clock: Arc<dyn Clock>) -> Self {
        Timer { regions, works: Arc::new(Works { clock, period, state: Mutex::default() }) }
    }
}

impl Driver for Timer {
    fn regions(&self) -> Vec<u64> {
        self.regions.clone()
    }

    fn has_interrupt(&self) -> bool {
        !self.works.period.is_zero()
    }

    fn control(&self, on: u32, control: Control) {
        let known = on <= 1;
        if known {
            let mut state = self.works.state();
            state.interrupts = on == 1;
            state.look();
        }
        control.answer(if known { Ok(()) } else { Err(Error::Invalid) });
    }

    fn plugged(&self, wiring: Wiring) {
        let mut state = self.works.state();
        let registers = &wiring.memory[0];
        registers.store(register::ID, register::MAGIC);
        registers.store(register::CONTROL, RUNS);
        registers.store(register::PERIOD, self.works.period.as_micros() as u32);
        *state = State { life: state.life + 1, wiring: Some(wiring), interrupts: true, opened: false };
        state.look();
    }

    fn opened(&self) {
        let life = {
            let mut state = self.works.state();
            if std::mem::replace(&mut state.opened, true) || !self.has_interrupt() {
                return;
            }
            state.life
        };
        Works::tick_after(&self.works, life, self.works.period);
    }

    fn unplugged(&mut self) {
        let wiring = self.works.state().wiring.take();
        drop(wiring);
    }
}

impl Works {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick_after(works: &Arc<Self>, life: u64, period: Duration) {
        let weak: Weak<Works> = Arc::downgrade(works);
        let then = move || weak.upgrade().into_iter().for_each(|works| Works::tick(&works, life));
        works.clock.after(period, Box::new(then));
    }

    fn tick(works: &Arc<Self>, life: u64) {
        let (line, period) = {
            let mut state = works.state();
            if state.life != life {
                return;
            }
            let Some(wiring) = &state.wiring else { return };
            let (registers, line) = (wiring.memory[0].clone(), wiring.line.clone());
            let runs = registers.load(register::CONTROL) & RUNS != 0;
            if runs {
                registers.store(register::COUNT, registers.load(register::COUNT).wrapping_add(1));
            }
            state.look();
            ((runs && state.interrupts).then_some(line), Duration::from_micros(registers.load(register::PERIOD).into()))
        };
        if let Some(line) = line {
            line.raise();
        }
        Works::tick_after(works, life, period.max(FASTEST));
    }
}

impl State {
    /// Looks at what clients have written.
    fn look(&mut self) {
        let Some(registers) = self.wiring.as_ref().and_then(|wiring| wiring.memory.first()) else { return };
        registers.store(register::OUT, !registers.load(register::IN));
    }
}
