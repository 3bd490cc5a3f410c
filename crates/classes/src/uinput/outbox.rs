//! What a program has to read of the device that it has made: LEDs, effects that are to be played, and requests.

use super::{Inside, Shared};
use crate::input::{Event, Value};
use outlive::{Parked, Request};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

/// So many events wait at most; then the oldest goes. Linux has room for 15, and loses all of them with the next
/// (`uinput_dev_event`), requests among them.
const ROOM: usize = 256;

/// A read that waits for something to read.
pub(super) type Waiting = Request<Shared, Inside, ()>;
type Sleeper = Parked<Shared, Inside, ()>;
type Wake = Arc<dyn Fn() + Send + Sync>;

/// The events that one open file has for its program.
#[derive(Default)]
pub(super) struct Outbox(Mutex<State>);

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    sleepers: BTreeMap<u64, Option<Sleeper>>,
    watchers: BTreeMap<u64, Wake>,
    next: u64,
}

impl State {
    fn ticket(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more event, of that time. Whoever waits is told.
    pub(super) fn push(&self, time: Duration, value: Value) {
        let mut state = self.state();
        if state.events.len() == ROOM {
            state.events.pop_front();
        }
        state.events.push_back(Event { time, value });
        drop(state);
        self.wake();
    }

    /// There is no device any more of which these would be.
    pub(super) fn clear(&self) {
        self.state().events.clear();
        self.wake();
    }

    /// Has whoever waits look again.
    pub(super) fn wake(&self) {
        let mut state = self.state();
        let asleep = state.sleepers.extract_if(.., |_, sleeper| sleeper.is_some());
        let woken: Vec<Sleeper> = asleep.filter_map(|(_, sleeper)| sleeper).collect();
        let watchers: Vec<Wake> = state.watchers.values().cloned().collect();
        drop(state);
        woken.into_iter().for_each(|sleeper| sleeper.answer(()));
        watchers.iter().for_each(|wake| wake());
    }

    /// As many events as fit into `size` bytes.
    pub(super) fn take(&self, size: usize) -> Vec<u8> {
        let mut state = self.state();
        let count = state.events.len().min(size / Event::SIZE);
        let mut bytes = Vec::with_capacity(count * Event::SIZE);
        state.events.drain(..count).for_each(|event| event.write_to(&mut bytes));
        bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state().events.is_empty()
    }

    /// Answers `read` when somebody is to look again; at once if `over` says so.
    pub(super) fn wait(self: &Arc<Self>, read: Waiting, over: impl Fn() -> bool) {
        let ticket = {
            let mut state = self.state();
            let ticket = state.ticket();
            state.sleepers.insert(ticket, None);
            ticket
        };
        let outbox = Arc::downgrade(self);
        read.on_cancel(move |_| forget(&outbox, ticket));
        let sleeper = read.park();
        let mut state = self.state();
        let Some(place) = state.sleepers.get_mut(&ticket) else {
            // Cancelled meanwhile.
            drop(state);
            return drop(sleeper);
        };
        *place = Some(sleeper);
        let something = !state.events.is_empty();
        drop(state);
        // After it has its place: what comes from here on wakes it.
        if something || over() {
            let sleeper = self.state().sleepers.remove(&ticket);
            sleeper.flatten().into_iter().for_each(|sleeper| sleeper.answer(()));
        }
    }

    /// Calls `wake` whenever there is something new, until the result is dropped.
    pub(super) fn watch(self: &Arc<Self>, wake: Wake) -> Watching {
        let mut state = self.state();
        let ticket = state.ticket();
        state.watchers.insert(ticket, wake);
        Watching { outbox: Arc::downgrade(self), ticket }
    }
}

fn forget(outbox: &Weak<Outbox>, ticket: u64) {
    let Some(outbox) = outbox.upgrade() else { return };
    let sleeper = outbox.state().sleepers.remove(&ticket);
    // Without the lock: it tells the client.
    drop(sleeper);
}

/// Somebody who wants to know of news, for as long as this lives.
pub(super) struct Watching {
    outbox: Weak<Outbox>,
    ticket: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox.upgrade() {
            let wake = outbox.state().watchers.remove(&self.ticket);
            drop(wake);
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("events", &self.state().events.len()).finish_non_exhaustive()
    }
}
