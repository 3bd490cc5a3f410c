use super::{AtomicU32, Ordering, parking, planted};
use crate::gate::mutex::MutexGuard;
use core::time::Duration;

/// The condition variable where there is no std: a count of notifications, on which those who wait sleep.
///
/// No notification is lost: the count is read with the lock held, so one that a waiter's look at its condition did not
/// see comes after that, changes the count, and then wakes. (2^32 of them between the look and the sleep would be.)
pub(crate) struct Condvar {
    notified: AtomicU32,
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Condvar { notified: AtomicU32::new(0) }
    }

    /// Opens the lock and waits for a notification, for up to `limit`; may wake for nothing.
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>, limit: Option<Duration>) -> MutexGuard<'a, T> {
        let mutex = guard.mutex;
        let mut seen = self.notified.load(Ordering::Relaxed);
        drop(guard);
        if planted!(CountReadUnlocked) {
            seen = self.notified.load(Ordering::Relaxed);
        }
        parking::wait(&self.notified, seen, limit);
        mutex.lock()
    }

    pub(crate) fn notify_all(&self) {
        // Relaxed: what is waited for is read under the lock.
        self.notified.fetch_add(1, Ordering::Relaxed);
        parking::wake_all(&self.notified);
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}
