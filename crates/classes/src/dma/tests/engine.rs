//! An engine with a thread of its own, and with a bug if so wished.

use crate::dma::{Capabilities, ChannelId, Granularity, Kinds, Progress, Provider, Transaction};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// What is wrong with it. What cannot be written down, such as completing twice, is not here: see the examples of
/// [`Transaction`] that do not compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Planted {
    Nothing,
    /// Now and then it drops one.
    Drops,
    /// Now and then it loses one for ever.
    Leaks,
    /// It completes before it has copied all.
    EndsEarly,
    /// It writes what it has kept of the one before into the memory that it has now.
    WritesLate,
    /// It says of those that are to stop that they are done.
    DoneWhenStopped,
    /// It takes the last one first.
    NewestFirst,
    /// Its thread goes on when there is nothing to do, and when the provider has gone.
    GoesOn,
    /// It does not stop.
    Clings,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<(VecDeque<Transaction>, bool)>,
    wake: Condvar,
    /// How often it has done anything.
    steps: AtomicUsize,
    planted: Planted,
}

#[derive(Debug)]
pub(super) struct Engine {
    shared: Arc<Shared>,
    kinds: Kinds,
}

/// Its thread; ends when dropped.
pub(super) struct Running {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    pub(super) fn start(planted: Planted) -> (Box<dyn Provider>, Running) {
        let (queue, steps) = (Mutex::default(), AtomicUsize::new(0));
        let shared = Arc::new(Shared { queue, wake: Condvar::new(), steps, planted });
        let works = shared.clone();
        let thread = Some(std::thread::spawn(move || works.work()));
        let kinds = Kinds::MEMCPY | Kinds::SCATTER_GATHER | Kinds::CYCLIC;
        (Box::new(Engine { shared: shared.clone(), kinds }), Running { shared, thread })
    }

    /// One that can do nothing else, and does nothing.
    pub(super) fn only(kinds: Kinds) -> Box<dyn Provider> {
        let (queue, steps) = (Mutex::default(), AtomicUsize::new(0));
        let shared = Shared { queue, wake: Condvar::new(), steps, planted: Planted::Nothing };
        Box::new(Engine { shared: Arc::new(shared), kinds })
    }
}

impl Provider for Engine {
    fn capabilities(&self) -> Capabilities {
        Capabilities { kinds: self.kinds, channels: 2, granularity: Granularity::Burst, pause: false }
    }

    fn issue(&self, _: ChannelId, transactions: Vec<Transaction>) {
        self.shared.queue.lock().unwrap().0.extend(transactions);
        self.shared.wake.notify_one();
    }

    fn terminate(&self, channel: ChannelId) -> Vec<Transaction> {
        let mut queue = self.shared.queue.lock().unwrap();
        let (ours, others): (VecDeque<_>, _) = queue.0.drain(..).partition(|one| one.channel() == channel);
        queue.0 = others;
        ours.into()
    }
}

impl Running {
    pub(super) fn steps(&self) -> usize {
        self.shared.steps.load(Ordering::SeqCst)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.queue.lock().unwrap().1 = true;
        self.shared.wake.notify_one();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut kept = Vec::new();
        let mut turn = 0;
        loop {
            let mut queue = self.queue.lock().unwrap();
            while queue.0.is_empty() && !queue.1 {
                queue = self.wake.wait_timeout(queue, Duration::from_millis(1)).unwrap().0;
                if self.planted == Planted::GoesOn {
                    self.steps.fetch_add(1, Ordering::SeqCst);
                }
            }
            let newest = self.planted == Planted::NewestFirst;
            let next = if newest { queue.0.pop_back() } else { queue.0.pop_front() };
            drop(queue);
            let Some(transaction) = next else { return };
            turn += 1;
            self.carry_out(transaction, turn, &mut kept);
        }
    }

    fn carry_out(&self, mut transaction: Transaction, turn: usize, kept: &mut Vec<u8>) {
        match self.planted {
            Planted::Drops if turn.is_multiple_of(5) => return drop(transaction),
            Planted::Leaks if turn.is_multiple_of(5) => return std::mem::forget(transaction),
            Planted::EndsEarly => {
                transaction.copy(transaction.transfer().length() - 1);
                return transaction.complete();
            }
            _ => {}
        }
        loop {
            self.steps.fetch_add(1, Ordering::SeqCst);
            let late = self.planted == Planted::WritesLate;
            let progress = transaction.copy_with(16, |from, to| {
                to.copy_from_slice(from);
                if late {
                    let count = kept.len().min(to.len());
                    to[..count].copy_from_slice(&kept[..count]);
                    *kept = from.to_vec();
                }
            });
            match progress {
                Progress::More | Progress::Period | Progress::Paused => {}
                Progress::Stopped if self.planted == Planted::Clings && !self.queue.lock().unwrap().1 => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Progress::Stopped if self.planted == Planted::DoneWhenStopped => return transaction.complete(),
                Progress::Stopped => return drop(transaction),
                Progress::Done => return transaction.complete(),
            }
        }
    }
}

/// Another provider, which says less of its residue.
#[derive(Debug)]
pub(super) struct Coarse(Box<dyn Provider>, Granularity);

impl Coarse {
    pub(super) fn plug(provider: Box<dyn Provider>, granularity: Granularity) -> Box<dyn Provider> {
        Box::new(Coarse(provider, granularity))
    }
}

impl Provider for Coarse {
    fn capabilities(&self) -> Capabilities {
        Capabilities { granularity: self.1, ..self.0.capabilities() }
    }

    fn issue(&self, channel: ChannelId, transactions: Vec<Transaction>) {
        self.0.issue(channel, transactions);
    }

    fn terminate(&self, channel: ChannelId) -> Vec<Transaction> {
        self.0.terminate(channel)
    }
}
