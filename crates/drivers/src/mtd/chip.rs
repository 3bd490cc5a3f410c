//! A flash in time: one command after the other, each of which takes its time and may be stopped in the middle.

use super::{
    array::{Array, Outlook, is_sound, lost},
    bounce::Bounce,
    cells::Change,
    tear::Tear,
};
use crate::clock::Clock;
use outlive::{Cause, Noticer};
use outlive_classes::mtd::{Command, Done, Error, Fault, Flash, Found, Geometry, Order};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many units are done together, where they can be: 64 KiB of a flash without pages.
const AT_ONCE: usize = 1024;

/// How long a unit of each takes.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Timing {
    /// Reading a page; of a flash without pages, reading at all.
    pub(super) read: Duration,
    /// Programming what is programmed at once.
    pub(super) program: Duration,
    /// Erasing a block.
    pub(super) erase: Duration,
}

/// A flash whose commands come one after the other.
///
/// A command that takes no time is carried out and answered at once. One that takes time is parked until that has passed,
/// and what comes meanwhile waits behind it.
///
/// A command that is cancelled because its client gave up has changed the units whose time had passed; the one in progress
/// is finished, since nobody can stop the hardware in it, and until its time has passed the flash is busy. At the mark
/// the power goes: the units whose time had passed are whole, the one in progress is torn, and nothing changes any more.
#[derive(Debug)]
pub(super) struct Chip {
    name: String,
    geometry: Geometry,
    works: Arc<Works>,
}

#[derive(Debug)]
struct Works {
    clock: Arc<dyn Clock>,
    timing: Timing,
    /// How large pieces of data come and go.
    bounce: Option<Bounce>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    array: Box<dyn Array>,
    tear: Tear,
    /// Until when it is in a unit whose client has given up.
    busy_until: Duration,
    /// The command that it carries out.
    parked: Option<Parked>,
    /// Those behind it.
    queue: VecDeque<Waiting>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    /// Names it, since its number is one of its device's life and a flash may live through several.
    ticket: u64,
    command: Command,
    order: Order,
}

#[derive(Debug)]
struct Parked {
    waiting: Waiting,
    outlook: Outlook,
    /// When its first unit begins.
    begins: Duration,
    /// How long each of its units takes.
    each: Duration,
}

/// What is to be done once the lock is free again.
enum Next {
    Answer(Order, Result<Done, Error>),
    Park(u64, Duration),
    Nothing,
}

impl Chip {
    /// One with these insides, which lives in the time of `clock`.
    pub(super) fn new(name: String, array: Box<dyn Array>, timing: Timing, tear: Tear, clock: Arc<dyn Clock>) -> Self {
        Chip::with(name, State::new(array, tear), timing, clock, None)
    }

    /// One whose large pieces of data come and go by `bounce`.
    pub(super) fn with(
        name: String,
        state: State,
        timing: Timing,
        clock: Arc<dyn Clock>,
        bounce: Option<Bounce>,
    ) -> Self {
        let geometry = state.array.geometry().clone();
        let works = Arc::new(Works { clock, timing, bounce, state: Mutex::new(state) });
        Chip { name, geometry, works }
    }
}

impl Flash for Chip {
    fn geometry(&self) -> Geometry {
        self.geometry.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn begin(&self, command: Command, order: Order) {
        if !is_sound(&self.geometry, &command) {
            return order.answer(Err(Fault::Io.into()));
        }
        match (&self.works.bounce, command) {
            (Some(bounce), Command::Program { at, data, spare_from, spare, mode }) => {
                let works = self.works.clone();
                bounce.send(order, data, move |data, order| {
                    Works::take(&works, Command::Program { at, data, spare_from, spare, mode }, order);
                });
            }
            (_, command) => Works::take(&self.works, command, order),
        }
    }

    fn stand_in(&self) -> Option<Box<dyn Flash>> {
        let (array, tear) = {
            let state = self.works.state();
            (state.array.copy()?, state.tear)
        };
        let Works { clock, timing, .. } = &*self.works;
        Some(Box::new(Chip::new(self.name.clone(), array, *timing, tear, clock.clone())))
    }

    fn plugged(&self, _: &Noticer) {
        let mut state = self.works.state();
        state.busy_until = Duration::ZERO;
        state.array.power_up();
    }
}

/// Gives back an order whose cancellation came before there was a place to find it.
fn let_go(order: Order) {
    let cause = order.handle().gone().map_or(Cause::Interrupted, Cause::Gone);
    order.let_go(cause);
}

impl Works {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, order: Order, answer: Result<Done, Error>) {
        match (&self.bounce, answer) {
            (Some(bounce), Ok(Done::Read(mut found))) => {
                let data = std::mem::take(&mut found.data);
                bounce.send(order, data, move |data, order| order.answer(Ok(Done::Read(Found { data, ..found }))));
            }
            (_, answer) => order.answer(answer),
        }
    }

    fn take(works: &Arc<Self>, command: Command, order: Order) {
        let ticket = {
            let mut state = works.state();
            let outlook = state.array.outlook(&command);
            if state.is_free(works.clock.now()) && outlook.takes(works.timing.of_unit(&command)).is_zero() {
                let answer = state.carry_out(&command, outlook);
                drop(state);
                return works.answer(order, answer);
            }
            state.next_ticket += 1;
            state.next_ticket
        };
        let weak = Arc::downgrade(works);
        order.on_cancel(move |cause| weak.upgrade().into_iter().for_each(|works| Works::cancel(&works, ticket, cause)));
        {
            // Under the lock, so that a cancellation is either seen here or finds the order in the queue. The mark is
            // looked for by itself: from it on a hook is called as it is registered, which may be before the client has
            // been told.
            let mut state = works.state();
            if order.is_cancelled() || order.handle().gone().is_some() {
                drop(state);
                return let_go(order);
            }
            let is_idle = state.parked.is_none() && state.queue.is_empty();
            state.queue.push_back(Waiting { ticket, command, order });
            // A queue that is not empty is somebody's who is going through it, and who will come to this one.
            if !is_idle {
                return;
            }
        }
        Works::go_on(works);
    }

    /// Goes on with those who wait, until one takes its time or nobody waits.
    fn go_on(works: &Arc<Self>) {
        loop {
            let next = works.state().next(works.clock.now(), &works.timing);
            match next {
                Next::Answer(order, answer) => works.answer(order, answer),
                Next::Park(ticket, delay) => {
                    let weak = Arc::downgrade(works);
                    let then = move || weak.upgrade().into_iter().for_each(|works| Works::finish(&works, ticket));
                    return works.clock.after(delay, Box::new(then));
                }
                Next::Nothing => return,
            }
        }
    }

    /// The time of the parked command has passed. It may have been cancelled since.
    fn finish(works: &Arc<Self>, ticket: u64) {
        let finished = {
            let mut state = works.state();
            let parked = state.parked.take_if(|parked| parked.waiting.ticket == ticket);
            parked.map(|Parked { waiting: Waiting { command, order, .. }, outlook, .. }| {
                (order, state.carry_out(&command, outlook))
            })
        };
        if let Some((order, answer)) = finished {
            works.answer(order, answer);
            Works::go_on(works);
        }
    }

    /// Called with the order still inside the gate, so what it changes is changed before the fence.
    fn cancel(works: &Arc<Self>, ticket: u64, cause: Cause) {
        let order = {
            let mut state = works.state();
            let now = works.clock.now();
            match state.parked.take_if(|parked| parked.waiting.ticket == ticket) {
                Some(parked) => Some(state.stop(parked, now, cause)),
                None => state.remove(ticket),
            }
        };
        let Some(order) = order else { return };
        order.let_go(cause);
        // At the mark everybody's turn to be cancelled comes; nothing more is begun.
        if cause == Cause::Interrupted {
            Works::go_on(works);
        }
    }
}

impl State {
    pub(super) fn new(array: Box<dyn Array>, tear: Tear) -> Self {
        let (parked, queue) = (None, VecDeque::new());
        State { array, tear, busy_until: Duration::ZERO, parked, queue, next_ticket: 1 }
    }

    fn is_free(&self, now: Duration) -> bool {
        self.parked.is_none() && self.queue.is_empty() && now >= self.busy_until
    }

    fn carry_out(&mut self, command: &Command, outlook: Outlook) -> Result<Done, Error> {
        match (command, outlook.fails) {
            (Command::Read { at, length, spare, mode }, None) => {
                self.array.read(*at, *length, *spare, *mode).map(Done::Read)
            }
            (_, fails) => {
                self.do_units(command, outlook.units)?;
                fails.map_or_else(|| self.array.settle(command), Err)
            }
        }
    }

    /// Does the first `count` units, as far as none fails.
    fn do_units(&mut self, command: &Command, count: u64) -> Result<(), Error> {
        for start in (0..count).step_by(AT_ONCE) {
            let mut units = start..count.min(start + AT_ONCE as u64);
            let together = self.array.changes(command, units.clone());
            if together.is_some_and(|change| self.array.cells().change(&change).is_ok()) {
                continue;
            }
            // It matters which one fails, and what comes before that one.
            units.try_for_each(|unit| self.do_unit(command, unit))?;
        }
        Ok(())
    }

    fn do_unit(&mut self, command: &Command, unit: u64) -> Result<(), Error> {
        let change = self.array.change(command, unit)?;
        self.array.cells().change(&change).map_err(|_| lost(change.address))
    }

    /// What becomes of a command that is stopped where it is; gives its order back.
    fn stop(&mut self, parked: Parked, now: Duration, cause: Cause) -> Order {
        let Parked { waiting: Waiting { command, order, .. }, outlook, begins, each } = parked;
        if each.is_zero() || now < begins || outlook.units == 0 {
            return order;
        }
        let passed = u64::try_from((now - begins).as_nanos() / each.as_nanos()).unwrap_or(u64::MAX);
        let whole = match cause {
            Cause::Interrupted => passed.saturating_add(1),
            Cause::Gone(_) => passed,
        };
        let whole = whole.min(outlook.units);
        if cause == Cause::Interrupted {
            self.busy_until = begins.saturating_add(times(each, whole));
        }
        if matches!(command, Command::Read { .. }) || self.do_units(&command, whole).is_err() {
            return order;
        }
        if whole < outlook.units {
            if let Cause::Gone(_) = cause {
                self.tear(&command, whole);
            }
        } else if outlook.fails.is_none() {
            // Nobody is there to be told; what it does besides changing cells belongs to its last unit.
            let _ = self.array.settle(&command);
        }
        order
    }

    /// The unit in progress, without power.
    fn tear(&mut self, command: &Command, unit: u64) {
        let Ok(Change { at, address, old, new }) = self.array.change(command, unit) else { return };
        if let Some(new) = self.tear.apply(&old, &new) {
            // Nobody is there to be told that it could not be written.
            let _ = self.array.cells().change(&Change { at, address, old, new });
        }
    }

    fn next(&mut self, now: Duration, timing: &Timing) -> Next {
        if self.parked.is_some() {
            return Next::Nothing;
        }
        let Some(waiting) = self.queue.pop_front() else { return Next::Nothing };
        let (outlook, each) = (self.array.outlook(&waiting.command), timing.of_unit(&waiting.command));
        let begins = now.max(self.busy_until);
        let takes = (begins - now).saturating_add(outlook.takes(each));
        if takes.is_zero() {
            let answer = self.carry_out(&waiting.command, outlook);
            return Next::Answer(waiting.order, answer);
        }
        let ticket = waiting.ticket;
        self.parked = Some(Parked { waiting, outlook, begins, each });
        Next::Park(ticket, takes)
    }

    fn remove(&mut self, ticket: u64) -> Option<Order> {
        let place = self.queue.iter().position(|waiting| waiting.ticket == ticket)?;
        self.queue.remove(place).map(|waiting| waiting.order)
    }
}

/// How long `units` of them take.
fn times(each: Duration, units: u64) -> Duration {
    each.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX))
}

impl Outlook {
    fn takes(&self, each: Duration) -> Duration {
        times(each, self.units)
    }
}

impl Timing {
    /// How long a unit of `command` takes.
    fn of_unit(&self, command: &Command) -> Duration {
        match command {
            Command::Read { .. } => self.read,
            Command::Program { .. } => self.program,
            Command::Erase { .. } => self.erase,
            // The block is erased, then the marker programmed.
            Command::MarkBad { .. } => self.erase + self.program,
            Command::Lock { .. } | Command::IsLocked { .. } | Command::IsBad { .. } | Command::BadBlocks { .. } => {
                Duration::ZERO
            }
        }
    }
}
