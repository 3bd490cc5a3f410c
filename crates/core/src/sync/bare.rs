//! The flavour for programs without std: locks made of one word each, and what else there is from the
//! [platform](crate::platform).

pub(crate) use super::condvar::Condvar;
pub(crate) use crate::gate::{
    mutex::{Mutex, MutexGuard},
    once::OnceLock,
};
pub(crate) use alloc::sync::Arc;
pub(crate) use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::Instant;
use crate::platform::platform;
use core::num::NonZeroU64;

/// A thread, by one more than the platform's number: a device keeps an `Option` of it, and is to stay small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ThreadId(NonZeroU64);

/// The thread that asks.
pub(crate) fn this_thread() -> ThreadId {
    ThreadId(NonZeroU64::MIN.saturating_add(platform().thread()))
}

/// The one process that there is: nobody forks.
pub(crate) fn process_id() -> u32 {
    0
}

/// Ends the program: a panic that nothing can catch, as another one follows while it unwinds. Where panics do not unwind
/// the program's handler has the first, and must not return.
pub(crate) fn abort() -> ! {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("the program cannot go on");
        }
    }
    let _again = Again;
    panic!("a count of guards or handles that have been forgotten in a loop is about to wrap");
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Waits on `condvar` until it is notified or `deadline` passes; `None` waits without limit. May wake for nothing.
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>, deadline: Option<Instant>) -> MutexGuard<'a, T> {
    condvar.wait(guard, deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())))
}
