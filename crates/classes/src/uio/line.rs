//! The interrupt line of a board: a count, and those who wait for it to move.

use super::{Inside, Shared};
use outlive::{Parked, Request};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

/// A read that waits; its answer is the count.
pub(super) type Waiting = Request<Shared, Inside, u32>;
type Sleeper = Parked<Shared, Inside, u32>;
type Wake = Arc<dyn Fn() + Send + Sync>;

/// The interrupt line of a board for one of its lives. A clone is the same line.
#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// How many interrupts there have been. Wraps around, as the kernel's does.
    count: u32,
    /// The device went: what comes now has come too late.
    ended: bool,
    next: u64,
    /// Those who sleep in read; `None` for one that is about to.
    sleepers: BTreeMap<u64, Option<(Sleeper, Seen)>>,
    watchers: BTreeMap<u64, Wake>,
}

/// The count that an open file has read last: `event_count` of `struct uio_listener`.
#[derive(Clone, Debug)]
pub(super) struct Seen(Arc<AtomicU32>);

impl Seen {
    pub(super) fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }

    pub(super) fn set(&self, count: u32) {
        self.0.store(count, Relaxed);
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An interrupt: all that sleep in read get the count, all that sleep in poll wake. Never blocks. After the mark it
    /// does nothing.
    pub fn raise(&self) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        state.count = state.count.wrapping_add(1);
        let count = state.count;
        let woken =
            state.sleepers.extract_if(.., |_, sleeper| sleeper.as_ref().is_some_and(|(_, seen)| seen.get() != count));
        let woken: Vec<Sleeper> = woken.filter_map(|(_, sleeper)| sleeper.map(|(sleeper, _)| sleeper)).collect();
        let watchers: Vec<Wake> = state.watchers.values().cloned().collect();
        drop(state);
        woken.into_iter().for_each(|sleeper| sleeper.answer(count));
        watchers.iter().for_each(|wake| wake());
    }

    /// How many interrupts there have been.
    pub fn count(&self) -> u32 {
        self.state().count
    }

    /// What a file that is opened now has seen: everything so far.
    pub(super) fn seen(&self) -> Seen {
        Seen(Arc::new(AtomicU32::new(self.count())))
    }

    /// The mark: the count stays as it is. Whoever sleeps is woken by the core, once the names have been taken away (I10).
    pub(super) fn end(&self) {
        self.state().ended = true;
    }

    /// Answers `read` when the count is another than was seen; at once if it is.
    pub(super) fn wait(&self, read: Waiting, seen: &Seen) {
        let ticket = {
            let mut state = self.state();
            state.next += 1;
            let ticket = state.next;
            state.sleepers.insert(ticket, None);
            ticket
        };
        let line = Arc::downgrade(&self.0);
        read.on_cancel(move |_| forget(&line, ticket));
        let sleeper = read.park();
        let mut state = self.state();
        let count = state.count;
        if let Some(place) = state.sleepers.get_mut(&ticket) {
            if count == seen.get() {
                *place = Some((sleeper, seen.clone()));
                return;
            }
            state.sleepers.remove(&ticket);
            drop(state);
            return sleeper.answer(count);
        }
        // Cancelled meanwhile.
        drop(state);
        drop(sleeper);
    }

    /// Calls `wake` at each interrupt, until the result is dropped.
    pub(super) fn watch(&self, wake: Wake) -> Watching {
        let mut state = self.state();
        state.next += 1;
        let ticket = state.next;
        state.watchers.insert(ticket, wake);
        Watching { line: Arc::downgrade(&self.0), ticket }
    }
}

fn forget(line: &Weak<Mutex<State>>, ticket: u64) {
    let Some(line) = line.upgrade() else { return };
    let sleeper = Line(line).state().sleepers.remove(&ticket);
    // Without the lock: it tells the client.
    drop(sleeper);
}

/// Somebody who wants to know of interrupts, for as long as this lives.
pub(super) struct Watching {
    line: Weak<Mutex<State>>,
    ticket: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(line) = self.line.upgrade() {
            let wake = Line(line).state().watchers.remove(&self.ticket);
            drop(wake);
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Line").field("count", &state.count).field("sleepers", &state.sleepers.len()).finish()
    }
}
