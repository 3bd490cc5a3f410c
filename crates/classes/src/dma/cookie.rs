use super::Abort;
use outlive::Gone;
use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How it stands with a descriptor: `enum dma_status`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It came to its end: `DMA_COMPLETE`.
    Complete,
    /// It has been submitted: `DMA_IN_PROGRESS`.
    InProgress,
    /// As that, on a channel that is paused: `DMA_PAUSED`.
    Paused,
    /// It failed, or was aborted: `DMA_ERROR`.
    Error,
}

/// A descriptor that has been submitted: `dma_cookie_t`. A clone is the same one. It can be asked for ever, whatever
/// becomes of channel and provider.
#[derive(Clone)]
pub struct Cookie {
    record: Arc<Record>,
}

struct Record {
    number: u64,
    length: usize,
    /// Bytes, of this round if it is cyclic, as exact as the provider can tell.
    done: AtomicUsize,
    /// Whether there is something in `state.stop`: what an engine looks at while it copies.
    stopped: AtomicBool,
    paused: Arc<AtomicBool>,
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Default)]
struct State {
    end: Option<Status>,
    stop: Option<Abort>,
    waiting: usize,
}

impl Cookie {
    pub(super) fn new(number: u64, length: usize, paused: Arc<AtomicBool>) -> Self {
        let record = Record {
            number,
            length,
            done: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            paused,
            state: Mutex::default(),
            settled: Condvar::new(),
        };
        Cookie { record: Arc::new(record) }
    }

    /// Its number, which no other descriptor of the channel has or will have.
    pub fn number(&self) -> u64 {
        self.record.number
    }

    /// How it stands: `dmaengine_tx_status`.
    pub fn status(&self) -> Status {
        let end = self.record.state().end;
        end.unwrap_or(if self.is_paused() { Status::Paused } else { Status::InProgress })
    }

    /// How many bytes are left to be copied (`dma_tx_state.residue`): 0 when it is complete; after an abort what it was
    /// then; of a cyclic transfer, what is left of the round. As exact as the provider's
    /// [`Granularity`](super::Granularity); it may have copied more, never less.
    pub fn residue(&self) -> usize {
        self.record.length - self.record.done.load(Ordering::Acquire)
    }

    /// Waits until it has ended; at most `limit`, and gives how it stands then. `dma_sync_wait`, but asleep. The
    /// callback may come later than this returns.
    pub fn wait(&self, limit: Duration) -> Status {
        outlive::about_to_wait();
        let deadline = Instant::now().checked_add(limit);
        let mut state = self.record.state();
        state.waiting += 1;
        while state.end.is_none() {
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            state = self.record.settled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting -= 1;
        drop(state);
        self.status()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.record.paused.load(Ordering::Relaxed)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.record.stopped.load(Ordering::Acquire)
    }

    /// Asks the engine to stop; the first reason stays.
    pub(super) fn stop(&self, why: Abort) {
        self.record.state().stop.get_or_insert(why);
        self.record.stopped.store(true, Ordering::Release);
    }

    /// Why the engine is to stop, if it is.
    pub(super) fn why_stopped(&self) -> Option<Abort> {
        self.record.state().stop
    }

    pub(super) fn set_done(&self, bytes: usize) {
        self.record.done.store(bytes, Ordering::Release);
    }

    /// It has ended.
    pub(super) fn settle(&self, end: Status) {
        if end == Status::Complete {
            self.set_done(self.record.length);
        }
        let mut state = self.record.state();
        state.end = Some(end);
        let waiting = state.waiting > 0;
        drop(state);
        // A notification is a system call even if nobody waits.
        if waiting {
            self.record.settled.notify_all();
        }
    }
}

impl Record {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Gone> for Abort {
    fn from(gone: Gone) -> Self {
        Abort::Gone(gone)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, residue) = (self.status(), self.residue());
        f.debug_struct("Cookie")
            .field("number", &self.number())
            .field("status", &status)
            .field("residue", &residue)
            .finish()
    }
}
