//! One life of one device, from the first handle to the last.

mod hooks;
mod removal;
mod states;
mod users;

use crate::{
    Gone, Guard, HardwareLife, Inside, Managed, Number, SharedLife, State,
    book::{Book, Record},
    gate::Gate,
    gone::GoneCell,
    sync::{AtomicU8, AtomicU32, AtomicU64, Condvar, Mutex, Ordering, lock, this_thread},
    users::Users,
};
use alloc::{boxed::Box, vec::Vec};

/// How far a removal has come. The order is that of I10, for every device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Step {
    /// Not begun: the device is there.
    Running,
    /// The gate is shut: no new operation reaches the driver.
    Marked,
    /// Its names are gone: nobody finds it any more.
    NamesGone,
    /// Sleepers have been woken, and operations that were inside have been cancelled.
    Woken,
    /// The fence: nothing of the driver's that a user could reach runs, and nothing ever will.
    Drained,
    /// The driver has had its last word, if there was hardware left to hear it (I12).
    TornDown,
    /// What was tied to the hardware's lifetime has been released, in reverse order (I32). The hardware is given back.
    Released,
    /// The last handle is closed, and what handles shared is freed (I29).
    Freed,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 8] = [
        Step::Running,
        Step::Marked,
        Step::NamesGone,
        Step::Woken,
        Step::Drained,
        Step::TornDown,
        Step::Released,
        Step::Freed,
    ];
}

pub(crate) type Teardown<H> = Box<dyn FnOnce(&mut H) + Send>;

/// What a device is given when it is made, besides what every device has.
pub(crate) struct Terms<H> {
    pub(crate) observer: Option<Box<dyn Fn(Step) + Send + Sync>>,
    pub(crate) users: Option<Box<dyn Users<H>>>,
    /// Held while a driver hears of its users, so that it hears of them in the order in which they come and go.
    pub(crate) coming_and_going: Mutex<()>,
    pub(crate) teardown: Mutex<Option<Teardown<H>>>,
    pub(crate) number: Option<Number>,
    pub(crate) hardware_actions: Option<Managed<HardwareLife>>,
    pub(crate) shared_actions: Option<Managed<SharedLife>>,
}

/// One life of one device, shared by its owner and its handles. There may be a million: mind the size.
pub(crate) struct Life<S, H> {
    pub(crate) gate: Gate<H>,
    pub(crate) book: Mutex<Book<S, H>>,
    /// Notified when nobody is `acting` any more, and when the last handle has been closed.
    pub(crate) acted: Condvar,
    /// Those who may still ask for the hardware: the device, and each unplug of it that is under way.
    pub(crate) owners: AtomicU32,
    step: AtomicU8,
    pub(crate) handles: AtomicU32,
    pub(crate) next_handle: AtomicU64,
    /// Written before the gate is shut, so whoever has seen the mark finds it.
    gone: GoneCell,
    terms: Option<Box<Terms<H>>>,
    pub(crate) shared: S,
}

// With a million handles a hundred thousand of these are what the rest of the memory goes to.
#[cfg(all(not(any(loom, shuttle)), target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Life<(), u64>>() <= 120 && size_of::<crate::Handle<(), u64>>() == 16);

impl<S, H> Life<S, H> {
    pub(crate) fn new(shared: S, hardware: H, state: State, terms: Option<Box<Terms<H>>>) -> Self {
        let gate = Gate::new(hardware);
        assert!(gate.enter_counted(), "a new gate is open");
        Life {
            gate,
            book: Mutex::new(Book::new(state)),
            acted: Condvar::new(),
            owners: AtomicU32::new(0),
            step: AtomicU8::new(Step::Running as u8),
            handles: AtomicU32::new(0),
            next_handle: AtomicU64::new(1),
            gone: GoneCell::new(),
            terms,
            shared,
        }
    }

    #[inline]
    pub(crate) fn enter(&self) -> Result<Guard<'_, H>, Gone> {
        match self.gate.enter() {
            Some(guard) => Ok(guard),
            None => Err(self.gone_now()),
        }
    }

    pub(crate) fn gone(&self) -> Option<Gone> {
        self.gate.is_marked().then(|| self.gone_now())
    }

    /// For somebody who has seen the mark.
    #[cold]
    pub(crate) fn gone_now(&self) -> Gone {
        self.gone.get().expect("the reason is written before the gate is shut")
    }

    pub(crate) fn step(&self) -> Step {
        Step::ALL[usize::from(self.step.load(Ordering::Acquire))]
    }

    pub(crate) fn state(&self) -> State {
        lock(&self.book).state
    }

    pub(crate) fn number(&self) -> Option<&Number> {
        self.terms.as_ref()?.number.as_ref()
    }

    /// How many are inside, by a record or by a bare guard.
    pub(crate) fn count_inside(&self) -> usize {
        let book = lock(&self.book);
        book.inside() + self.gate.inside() - usize::from(book.is_guest())
    }

    /// Those who are recorded as inside.
    pub(crate) fn inside(&self) -> Vec<Inside> {
        let me = this_thread();
        let line = |record: &Record| Inside {
            handle: record.handle,
            number: record.number,
            kind: record.kind,
            age: record.since.elapsed(),
            own_thread: record.thread == me,
        };
        let mut book = lock(&self.book);
        let Some(pages) = book.written() else { return Vec::new() };
        let mut inside: Vec<_> = pages.records.iter().filter(|record| !record.outside).map(line).collect();
        inside.sort_by_key(|inside| inside.number);
        inside
    }
}

impl<S, H> Drop for Life<S, H> {
    fn drop(&mut self) {
        let actions = self.terms.as_ref().and_then(|terms| terms.shared_actions.as_ref());
        actions.into_iter().for_each(Managed::release);
        self.note(Step::Freed);
        self.tell(Step::Freed);
    }
}
