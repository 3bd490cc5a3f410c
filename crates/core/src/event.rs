//! What watchers hear: devices coming and going.

use crate::{
    Generation, Reason,
    sync::{Arc, Condvar, Instant, Mutex, PlainArc, Weak, lock, wait},
};
use alloc::{borrow::ToOwned, collections::VecDeque, string::String, vec::Vec};
use core::time::Duration;

/// How many events a watcher may lag behind before the oldest are dropped and counted.
const QUEUE: usize = 1024;

/// Something that happened to a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Counts events of this source, from 1.
    pub sequence: u64,
    /// The device's name, as under /dev.
    pub name: String,
    /// Which life of it.
    pub generation: Generation,
    /// What happened.
    pub change: Change,
}

/// What happened to a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Change {
    /// It was plugged in.
    Plugged,
    /// It wants its users to leave: a removal is being prepared (I33).
    Closing,
    /// It was marked as gone; heard at the mark, not when the last user leaves (I21).
    Unplugged(Reason),
    /// Something was put into it, as the cable of a display; the name is that of the socket.
    Connected,
    /// That was pulled out.
    Disconnected,
}

/// A source of events.
#[derive(Clone, Default)]
pub struct Events {
    bus: Arc<Bus>,
}

#[derive(Default)]
struct Bus {
    state: Mutex<BusState>,
}

#[derive(Default)]
struct BusState {
    sequence: u64,
    watchers: Vec<Weak<Queue>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    arrived: Condvar,
}

#[derive(Default)]
struct QueueState {
    events: VecDeque<Event>,
    lost: u64,
}

impl Events {
    /// A source that nobody watches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells every watcher. Never waits for one.
    pub fn tell(&self, name: &str, generation: Generation, change: Change) {
        let mut state = lock(&self.bus.state);
        state.sequence += 1;
        let event = Event { sequence: state.sequence, name: name.to_owned(), generation, change };
        state.watchers.retain(|watcher| match watcher.upgrade() {
            Some(queue) => {
                queue.push(event.clone());
                true
            }
            None => false,
        });
    }

    /// Watches from now on.
    pub fn watch(&self) -> Watcher {
        let queue = PlainArc::new(Queue::default());
        lock(&self.bus.state).watchers.push(PlainArc::downgrade(&queue));
        Watcher { queue }
    }
}

impl core::fmt::Debug for Events {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Events").field("watchers", &lock(&self.bus.state).watchers.len()).finish()
    }
}

impl Queue {
    fn push(&self, event: Event) {
        let mut state = lock(&self.state);
        if state.events.len() == QUEUE {
            state.events.pop_front();
            state.lost += 1;
        }
        state.events.push_back(event);
        drop(state);
        self.arrived.notify_all();
    }
}

/// One who watches.
pub struct Watcher {
    queue: PlainArc<Queue>,
}

impl Watcher {
    /// The next event; waits for it for up to `limit`.
    pub fn next(&self, limit: Duration) -> Option<Event> {
        let deadline = Instant::now().checked_add(limit);
        let mut state = lock(&self.queue.state);
        loop {
            if let Some(event) = state.events.pop_front() {
                return Some(event);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            state = wait(&self.queue.arrived, state, deadline);
        }
    }

    /// How many events were dropped because this watcher lagged, since it last asked.
    pub fn take_lost(&self) -> u64 {
        core::mem::take(&mut lock(&self.queue.state).lost)
    }
}

impl core::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Watcher").field("waiting", &lock(&self.queue.state).events.len()).finish()
    }
}
