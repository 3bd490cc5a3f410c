//! Every atomic, lock and clock of this crate comes through here, so that loom sees them all.

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use std::time::Instant;

/// Locks, and goes on with the data as it is if a holder panicked: every critical section of this crate leaves its
/// data whole at each step, and a device must stay removable whatever a hook of its driver did.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits on `condvar` until it is notified or `deadline` passes; `None` waits without limit. May wake for nothing.
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>, deadline: Option<Instant>) -> MutexGuard<'a, T> {
    match deadline {
        None => condvar.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner),
        // loom has no time: a wait with a limit is one that may end at once.
        Some(_) if cfg!(loom) => guard,
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            condvar.wait_timeout(guard, left).unwrap_or_else(std::sync::PoisonError::into_inner).0
        }
    }
}

/// A bug that the models plant to prove that they would find it. Without `--cfg loom` the answer is the constant
/// `false`, and the branch is gone.
#[cfg(loom)]
pub(crate) use crate::mutants::planted;
#[cfg(not(loom))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}
#[cfg(not(loom))]
pub(crate) use planted;
