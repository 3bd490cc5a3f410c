//! Every atomic, fence, lock, cell and clock of this crate comes through here, in four flavours: std's; the [bare] one,
//! for programs without std; loom's, for models that are run in every order which threads and memory may take; and
//! shuttle's, for larger ones that are run in many random orders.

#[cfg(not(feature = "std"))]
mod bare;
#[cfg(loom)]
pub(crate) mod bare_lock;
#[cfg(any(loom, not(feature = "std")))]
mod condvar;
#[cfg(not(feature = "std"))]
mod instant;
#[cfg(any(loom, not(feature = "std")))]
pub(crate) mod parking;

#[cfg(not(feature = "std"))]
pub(crate) use bare::{
    Arc, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Condvar, Mutex, MutexGuard, OnceLock, Ordering, ThreadId, abort,
    lock, process_id, this_thread, wait,
};

#[cfg(all(feature = "std", not(any(loom, shuttle))))]
pub(crate) use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

#[cfg(shuttle)]
pub(crate) use shuttle::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

// What loom has no counterpart of. A `OnceLock` is written once, before the atomic operation that publishes it, and
// never waited for; the counts of a `Weak` are looked at and changed under a lock that loom does see.
pub(crate) use alloc::sync::{Arc as PlainArc, Weak};
#[cfg(feature = "std")]
pub(crate) use std::{
    process::{abort, id as process_id},
    sync::OnceLock,
};

#[cfg(not(feature = "std"))]
pub use instant::Instant;
/// A moment: std's, or without std one by the [platform's](crate::platform::Platform) clock, with the same methods.
#[cfg(feature = "std")]
pub use std::time::Instant;

/// The atomics of the gate's lines, which are statics. In a model of shuttle's, which knows no memory but one in order,
/// every guard is counted and the lines stay empty: it need not see them.
#[cfg(feature = "std")]
pub(crate) mod lines {
    #[cfg(not(shuttle))]
    pub(crate) use super::{AtomicPtr, AtomicU32, AtomicUsize};
    #[cfg(shuttle)]
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize};
}

#[cfg(all(not(loom), any(not(target_os = "linux"), not(feature = "std"), miri, shuttle)))]
pub(crate) use crate::gate::fence::Counted as Chosen;
#[cfg(all(target_os = "linux", feature = "std", not(any(loom, miri, shuttle))))]
pub(crate) use crate::gate::fence::membarrier::Membarrier as Chosen;
#[cfg(loom)]
pub(crate) use crate::gate::interrupts::Interrupts as Chosen;

/// A way back to something that does not keep it alive.
#[cfg(not(loom))]
pub(crate) fn downgrade<T>(arc: &Arc<T>) -> Weak<T> {
    Arc::downgrade(arc)
}

/// loom has none: in a model it does.
#[cfg(loom)]
pub(crate) fn downgrade<T>(arc: &Arc<T>) -> Strong<T> {
    Strong(arc.clone())
}

#[cfg(loom)]
pub(crate) struct Strong<T>(Arc<T>);

#[cfg(loom)]
impl<T> Strong<T> {
    pub(crate) fn upgrade(&self) -> Option<Arc<T>> {
        Some(self.0.clone())
    }
}

/// The plain cell with the interface of loom's, which notices accesses that race.
#[cfg(not(loom))]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        UnsafeCell(core::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Locks, and goes on with the data as it is if a holder panicked: every critical section of this crate leaves its
/// data whole at each step, and a device must stay removable whatever a hook of its driver did.
#[cfg(feature = "std")]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits on `condvar` until it is notified or `deadline` passes; `None` waits without limit. May wake for nothing.
#[cfg(feature = "std")]
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>, deadline: Option<Instant>) -> MutexGuard<'a, T> {
    match deadline {
        #[cfg(loom)]
        None => {
            // Whoever sleeps cannot be interrupted, and need not be.
            crate::gate::interrupts::away();
            let guard = condvar.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner);
            crate::gate::interrupts::back();
            guard
        }
        #[cfg(not(loom))]
        None => condvar.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner),
        // There is no time in a model: it waits without a limit, or with one that has passed before it gets here.
        Some(_) if cfg!(any(loom, shuttle)) => panic!("a model cannot wait for a while"),
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            condvar.wait_timeout(guard, left).unwrap_or_else(std::sync::PoisonError::into_inner).0
        }
    }
}

/// The thread that asks.
#[cfg(feature = "std")]
pub(crate) fn this_thread() -> ThreadId {
    thread::current().id()
}

/// A bug that the models plant to prove that they would find it. Otherwise the answer is a constant, and the branch
/// is gone.
#[cfg(any(loom, shuttle))]
pub(crate) use crate::mutants::planted;
#[cfg(not(any(loom, shuttle)))]
macro_rules! planted {
    ($($bug:ident)|+) => {
        $crate::sync::PLANTED
    };
}
#[cfg(not(any(loom, shuttle)))]
pub(crate) const PLANTED: bool = false;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use planted;
