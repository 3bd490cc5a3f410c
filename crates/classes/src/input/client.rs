//! One client of the hub: its queue, and who waits for it to fill.

use super::{Inside, Shared, queue::Queue};
use crate::Errno;
use outlive::{Parked, Request};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A read that waits for events. The answer says that what it read stands in its [`Cell`].
pub(super) type Waiting = Request<Shared, Inside, ()>;
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a read that waits was given, apart from its answer: what nobody reads after all goes back.
pub(super) type Cell = Arc<Mutex<Option<Result<Vec<u8>, Errno>>>>;

pub(super) struct Client {
    pub(super) queue: Queue,
    pub(super) revoked: bool,
    pub(super) sleepers: BTreeMap<u64, Option<Sleeper>>,
    pub(super) watchers: BTreeMap<u64, Wake>,
}

pub(super) struct Sleeper {
    pub(super) read: Parked<Shared, Inside, ()>,
    pub(super) size: usize,
    pub(super) cell: Cell,
}

/// Who is to be told once the lock is free.
#[derive(Default)]
pub(super) struct Woken {
    pub(super) readers: Vec<Parked<Shared, Inside, ()>>,
    pub(super) pollers: Vec<Wake>,
    /// A key that is to be repeated, after so long.
    pub(super) repeat: Option<(u64, Duration)>,
}

/// What a read finds.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Found {
    Data(Vec<u8>),
    Nothing,
    Revoked,
}

impl Client {
    /// One that has read everything.
    pub(super) fn new(queue: Queue) -> Self {
        Client { queue, revoked: false, sleepers: BTreeMap::new(), watchers: BTreeMap::new() }
    }

    /// What it can read now, in as many bytes.
    pub(super) fn find(&mut self, size: usize) -> Found {
        if self.revoked {
            Found::Revoked
        } else if self.queue.is_readable() {
            Found::Data(self.queue.take(size))
        } else {
            Found::Nothing
        }
    }

    /// There is news for whoever waits.
    pub(super) fn wake(&mut self, woken: &mut Woken) {
        self.wake_readers(woken);
        woken.pollers.extend(self.watchers.values().cloned());
    }

    /// Gives those who sleep in read what there is, the first one first.
    pub(super) fn wake_readers(&mut self, woken: &mut Woken) {
        let asleep: Vec<u64> = self.sleepers.iter().filter(|(_, it)| it.is_some()).map(|(ticket, _)| *ticket).collect();
        for ticket in asleep {
            let Some(Some(sleeper)) = self.sleepers.get(&ticket) else { continue };
            let given = match self.find(sleeper.size) {
                Found::Data(data) => Ok(data),
                Found::Revoked => Err(Errno::NODEV),
                Found::Nothing => return,
            };
            if let Some(Some(sleeper)) = self.sleepers.remove(&ticket) {
                *sleeper.cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(given);
                woken.readers.push(sleeper.read);
            }
        }
    }
}
