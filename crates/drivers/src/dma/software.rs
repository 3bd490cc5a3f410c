use super::{Work, queue::Queue};
use outlive_classes::dma::{Abort, Capabilities, ChannelId, Failure, Granularity, Kinds, Provider, Transaction};
use std::sync::Arc;

/// An engine whose copying is done by a processor: it can do everything that the class knows.
///
/// It keeps what it is issued in a queue, one lane a channel, from which its [`Work`] is taken. At the mark it lets go of
/// what lies there; what is being copied stops after the piece that is at hand.
#[derive(Debug)]
pub struct SoftwareEngine {
    queue: Arc<Queue>,
    capabilities: Capabilities,
}

impl SoftwareEngine {
    /// An engine with so many channels, and its work. If the work is dropped, all that is issued is
    /// [given up](Abort::GivenUp).
    pub fn new(channels: usize) -> (Self, Work) {
        let queue = Arc::new(Queue::new(channels));
        let kinds = Kinds::MEMCPY | Kinds::SCATTER_GATHER | Kinds::CYCLIC;
        let capabilities = Capabilities { kinds, channels, granularity: Granularity::Burst, pause: true };
        (SoftwareEngine { queue: queue.clone(), capabilities }, Work::new(queue))
    }

    /// The same, but it says of its residue no more than this.
    pub fn with_granularity(mut self, granularity: Granularity) -> Self {
        self.capabilities.granularity = granularity;
        self
    }
}

impl Provider for SoftwareEngine {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn issue(&self, channel: ChannelId, transactions: Vec<Transaction>) {
        // Issued together, they are cancelled together.
        let numbers: Vec<_> = transactions.iter().map(Transaction::number).collect();
        let queue = Arc::downgrade(&self.queue);
        if let Some(first) = transactions.first() {
            first.on_cancel(move |_| {
                let parked = queue.upgrade().map(|queue| queue.remove(channel, &numbers));
                drop(parked);
            });
        }
        give_up(self.queue.push(transactions));
    }

    fn terminate(&self, channel: ChannelId) -> Vec<Transaction> {
        self.queue.clear(channel)
    }

    fn pause(&self, channel: ChannelId) {
        self.queue.set_paused(channel, true);
    }

    fn resume(&self, channel: ChannelId) {
        self.queue.set_paused(channel, false);
    }
}

/// Ends these without having done them: those that are to stop by that reason, the others as given up.
pub(super) fn give_up(transactions: impl IntoIterator<Item = Transaction>) {
    for transaction in transactions {
        if transaction.is_stopped() {
            drop(transaction);
        } else {
            transaction.fail(Failure::Aborted(Abort::GivenUp));
        }
    }
}
