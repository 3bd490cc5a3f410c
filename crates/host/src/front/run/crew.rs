//! Threads that wait for work and do it, one more than are busy.
//!
//! What a client gives us may stall whoever touches it: its memory can be backed by a page that never comes. So whoever
//! takes the last waiting place has another thread put in it first; a client can stall its own calls, nobody else's.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// More threads than this are never made: by then hundreds of calls are stalled at once.
const LIMIT: usize = 1024;
/// The stack of a worker: classes and drivers are shallow, and there may be many.
const STACK: usize = 256 * 1024;

type Work = dyn Fn(&Crew) + Send + Sync;

/// A crew.
pub(super) struct Crew {
    name: &'static str,
    waiting: AtomicUsize,
    threads: AtomicUsize,
    /// What each thread does until there is no more work.
    work: Box<Work>,
    this: std::sync::Weak<Crew>,
}

impl Crew {
    /// Starts with one thread. `work` loops: it calls [`Crew::wait`] around the call that waits.
    pub(super) fn start(
        name: &'static str,
        work: impl Fn(&Crew) + Send + Sync + 'static,
    ) -> std::io::Result<Arc<Crew>> {
        let crew = Arc::new_cyclic(|this| Crew {
            name,
            waiting: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            work: Box::new(work),
            this: this.clone(),
        });
        crew.hire()?;
        Ok(crew)
    }

    /// Calls `receive`, which waits for work, and sees to it that somebody else waits while this thread is busy.
    pub(super) fn wait<T>(&self, receive: impl FnOnce() -> Option<T>) -> Option<T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let received = receive();
        let last = self.waiting.fetch_sub(1, Ordering::Relaxed) == 1;
        if last && received.is_some() && self.threads.load(Ordering::Relaxed) < LIMIT {
            // Without another thread we go on alone.
            let _ = self.hire();
        }
        received
    }

    fn hire(&self) -> std::io::Result<()> {
        let Some(crew) = self.this.upgrade() else { return Ok(()) };
        self.threads.fetch_add(1, Ordering::Relaxed);
        let thread = std::thread::Builder::new().name(self.name.to_owned()).stack_size(STACK);
        let hired = thread.spawn(move || {
            (crew.work)(&crew);
            crew.threads.fetch_sub(1, Ordering::Relaxed);
        });
        if hired.is_err() {
            self.threads.fetch_sub(1, Ordering::Relaxed);
        }
        hired.map(drop)
    }
}
