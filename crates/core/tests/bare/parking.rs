//! A platform over std's locks, as an embedder would make one of what its system has.

use outlive::platform::{self, AlreadyDecided, Platform};
use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{
        Condvar, Mutex, OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub(crate) struct Parking {
    /// The threads that sleep. One lock for all words: whoever is woken looks at its own.
    asleep: Mutex<BTreeSet<u64>>,
    woken: Condvar,
    start: OnceLock<Instant>,
}

static PARKING: Parking =
    Parking { asleep: Mutex::new(BTreeSet::new()), woken: Condvar::new(), start: OnceLock::new() };

/// Installs it, before the first device of whichever test comes first.
pub(crate) fn parking() -> &'static Parking {
    static INSTALLED: OnceLock<Result<(), AlreadyDecided>> = OnceLock::new();
    assert_eq!(*INSTALLED.get_or_init(|| platform::install(&PARKING)), Ok(()), "it came first");
    &PARKING
}

impl Parking {
    /// Returns once `thread` sleeps.
    pub(crate) fn until_asleep(&self, thread: u64) {
        while !self.asleep.lock().unwrap().contains(&thread) {
            std::thread::yield_now();
        }
    }
}

impl Platform for Parking {
    fn wait(&self, word: &AtomicU32, value: u32, limit: Option<Duration>) {
        let mut asleep = self.asleep.lock().unwrap();
        if word.load(Ordering::Relaxed) != value {
            return;
        }
        asleep.insert(self.thread());
        asleep = match limit {
            Some(limit) => self.woken.wait_timeout(asleep, limit).unwrap().0,
            None => self.woken.wait(asleep).unwrap(),
        };
        asleep.remove(&self.thread());
    }

    fn wake_one(&self, word: &AtomicU32) {
        // Any of those asleep may be the one.
        self.wake_all(word);
    }

    fn wake_all(&self, _word: &AtomicU32) {
        let _asleep = self.asleep.lock().unwrap();
        self.woken.notify_all();
    }

    fn now(&self) -> Duration {
        self.start.get_or_init(Instant::now).elapsed()
    }

    fn thread(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        thread_local! {
            static MINE: Cell<Option<u64>> = const { Cell::new(None) };
        }
        let mine = MINE.get().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        MINE.set(Some(mine));
        mine
    }
}
