use super::{Next, lane::Lane};
use outlive_classes::dma::{ChannelId, Transaction};
use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a [`SoftwareEngine`](super::SoftwareEngine) and its [`Work`](super::Work) share.
///
/// Consumers put into one end and the worker takes from the other, each under a lock of its own, so that they seldom
/// meet. The lanes' lock comes before the one of the arrivals. No transaction is ever ended with either held.
pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    arrivals: Mutex<Arrivals>,
    /// Whether there is something among the arrivals.
    arrived: AtomicBool,
    doorbell: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct Lanes {
    lanes: Vec<Lane>,
    /// The lane that is looked at first.
    turn: usize,
}

#[derive(Default)]
struct Arrivals {
    transactions: Vec<Transaction>,
    /// Whether the worker has found nothing to do, and is to be rung up.
    asleep: bool,
    /// Whether there is no worker any more.
    closed: bool,
}

impl Queue {
    pub(super) fn new(channels: usize) -> Self {
        let lanes = (0..channels).map(|_| Lane::default()).collect();
        Queue {
            lanes: Mutex::new(Lanes { lanes, turn: 0 }),
            arrivals: Mutex::default(),
            arrived: AtomicBool::new(false),
            doorbell: OnceLock::new(),
        }
    }

    pub(super) fn set_doorbell(&self, ring: Box<dyn Fn() + Send + Sync>) {
        let _ = self.doorbell.set(ring);
    }

    /// Gives those back that are to stop; all of them, if nobody works.
    pub(super) fn push(&self, transactions: Vec<Transaction>) -> Vec<Transaction> {
        let mut arrivals = self.arrivals();
        if arrivals.closed {
            return transactions;
        }
        // Looked at under the lock: the mark says so before it comes for those that are in the queue.
        let (stopped, to_do): (Vec<_>, Vec<_>) = transactions.into_iter().partition(Transaction::is_stopped);
        arrivals.transactions.extend(to_do);
        self.arrived.store(true, Ordering::Release);
        self.ring(arrivals);
        stopped
    }

    /// The one that is being copied goes on later. Given back if nobody works, or if it is to stop: whoever came for it
    /// did not find it here.
    pub(super) fn put_back(&self, transaction: Transaction, due: Duration) -> Option<Transaction> {
        let mut lanes = self.lanes();
        if self.arrivals().closed || transaction.is_stopped() {
            return Some(transaction);
        }
        lanes.of(transaction.channel()).put_back(transaction, due);
        None
    }

    /// What is to be done; the channels take turns. `now` is asked for the time only if something has its time.
    pub(super) fn next(&self, now: impl Fn() -> Duration) -> Next {
        loop {
            let mut lanes = if self.arrived.load(Ordering::Acquire) { self.all_lanes() } else { self.lanes() };
            let next = lanes.next(&now);
            if matches!(next, Next::Run(_)) {
                return next;
            }
            let mut arrivals = self.arrivals();
            if arrivals.transactions.is_empty() {
                arrivals.asleep = true;
                return next;
            }
        }
    }

    pub(super) fn clear(&self, channel: ChannelId) -> Vec<Transaction> {
        let mut lanes = self.all_lanes();
        lanes.of(channel).paused = false;
        lanes.of(channel).clear()
    }

    /// Takes those out whose numbers are these.
    pub(super) fn remove(&self, channel: ChannelId, numbers: &[u64]) -> Vec<Transaction> {
        self.all_lanes().of(channel).remove(numbers)
    }

    pub(super) fn set_paused(&self, channel: ChannelId, paused: bool) {
        self.all_lanes().of(channel).paused = paused;
        self.ring(self.arrivals());
    }

    pub(super) fn close(&self) -> Vec<Transaction> {
        let mut lanes = self.all_lanes();
        let mut arrivals = self.arrivals();
        arrivals.closed = true;
        let late = std::mem::take(&mut arrivals.transactions);
        lanes.lanes.iter_mut().flat_map(Lane::clear).chain(late).collect()
    }

    /// Rings if the worker sleeps.
    fn ring(&self, mut arrivals: MutexGuard<'_, Arrivals>) {
        let asleep = std::mem::take(&mut arrivals.asleep);
        drop(arrivals);
        if asleep && let Some(ring) = self.doorbell.get() {
            ring();
        }
    }

    /// The lanes, with all in them that has arrived.
    fn all_lanes(&self) -> MutexGuard<'_, Lanes> {
        let mut lanes = self.lanes();
        let mut arrivals = self.arrivals();
        self.arrived.store(false, Ordering::Release);
        for transaction in arrivals.transactions.drain(..) {
            lanes.of(transaction.channel()).push(transaction);
        }
        lanes
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn of(&mut self, channel: ChannelId) -> &mut Lane {
        &mut self.lanes[channel.0]
    }

    fn next(&mut self, now: impl Fn() -> Duration) -> Next {
        let count = self.lanes.len();
        let mut earliest: Option<Duration> = None;
        for step in 0..count {
            let lane = (self.turn + step) % count;
            match self.lanes[lane].due() {
                Some(due) if due.is_zero() || due <= now() => {
                    self.turn = lane + 1;
                    return self.lanes[lane].take().map_or(Next::Idle, Next::Run);
                }
                Some(due) => earliest = Some(earliest.map_or(due, |other| other.min(due))),
                None => {}
            }
        }
        earliest.map_or(Next::Idle, Next::At)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lanes = self.all_lanes();
        f.debug_struct("Queue").field("lanes", &lanes.lanes).finish_non_exhaustive()
    }
}
