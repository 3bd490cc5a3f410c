//! The machine's own time, for models.

use outlive_drivers::clock::Clock;
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A clock that goes as the machine's does (`CLOCK_MONOTONIC`).
///
/// All that is to be done later is done by one thread. It is started when it is first needed, so a process may make a
/// clock and fork afterwards. Dropping the clock drops what has not come due.
pub struct WallClock {
    start: Instant,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: BinaryHeap<Reverse<Due>>,
    /// Keeps those that are due at the same time in the order in which they came.
    next: u64,
    thread: Option<JoinHandle<()>>,
    stop: bool,
}

struct Due {
    at: Instant,
    order: u64,
    then: Box<dyn FnOnce() + Send>,
}

impl WallClock {
    /// A clock that begins now.
    pub fn new() -> Self {
        WallClock { start: Instant::now(), shared: Arc::default() }
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for WallClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// A delay that is too long for the machine's clock never passes.
    ///
    /// # Panics
    /// If the system refuses the thread: there would be nobody to call `then`, and what waits for it would wait for
    /// ever.
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        let Some(at) = Instant::now().checked_add(delay) else { return };
        let mut state = self.shared.lock();
        let order = state.next;
        state.next += 1;
        state.due.push(Reverse(Due { at, order, then }));
        if state.thread.is_none() {
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name("outlive-clock".into()).spawn(move || shared.work());
            state.thread = Some(thread.expect("the system has a thread for the clock"));
        }
        drop(state);
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.stop {
            let now = Instant::now();
            let wait = match state.due.peek() {
                Some(Reverse(first)) if first.at <= now => {
                    let first = state.due.pop();
                    drop(state);
                    if let Some(Reverse(due)) = first {
                        // One that panics has been reported by the panic hook; the others still have their time.
                        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(due.then));
                    }
                    state = self.lock();
                    continue;
                }
                Some(Reverse(first)) => first.at - now,
                None => Duration::MAX,
            };
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stop = true;
        let thread = state.thread.take();
        let due = std::mem::take(&mut state.due);
        drop(state);
        self.shared.changed.notify_one();
        // Outside the lock, since what they own may use this clock's shared state while it goes.
        drop(due);
        match thread {
            // The last owner may be something that the clock itself was calling.
            Some(thread) if thread.thread().id() != std::thread::current().id() => drop(thread.join()),
            _ => {}
        }
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let due = self.shared.lock().due.len();
        f.debug_struct("WallClock").field("now", &self.now()).field("due", &due).finish()
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn what_is_due_first_is_called_first() {
        let clock = WallClock::new();
        let (tell, told) = mpsc::channel();
        for delay in [30, 0, 15, 0] {
            let tell = tell.clone();
            let called = Instant::now();
            let then = move || tell.send((delay, called.elapsed())).unwrap();
            clock.after(Duration::from_millis(delay), Box::new(then));
        }
        for want in [0, 0, 15, 30] {
            let (delay, took) = told.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(delay, want);
            assert!(took >= Duration::from_millis(delay), "{delay} ms were over after {took:?}");
        }
    }

    #[test]
    fn there_is_no_thread_until_one_is_needed() {
        let clock = WallClock::new();
        assert!(clock.shared.lock().thread.is_none());
        clock.after(Duration::ZERO, Box::new(|| {}));
        assert!(clock.shared.lock().thread.is_some());
    }

    #[test]
    fn dropping_the_clock_drops_what_is_not_due_and_ends_the_thread() {
        let clock = WallClock::new();
        let shared = Arc::downgrade(&clock.shared);
        let (tell, told) = mpsc::channel::<()>();
        clock.after(Duration::from_secs(3600), Box::new(move || tell.send(()).unwrap()));
        drop(clock);
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Err(mpsc::RecvTimeoutError::Disconnected));
        assert!(shared.upgrade().is_none(), "the thread held it");
    }

    #[test]
    fn the_last_owner_may_be_what_the_clock_calls() {
        let clock = Arc::new(WallClock::new());
        let (tell, told) = mpsc::channel();
        let owner = clock.clone();
        let (go, wait) = mpsc::channel::<()>();
        let then = move || {
            wait.recv().unwrap_err();
            drop(owner);
            tell.send(()).unwrap();
        };
        clock.after(Duration::ZERO, Box::new(then));
        drop(clock);
        drop(go);
        told.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
