use crate::sync::{AtomicU32, Ordering, UnsafeCell, parking, planted};
use core::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

const OPEN: u32 = 0;
const HELD: u32 = 1;
/// Held, and there may be sleepers, of whom whoever opens it wakes one.
const AWAITED: u32 = 2;

/// The lock where there is no std: one word, and a sleep on it for those who find it held. (The three states are those of
/// the second mutex in Drepper's "Futexes Are Tricky".)
///
/// A holder that panics leaves it open, with the value as it is: see [`crate::sync::lock`].
pub(crate) struct Mutex<T> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at a time reach the value, so it is only ever sent from one to the next.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex { word: AtomicU32::new(OPEN), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // Acquire, here and below, and Release in `unlock`: what the last holder did to the value happened before.
        let order = if planted!(LockRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        if self.word.compare_exchange(OPEN, HELD, order, Ordering::Relaxed).is_err() {
            self.lock_held();
        }
        MutexGuard { mutex: self, _stays: PhantomData }
    }

    #[cold]
    fn lock_held(&self) {
        // Taken as one that is awaited: others may have fallen asleep as this one did, and only one of us was woken.
        let taken = if planted!(SleepersForgotten) { HELD } else { AWAITED };
        let mut wanted = AWAITED;
        while self.word.swap(wanted, Ordering::Acquire) != OPEN {
            parking::wait(&self.word, wanted, None);
            wanted = taken;
        }
    }

    fn unlock(&self) {
        let order = if planted!(UnlockRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        let before = self.word.swap(OPEN, order);
        if before == AWAITED && !planted!(UnlockDoesNotWake) {
            parking::wake_one(&self.word);
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

/// The lock, held.
pub(crate) struct MutexGuard<'a, T> {
    pub(crate) mutex: &'a Mutex<T>,
    /// Neither Send nor Sync: a shared guard gives `&T`, which only a `T: Sync` may be shared as.
    _stays: PhantomData<*const ()>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held until the guard is dropped, so nobody else reaches the value; and nobody has a `&mut`
        // by this guard, which is borrowed.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed by one alone.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.mutex.unlock();
    }
}
