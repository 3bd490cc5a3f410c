use outlive_classes::dma::{Engine, Progress, Registry, Transaction};
use outlive_drivers::dma::{Next, SoftwareEngine, Work};
use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What is copied in one go, in bytes: how much a pull or a termination has to wait for, a few milliseconds at most, and
/// how exact a residue is. Not less, since a long copy may go past the caches and is faster then.
const BURST: usize = 16 << 20;

/// A thread that does the copying of one engine. It is the host's: when the engine goes, it sleeps on. Dropping it ends
/// it, and the engine gives up what it is issued.
pub struct Worker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts it.
    ///
    /// # Errors
    /// If the system refuses the thread; the engine gives up what it is issued then.
    pub fn start(work: Work) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("outlive-dma".into()).spawn(move || run(&work, &stopped))?;
        Ok(Worker { stop, thread: Some(thread) })
    }

    /// Plugs in an engine with so many channels, and starts its worker.
    ///
    /// # Errors
    /// If the system refuses the thread.
    pub fn plug(registry: &Registry, channels: usize) -> io::Result<(Arc<Engine>, Self)> {
        let (engine, work) = SoftwareEngine::new(channels);
        let worker = Worker::start(work)?;
        Ok((registry.plug(Box::new(engine)), worker))
    }
}

fn run(work: &Work, stop: &AtomicBool) {
    let start = Instant::now();
    let me = thread::current();
    // A token that stays if it rings before the thread sleeps.
    work.set_doorbell(move || me.unpark());
    while !stop.load(Ordering::Acquire) {
        match work.next(|| start.elapsed()) {
            Next::Run(transaction) => carry_out(work, transaction, start),
            Next::At(due) => thread::park_timeout(due.saturating_sub(start.elapsed())),
            Next::Idle => thread::park(),
        }
    }
}

fn carry_out(work: &Work, mut transaction: Transaction, start: Instant) {
    let begun = if transaction.every().is_zero() { Duration::ZERO } else { start.elapsed() };
    loop {
        match transaction.copy(BURST) {
            Progress::More => {}
            Progress::Done => return transaction.complete(),
            // To be aborted, for the reason for which it is to stop.
            Progress::Stopped => return drop(transaction),
            Progress::Paused => return work.put_back(transaction, Duration::ZERO),
            Progress::Period => {
                let due = begun.saturating_add(transaction.every());
                return work.put_back(transaction, due);
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        // Its last owner may be a callback that it is calling.
        if thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("running", &self.thread.as_ref().is_some_and(|thread| !thread.is_finished()))
            .finish()
    }
}
