use super::{queue::Queue, software::give_up};
use outlive_classes::dma::Transaction;
use std::{sync::Arc, time::Duration};

/// The work of a [`SoftwareEngine`](super::SoftwareEngine), for one worker.
///
/// It is the host's, and stays with it when the engine has gone: there is nothing in it then, and nothing of the engine
/// is reached through it.
#[derive(Debug)]
pub struct Work {
    queue: Arc<Queue>,
}

/// What is to be done next.
#[derive(Debug)]
#[must_use = "a transaction that is dropped is the engine's bug"]
pub enum Next {
    /// Copy this; then complete it, or [put it back](Work::put_back).
    Run(Transaction),
    /// Nothing before this time, or before the doorbell rings.
    At(Duration),
    /// Nothing before the doorbell rings.
    Idle,
}

impl Work {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Work { queue }
    }

    /// Calls `ring` when there may be something to do again after [`Next::At`] or [`Next::Idle`]: once for each time that
    /// one of these was said. It must not block, and rings on a consumer's thread. Only the first one counts.
    pub fn set_doorbell(&self, ring: impl Fn() + Send + Sync + 'static) {
        self.queue.set_doorbell(Box::new(ring));
    }

    /// What is to be done at the time `now`, as the worker counts it; it is asked only if something has its time.
    /// Channels take turns.
    pub fn next(&self, now: impl Fn() -> Duration) -> Next {
        self.queue.next(now)
    }

    /// Puts a transaction back that [`next`](Work::next) gave, to be gone on with at the time `due` if its channel is not
    /// paused then. Nothing else of its channel is done before.
    pub fn put_back(&self, transaction: Transaction, due: Duration) {
        give_up(self.queue.put_back(transaction, due));
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        give_up(self.queue.close());
    }
}
