use outlive_classes::dma::Transaction;
use std::{collections::VecDeque, time::Duration};

/// The transactions of one channel, which are carried out one after the other.
#[derive(Default, Debug)]
pub(super) struct Lane {
    waiting: VecDeque<Waiting>,
    pub(super) paused: bool,
}

#[derive(Debug)]
struct Waiting {
    transaction: Transaction,
    /// Not to be gone on with before this time.
    due: Duration,
}

impl Lane {
    pub(super) fn push(&mut self, transaction: Transaction) {
        self.waiting.push_back(Waiting { transaction, due: Duration::ZERO });
    }

    /// The one that is being copied goes on at `due`, before all others.
    pub(super) fn put_back(&mut self, transaction: Transaction, due: Duration) {
        self.waiting.push_front(Waiting { transaction, due });
    }

    /// When there is something to do next; `None` if there is nothing.
    pub(super) fn due(&self) -> Option<Duration> {
        let first = self.waiting.front().filter(|_| !self.paused)?;
        // One that is to stop need not wait.
        Some(if first.transaction.is_stopped() { Duration::ZERO } else { first.due })
    }

    /// Takes the first one, to be copied.
    pub(super) fn take(&mut self) -> Option<Transaction> {
        self.waiting.pop_front().map(|waiting| waiting.transaction)
    }

    /// Takes those out whose numbers are these, in order.
    pub(super) fn remove(&mut self, numbers: &[u64]) -> Vec<Transaction> {
        let is_one = |waiting: &Waiting| numbers.binary_search(&waiting.transaction.number()).is_ok();
        let (removed, kept): (VecDeque<_>, _) = self.waiting.drain(..).partition(is_one);
        self.waiting = kept;
        removed.into_iter().map(|waiting| waiting.transaction).collect()
    }

    pub(super) fn clear(&mut self) -> Vec<Transaction> {
        self.waiting.drain(..).map(|waiting| waiting.transaction).collect()
    }
}
