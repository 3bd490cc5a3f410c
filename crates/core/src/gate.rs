//! The gate: where operations come in. Entering *is* the check for life, and holds until exit (I9).
//!
//! May I sleep while I am inside? No: whoever unplugs the device waits for you. What has to wait for a condition does
//! so outside, and is woken by the mark.
//!
//! This gate counts. One word holds the mark (bit 0) and the number of guards (the rest), so "alive?" and "one more
//! inside" are a single atomic step: an `enter` that comes before the mark in the word's modification order is seen by
//! the drain, and one that comes after it sees the mark and takes itself back.
#![expect(unsafe_code, reason = "the hardware is reached without a lock; each block says why that is sound")]

use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, lock, planted, wait};
use std::{cell::UnsafeCell, fmt, ops::Deref, time::Instant};

const DYING: usize = 1;
const ONE: usize = 2;

/// A gate with the hardware behind it.
pub(crate) struct Gate<H> {
    word: AtomicUsize,
    /// Guards the way out of `hardware`, and pairs with `drained` so that no wake-up is lost.
    taking: Mutex<()>,
    drained: Condvar,
    hardware: UnsafeCell<Option<H>>,
}

// SAFETY: the hardware is shared between threads as `&H` (by guards, so H: Sync) and handed to whoever unplugs, on
// any thread, by value (so H: Send). All other fields are Sync by themselves.
unsafe impl<H: Send + Sync> Sync for Gate<H> {}

impl<H> Gate<H> {
    pub(crate) fn new(hardware: H) -> Self {
        Gate {
            word: AtomicUsize::new(0),
            taking: Mutex::new(()),
            drained: Condvar::new(),
            hardware: UnsafeCell::new(Some(hardware)),
        }
    }

    /// Enters. `None` after the mark. Never sleeps, never takes a lock.
    #[must_use]
    pub(crate) fn enter(&self) -> Option<Guard<'_, H>> {
        if planted!(CheckBeforeCount) {
            if self.is_marked() {
                return None;
            }
            self.word.fetch_add(ONE, Ordering::Acquire);
            return Some(Guard { gate: self });
        }
        // The guard is made first: if the gate turns out to be shut, dropping it takes the count back.
        let word = self.word.fetch_add(ONE, Ordering::Acquire);
        let guard = Guard { gate: self };
        (word & DYING == 0 || planted!(EnterIgnoresMark)).then_some(guard)
    }

    /// Enters for as long as the caller likes, not bound to a borrow: the caller owes one [`Gate::exit`].
    #[must_use]
    pub(crate) fn enter_counted(&self) -> bool {
        self.enter().map(std::mem::forget).is_some()
    }

    /// Takes back one `enter_counted`.
    pub(crate) fn exit(&self) {
        let order = if planted!(ExitRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        // Release: what was done inside happens before whatever the drain, which acquires, lets through.
        if self.word.fetch_sub(ONE, order) == ONE | DYING && !planted!(ExitDoesNotWake) {
            // The lock is taken so that this cannot fall between the drain's look at the word and its sleep.
            if !planted!(WakeWithoutLock) {
                drop(lock(&self.taking));
            }
            self.drained.notify_all();
        }
    }

    /// Shuts the gate for ever.
    pub(crate) fn mark(&self) {
        self.word.fetch_or(DYING, Ordering::AcqRel);
    }

    pub(crate) fn is_marked(&self) -> bool {
        self.word.load(Ordering::Acquire) & DYING != 0
    }

    /// How many are inside.
    pub(crate) fn inside(&self) -> usize {
        self.word.load(Ordering::Acquire) / ONE
    }

    /// Waits until nobody is inside, and takes the hardware out. `Err` if `deadline` passes first. `Ok(None)` if
    /// somebody else has taken it: then the fence holds all the same.
    ///
    /// The gate must be marked; a gate that is not never counts as drained.
    pub(crate) fn drain(&self, deadline: Option<Instant>) -> Result<Option<H>, StillInside> {
        let mut taking = lock(&self.taking);
        let order = if planted!(DrainRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        while self.word.load(order) != DYING && !planted!(DrainDoesNotWait) {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(StillInside);
            }
            taking = wait(&self.drained, taking, deadline);
        }
        // SAFETY: the word was DYING with a count of zero. The mark is never taken back, so no later `enter` is
        // granted (one that fails adds to the count for a moment but never touches the hardware), and every guard that
        // was granted has exited: its uses happen before this, by Release in `exit` and Acquire above. Several
        // threads may come here; `taking` lets one at a time reach the cell.
        let hardware = unsafe { &mut *self.hardware.get() }.take();
        drop(taking);
        Ok(hardware)
    }

    /// The hardware, for somebody who is inside.
    ///
    /// # Safety
    /// The caller is inside (`enter` or `enter_counted` succeeded) and stays so for `'a`.
    unsafe fn hardware<'a>(&'a self) -> &'a H {
        // SAFETY: by the caller's promise the count stays above zero for 'a, so `drain` does not touch the cell, and
        // nothing else ever writes it.
        let hardware = unsafe { &*self.hardware.get() };
        hardware.as_ref().expect("only a drain takes the hardware, and it waits for us")
    }
}

/// The drain's deadline passed while somebody was inside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StillInside;

/// What an operation holds while it is inside: the hardware cannot go away before it is dropped.
///
/// A guard is `Send`. Do not sleep on a condition while you hold one (I14): unplugging waits for it.
pub struct Guard<'a, H> {
    gate: &'a Gate<H>,
}

impl<H> Deref for Guard<'_, H> {
    type Target = H;

    fn deref(&self) -> &H {
        // SAFETY: a guard is only handed out by an `enter` that succeeded, and exits when it is dropped, which the
        // borrow of `self` forbids for as long as the result lives.
        unsafe { self.gate.hardware() }
    }
}

impl<H> Drop for Guard<'_, H> {
    fn drop(&mut self) {
        self.gate.exit();
    }
}

impl<H: fmt::Debug> fmt::Debug for Guard<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&**self).finish()
    }
}
