//! An engine by hand: the test does what its hardware would do.

use crate::dma::{
    Capabilities, Channel, ChannelId, Completion, Completions, Engine, Granularity, Kinds, Progress, Provider,
    Registry, Transaction, Transfer,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Long enough for anything that is to happen.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// The hardware of a [`Manual`] provider, as the test sees it.
#[derive(Clone, Default, Debug)]
pub(super) struct Bench {
    held: Arc<Mutex<Vec<Transaction>>>,
    calls: Arc<Mutex<Vec<String>>>,
    /// It does not let go at the mark.
    pub(super) clings: Arc<AtomicBool>,
    /// It copies at once, inside of the call that issues.
    pub(super) prompt: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Manual(Bench);

impl Bench {
    /// With an engine of two channels in a registry of its own.
    pub(super) fn new() -> (Self, Registry, Arc<Engine>) {
        let (bench, registry) = (Bench::default(), Registry::new());
        let engine = registry.plug(bench.provider());
        (bench, registry, engine)
    }

    pub(super) fn provider(&self) -> Box<dyn Provider> {
        Box::new(Manual(self.clone()))
    }

    /// The transaction that is first in turn.
    pub(super) fn take(&self) -> Transaction {
        self.held.lock().unwrap().remove(0)
    }

    pub(super) fn held(&self) -> usize {
        self.held.lock().unwrap().len()
    }

    /// Copies all that it holds, and completes it.
    pub(super) fn work(&self) {
        while self.held() > 0 {
            finish(self.take());
        }
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn note(&self, call: &str, channel: ChannelId) {
        self.calls.lock().unwrap().push(format!("{call} {}", channel.0));
    }
}

pub(super) fn finish(mut transaction: Transaction) {
    while transaction.copy(3) == Progress::More {}
    transaction.complete();
}

impl Provider for Manual {
    fn capabilities(&self) -> Capabilities {
        let kinds = Kinds::MEMCPY | Kinds::SCATTER_GATHER | Kinds::CYCLIC;
        Capabilities { kinds, channels: 2, granularity: Granularity::Burst, pause: true }
    }

    fn allocate(&self, channel: ChannelId) -> Result<(), crate::dma::Error> {
        self.0.note("allocate", channel);
        Ok(())
    }

    fn free(&self, channel: ChannelId) {
        self.0.note("free", channel);
    }

    fn issue(&self, channel: ChannelId, transactions: Vec<Transaction>) {
        self.0.note("issue", channel);
        if self.0.prompt.load(Ordering::Relaxed) {
            return transactions.into_iter().for_each(finish);
        }
        let bench = self.0.clone();
        transactions[0].on_cancel(move |_| {
            if !bench.clings.load(Ordering::Relaxed) {
                let held = std::mem::take(&mut *bench.held.lock().unwrap());
                drop(held);
            }
        });
        self.0.held.lock().unwrap().extend(transactions);
    }

    fn terminate(&self, channel: ChannelId) -> Vec<Transaction> {
        self.0.note("terminate", channel);
        let mut held = self.0.held.lock().unwrap();
        let (ours, others) = held.drain(..).partition(|transaction| transaction.channel() == channel);
        *held = others;
        ours
    }
}

/// Bytes that are all different from their neighbours, and from those with another `seed`.
pub(super) fn pattern(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ seed.wrapping_mul(131)) as u8).collect()
}

pub(super) fn memcpy(seed: usize, length: usize) -> Transfer {
    Transfer::memcpy(pattern(seed, length), vec![0; length])
}

/// Submits it, and issues it.
pub(super) fn start(channel: &Channel, transfer: Transfer, completions: &Completions) -> crate::dma::Cookie {
    let cookie = channel.prepare(transfer).unwrap().gather(completions).submit().unwrap();
    channel.issue_pending().unwrap();
    cookie
}

/// The next `number` of completions; fewer if they do not come soon.
pub(super) fn wait_for(completions: &Completions, number: usize) -> Vec<Completion> {
    let mut gathered = Vec::new();
    completions.take(number, SOON, &mut gathered);
    gathered
}

/// All that is there now.
pub(super) fn gathered(completions: &Completions) -> Vec<Completion> {
    let mut gathered = Vec::new();
    completions.take(0, Duration::ZERO, &mut gathered);
    gathered
}
