//! What a device writes down about itself, under one lock.

use crate::{
    Cause, Gone, Handle, HandleId, Operation, Policy, Refused, State,
    hook::Hook,
    sync::{Instant, ThreadId, planted, this_thread},
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::task::Waker;

/// Called with an operation once the state admits it, or with the reason why it never will.
pub(crate) type Resume<S, H> = Box<dyn FnOnce(Result<Operation<S, H>, Refused>) + Send>;

/// The notes of one device. No hook is ever called, and none dropped, with their lock held.
///
/// The book is itself a guest of the gate: it stays inside as long as anything recorded is, or may yet come. So who is
/// recorded need not be counted as well, and recording costs no more than the lock. It leaves when the device has been
/// marked and nobody recorded is inside any more.
pub(crate) struct Book<S, H> {
    /// From [`State::Leaving`] on the device is marked: set together with the gate's mark, under the lock, so whoever
    /// holds it knows which came first.
    pub(crate) state: State,
    /// Whether the book is inside the gate.
    guest: bool,
    /// Whether the names have been taken away: a hook that comes later is called at once.
    pub(crate) names_taken: bool,
    /// Whether sleepers have been, or are being, woken: as `names_taken`.
    pub(crate) woken: bool,
    /// The thread that takes the steps up to [`Step::Woken`](crate::Step::Woken), or those from
    /// [`Step::Drained`](crate::Step::Drained) on, until the last of their hooks, and the observer, have returned.
    pub(crate) acting: Option<ThreadId>,
    /// How many threads wait for the book to change.
    pub(crate) waiters: u32,
    /// Made when there is first something to write: a device that only has handles stays small.
    pages: Option<Box<Pages<S, H>>>,
}

/// What most devices never need.
pub(crate) struct Pages<S, H> {
    pub(crate) policy: Policy,
    next_number: u64,
    next_watch: u64,
    pub(crate) records: Records,
    /// Calls that wait for the device to run, in the order in which they came.
    pub(crate) parked: Vec<Waiting<S, H>>,
    /// By kind of watch.
    pub(crate) watches: [BTreeMap<u64, Hook<Option<Gone>>>; 3],
    pub(crate) names: Vec<Hook<Gone>>,
    /// Futures that wait for the hooks of a removal to return.
    pub(crate) wakers: Vec<Waker>,
}

/// A client's call that waits for the device to run: the framework's own I/O never waits.
pub(crate) struct Waiting<S, H> {
    pub(crate) number: u64,
    pub(crate) kind: &'static str,
    pub(crate) handle: Handle<S, H>,
    pub(crate) resume: Resume<S, H>,
}

impl<S, H> Book<S, H> {
    /// The book of a device whose gate it has entered.
    pub(crate) fn new(state: State) -> Self {
        Book { state, guest: true, names_taken: false, woken: false, acting: None, waiters: 0, pages: None }
    }

    pub(crate) fn pages(&mut self) -> &mut Pages<S, H> {
        self.pages.get_or_insert_with(|| Box::new(Pages::new()))
    }

    /// The pages, if anything was written.
    pub(crate) fn written(&mut self) -> Option<&mut Pages<S, H>> {
        self.pages.as_deref_mut()
    }

    pub(crate) fn is_marked(&self) -> bool {
        matches!(self.state, State::Leaving | State::Gone)
    }

    /// Together with the gate's mark. `true` if the book leaves the gate, which the caller does.
    #[must_use]
    pub(crate) fn mark(&mut self) -> bool {
        self.state = State::Leaving;
        self.may_leave()
    }

    /// One who was recorded as inside has left. As for `mark`.
    #[must_use]
    pub(crate) fn left(&mut self) -> bool {
        self.pages().records.inside -= 1;
        self.may_leave()
    }

    fn may_leave(&mut self) -> bool {
        let empty = self.inside() == 0 || planted!(BookLeavesAtMark);
        self.is_marked() && empty && core::mem::take(&mut self.guest)
    }

    /// How many of those recorded are inside.
    pub(crate) fn inside(&self) -> usize {
        self.pages.as_ref().map_or(0, |pages| pages.records.inside)
    }

    /// Whether the book is inside the gate itself.
    pub(crate) fn is_guest(&self) -> bool {
        self.guest
    }
}

impl<S, H> Pages<S, H> {
    fn new() -> Self {
        Pages {
            policy: Policy::Detach,
            next_number: 1,
            next_watch: 1,
            records: Records { places: Vec::new(), free: Vec::new(), inside: 0 },
            parked: Vec::new(),
            watches: [const { BTreeMap::new() }; 3],
            names: Vec::new(),
            wakers: Vec::new(),
        }
    }

    pub(crate) fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    pub(crate) fn take_watch(&mut self) -> u64 {
        self.next_watch += 1;
        self.next_watch - 1
    }
}

/// What is written down about an operation until it ends.
pub(crate) struct Record {
    pub(crate) handle: HandleId,
    pub(crate) number: u64,
    pub(crate) kind: &'static str,
    pub(crate) since: Instant,
    pub(crate) thread: ThreadId,
    /// Whether it is kept outside the gate ([`Parked`](crate::Parked)): then no removal waits for it.
    pub(crate) outside: bool,
    /// Set when it is cancelled: from then on a hook is called by whoever brings it.
    pub(crate) cancelled: Option<Cause>,
    pub(crate) on_cancel: Vec<Hook<Cause>>,
}

impl Record {
    pub(crate) fn new(handle: HandleId, number: u64, kind: &'static str) -> Self {
        let (since, thread) = (Instant::now(), this_thread());
        Record { handle, number, kind, since, thread, outside: false, cancelled: None, on_cancel: Vec::new() }
    }

    /// Cancels it; the first cause stays. The caller runs the hooks, with the lock released.
    #[must_use]
    pub(crate) fn cancel(&mut self, cause: Cause) -> Vec<Hook<Cause>> {
        self.cancelled.get_or_insert(cause);
        core::mem::take(&mut self.on_cancel)
    }
}

/// The records of operations that have not ended, each at a place that it keeps.
pub(crate) struct Records {
    places: Vec<Option<Record>>,
    free: Vec<usize>,
    /// How many are inside the gate, those included that are just leaving.
    pub(crate) inside: usize,
}

impl Records {
    /// Writes one down, inside the gate. The result is its place.
    pub(crate) fn add(&mut self, record: Record) -> usize {
        self.inside += 1;
        match self.free.pop() {
            Some(place) => {
                self.places[place] = Some(record);
                place
            }
            None => {
                self.places.push(Some(record));
                self.places.len() - 1
            }
        }
    }

    /// Crosses one out. It counts as inside until [`Book::left`].
    pub(crate) fn remove(&mut self, place: usize) -> Record {
        self.free.push(place);
        self.places[place].take().expect("an operation is crossed out once")
    }

    pub(crate) fn at(&mut self, place: usize) -> &mut Record {
        self.places[place].as_mut().expect("it stands in the record until it ends")
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.places.iter_mut().flatten()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.places.iter().flatten()
    }
}
