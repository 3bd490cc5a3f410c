//! Threads that wait for work and do it.
//!
//! One thread does it all as long as it gets on: that is faster than several that take turns, since each turn would find
//! its data in another's cache. But what a client gives us may stall whoever touches it: its memory can be backed by a
//! page that never comes. So a second thread, the *relief*, looks in from time to time, and when it finds that work
//! waits and nobody waits for it, puts another thread in that place. A crew that has seen that is *wary* for a while:
//! whoever takes the last waiting place then has another thread put in it first. So a client can stall its own calls,
//! and its neighbours' for no longer than one round of the relief.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread::{Builder, Thread},
    time::Duration,
};

/// More threads than this are never made: by then hundreds of calls are stalled at once.
const LIMIT: usize = 1024;
/// The stack of a worker, in bytes: classes and drivers are shallow, and there may be many.
const STACK: usize = 256 * 1024;
/// How often the relief looks in.
const ROUND: Duration = Duration::from_millis(10);
/// After so many rounds without work the relief sleeps until there is some.
const IDLE_ROUNDS: u32 = 20;
/// For so many rounds after a stall the crew is wary.
const WARY_ROUNDS: u32 = 1000;

type Work = dyn Fn(&Crew) + Send + Sync;

/// A crew.
pub(super) struct Crew {
    name: &'static str,
    /// How many threads wait for work.
    waiting: AtomicUsize,
    threads: AtomicUsize,
    /// How much work has been taken.
    taken: AtomicU64,
    wary: AtomicBool,
    /// Whether the relief sleeps until it is told that there is work.
    resting: AtomicBool,
    relief: OnceLock<Thread>,
    /// What each thread does until there is no more work.
    work: Box<Work>,
    this: Weak<Crew>,
}

impl Crew {
    /// Starts one. `work` loops, with [`Crew::wait`] around the call that waits, until that gives `None`.
    pub(super) fn start(
        name: &'static str,
        work: impl Fn(&Crew) + Send + Sync + 'static,
    ) -> std::io::Result<Arc<Crew>> {
        let crew = Arc::new_cyclic(|this| Crew {
            name,
            waiting: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            wary: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            relief: OnceLock::new(),
            work: Box::new(work),
            this: this.clone(),
        });
        let watched = Arc::downgrade(&crew);
        let relief = thread(name).spawn(move || relieve(&watched))?;
        let _ = crew.relief.set(relief.thread().clone());
        crew.hire()?;
        Ok(crew)
    }

    /// Calls `receive`, which waits for work. `None` if there will be no more, or if somebody else waits for it already:
    /// the thread shall end.
    pub(super) fn wait<T>(&self, receive: impl FnOnce() -> Option<T>) -> Option<T> {
        // In one step: two that counted themselves first could each take the other for one who waits, and both leave.
        let place = |waiting| (waiting == 0 || self.wary.load(Relaxed)).then_some(waiting + 1);
        self.waiting.fetch_update(Relaxed, Relaxed, place).ok()?;
        let received = receive();
        let last = self.waiting.fetch_sub(1, Relaxed) == 1;
        if received.is_some() {
            // This and the look at `resting` below stand against the relief's own pair: one of us sees the other.
            self.taken.fetch_add(1, SeqCst);
            if last && self.wary.load(Relaxed) {
                // Without another thread we go on alone.
                let _ = self.hire();
            }
            if self.resting.load(SeqCst) && self.resting.swap(false, SeqCst) {
                self.relief.get().map(Thread::unpark);
            }
        }
        received
    }

    fn hire(&self) -> std::io::Result<()> {
        let Some(crew) = self.this.upgrade() else { return Ok(()) };
        if self.threads.fetch_add(1, Relaxed) >= LIMIT {
            self.threads.fetch_sub(1, Relaxed);
            return Ok(());
        }
        let hired = thread(self.name).spawn(move || {
            let place = Place(&crew.threads);
            (crew.work)(&crew);
            drop(place);
        });
        if hired.is_err() {
            self.threads.fetch_sub(1, Relaxed);
        }
        hired.map(drop)
    }
}

impl Drop for Crew {
    /// The relief may be resting.
    fn drop(&mut self) {
        self.relief.get().map(Thread::unpark);
    }
}

/// A place in the crew, which is given back also if the work panics.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn thread(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(STACK)
}

/// The relief's life, until the crew is gone.
fn relieve(crew: &Weak<Crew>) {
    let (mut seen, mut idle, mut wary) = (u64::MAX, 0, 0_u32);
    loop {
        std::thread::sleep(ROUND);
        let Some(crew) = crew.upgrade() else { return };
        let taken = crew.taken.load(Relaxed);
        let stalled = taken == seen && crew.waiting.load(Relaxed) == 0;
        idle = if taken == seen && !stalled { idle + 1 } else { 0 };
        seen = taken;
        if stalled {
            wary = WARY_ROUNDS;
            crew.wary.store(true, Relaxed);
            let _ = crew.hire();
        } else if wary > 0 {
            wary -= 1;
            crew.wary.store(wary > 0, Relaxed);
        }
        if idle > IDLE_ROUNDS && wary == 0 {
            idle = 0;
            crew.resting.store(true, SeqCst);
            // What was taken just before is seen in the next round; what is taken from here on wakes us, and so does the
            // crew's end, which we do not stand in the way of.
            if crew.taken.load(SeqCst) == seen {
                drop(crew);
                std::thread::park();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, mpsc};

    /// Work that comes from a channel: stalls until told, or is done at once.
    #[test]
    fn a_stalled_thread_holds_up_nobody_for_long() {
        let (give, work) = mpsc::channel::<Option<mpsc::Receiver<()>>>();
        let (done, seen) = mpsc::channel();
        let (work, done) = (Mutex::new(work), Mutex::new(done));
        let crew = Crew::start("test", move |crew| {
            while let Some(stall) = crew.wait(|| work.lock().unwrap().recv().ok()) {
                if let Some(stall) = stall {
                    let _ = stall.recv();
                }
                let _ = done.lock().unwrap().send(());
            }
        })
        .unwrap();
        let wait = Duration::from_secs(20);
        give.send(None).unwrap();
        seen.recv_timeout(wait).unwrap();
        // Idle long enough for the relief to rest.
        std::thread::sleep(ROUND * (IDLE_ROUNDS + 5));
        let releases: Vec<_> = (0..50)
            .map(|_| {
                let (release, stall) = mpsc::channel();
                give.send(Some(stall)).unwrap();
                give.send(None).unwrap();
                seen.recv_timeout(wait).expect("somebody does the work behind a stalled thread");
                release
            })
            .collect();
        drop(releases);
        for _ in 0..50 {
            seen.recv_timeout(wait).unwrap();
        }
        drop(give);
        let ended = std::time::Instant::now() + wait;
        while crew.threads.load(Relaxed) > 0 && std::time::Instant::now() < ended {
            std::thread::sleep(ROUND);
        }
        assert_eq!(crew.threads.load(Relaxed), 0, "all end when there is no more work");
    }

    /// Also if the relief is resting: whatever the work owns goes.
    #[test]
    fn what_a_crew_owns_goes_with_its_last_thread() {
        let (give, work) = mpsc::channel::<()>();
        let (owned, work) = (Arc::new(()), Mutex::new(work));
        let held = Arc::downgrade(&owned);
        let crew = Crew::start("test", move |crew| {
            let _owned = &owned;
            while let Some(()) = crew.wait(|| work.lock().unwrap().recv().ok()) {}
        })
        .unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while !crew.resting.load(SeqCst) {
            assert!(std::time::Instant::now() < end, "the relief does not rest");
            std::thread::sleep(ROUND);
        }
        drop((crew, give));
        while held.strong_count() > 0 {
            assert!(std::time::Instant::now() < end, "somebody still holds it");
            std::thread::sleep(ROUND);
        }
    }

    /// However many threads take turns, one stays until there is no more work.
    #[test]
    fn a_crew_never_leaves_as_a_whole() {
        let (give, work) = mpsc::channel::<()>();
        let (done, seen) = mpsc::channel();
        let (work, done) = (Mutex::new(work), Mutex::new(done));
        let crew = Crew::start("test", move |crew| {
            while let Some(()) = crew.wait(|| work.lock().unwrap().recv().ok()) {
                let _ = done.lock().unwrap().send(());
            }
        })
        .unwrap();
        for number in 0..3000 {
            crew.hire().unwrap();
            crew.hire().unwrap();
            give.send(()).unwrap();
            seen.recv().unwrap();
            give.send(()).unwrap();
            seen.recv().unwrap();
            assert!(crew.threads.load(Relaxed) > 0, "after {number} rounds nobody is left");
        }
    }
}
