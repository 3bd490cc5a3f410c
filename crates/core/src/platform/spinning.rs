use super::Platform;
use core::{
    hint,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

/// What a turn of one who waits counts as. A pause of x86 takes 10 to 40 ns, and the clock's own step some more.
const TURN: Duration = Duration::from_nanos(10);

/// The platform of programs that have installed none: [`super::install`] says what it does.
pub(super) struct Spinning {
    /// The time, in nanoseconds.
    time: AtomicU64,
}

impl Spinning {
    pub(super) const fn new() -> Self {
        Spinning { time: AtomicU64::new(0) }
    }
}

impl Platform for Spinning {
    fn wait(&self, word: &AtomicU32, value: u32, limit: Option<Duration>) {
        let begin = self.now();
        let mut waited = Duration::ZERO;
        while word.load(Ordering::Acquire) == value && limit.is_none_or(|limit| waited < limit) {
            hint::spin_loop();
            waited = waited.saturating_add(TURN);
            // Several who wait at the same time do not make it go faster.
            self.time.fetch_max(begin.saturating_add(waited).as_nanos() as u64, Ordering::Relaxed);
        }
    }

    // Nobody sleeps.
    fn wake_one(&self, _word: &AtomicU32) {}
    fn wake_all(&self, _word: &AtomicU32) {}

    fn now(&self) -> Duration {
        Duration::from_nanos(self.time.load(Ordering::Relaxed))
    }

    fn thread(&self) -> u64 {
        0
    }
}
