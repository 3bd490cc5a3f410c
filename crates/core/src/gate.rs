//! The gate: where operations come in. Entering *is* the check for life, and holds until exit (I9).
//!
//! May I sleep while I am inside? No: whoever unplugs the device waits for you. What has to wait for a condition does
//! so outside, and is woken by the mark.
//!
//! # Why it is right
//! This gate counts. One word holds the mark (bit 0) and the number inside (the rest), so "alive?" and "one more
//! inside" are a single atomic step.
//!
//! 1. *Nobody is overlooked.* All changes of the word are read-modify-writes, so they have one order. An `enter` before
//!    the mark in that order is in the count that the drain reads; one after it sees the mark and takes itself back.
//! 2. *Nobody comes later.* The mark is never taken back, so every later `enter` sees it. Once the count has been zero
//!    with the mark set, nobody who was let in is inside, for ever. What may still move the count is an `enter` that
//!    fails, and it never looks at the hardware.
//! 3. *What was done inside is done.* `exit` releases and the drain acquires. The drain reads the value that the last
//!    change left; every change is a read-modify-write, so it continues the release sequence of each exit before it.
//! 4. *No wake-up is lost.* The drain looks at the word and goes to sleep under one lock; whoever brings the count to
//!    zero takes that lock before it notifies. Either the drain's look comes after the exit, and sees it; or the drain
//!    sleeps by the time of the notification. The heir (see [`Gate::leave_to`]) is written and found in the same way.
//! 5. *A crowd of zombies cannot keep the drain waiting.* `enter` looks for the mark before it counts itself in, so once
//!    a thread has seen the mark it leaves the word alone: failing enters move the count at most once a thread.
//! 6. *The gate is there for as long as it is used.* `exit` looks at the gate after it has given up its count, so the
//!    count is not what keeps the gate: a guard borrows the handle that does, and an operation owns one.
//!
//! `crates/core/tests/loom.rs` runs the code with each of these steps broken, and finds every one.
#![expect(unsafe_code, reason = "the hardware is reached without a lock; each block says why that is sound")]

use crate::{
    hook::{self, Hook},
    sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, UnsafeCell, lock, planted, wait},
};
use std::{fmt, ops::Deref, time::Instant};

const DYING: usize = 1;
const ONE: usize = 2;
/// More inside than any program can have: guards have been forgotten in a loop, and the count is about to wrap.
const TOO_MANY: usize = usize::MAX / 2;

/// A gate with the hardware behind it.
pub(crate) struct Gate<H> {
    word: AtomicUsize,
    way_out: Mutex<WayOut<H>>,
    drained: Condvar,
    hardware: UnsafeCell<Option<H>>,
}

/// The way out of the gate for the hardware. The lock lets one at a time reach the cell, and pairs with `drained`.
struct WayOut<H> {
    /// What becomes of the hardware when nobody is left to wait for it.
    heir: Option<Hook<H>>,
}

// SAFETY: the hardware is shared between threads as `&H` (by guards, so H: Sync) and handed to whoever unplugs, on
// any thread, by value (so H: Send). All other fields are Sync by themselves.
unsafe impl<H: Send + Sync> Sync for Gate<H> {}

impl<H> Gate<H> {
    pub(crate) fn new(hardware: H) -> Self {
        Gate {
            word: AtomicUsize::new(0),
            way_out: Mutex::new(WayOut { heir: None }),
            drained: Condvar::new(),
            hardware: UnsafeCell::new(Some(hardware)),
        }
    }

    /// Enters. `None` after the mark. Never sleeps, never takes a lock.
    #[must_use]
    pub(crate) fn enter(&self) -> Option<Guard<'_, H>> {
        // Not the check that counts, which is the one below: it keeps zombies from moving the word.
        if self.is_marked() && !planted!(EnterIgnoresMark) {
            return None;
        }
        let word = self.word.fetch_add(ONE, Ordering::Acquire);
        if word > TOO_MANY {
            std::process::abort();
        }
        // The guard is made first: if the gate turns out to be shut, dropping it takes the count back.
        let guard = Guard { gate: self };
        if planted!(EnterIgnoresMark) {
            return Some(guard);
        }
        (word & DYING == 0 || planted!(CheckBeforeCount)).then_some(guard)
    }

    /// Enters for as long as the caller likes, not bound to a borrow: the caller owes one [`Gate::exit`], and keeps the
    /// gate until that has returned.
    #[must_use]
    pub(crate) fn enter_counted(&self) -> bool {
        self.enter().map(std::mem::forget).is_some()
    }

    /// Takes back one `enter_counted`.
    pub(crate) fn exit(&self) {
        let order = if planted!(ExitRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        if self.word.fetch_sub(ONE, order) == ONE | DYING {
            self.last_out();
        }
    }

    #[cold]
    fn last_out(&self) {
        // Looked at under the lock, so that the notification cannot fall between the drain's look and its sleep.
        let inheritance = if planted!(WakeWithoutLock) { None } else { self.inherit() };
        if !planted!(ExitDoesNotWake) {
            self.drained.notify_all();
        }
        if let Some((heir, hardware)) = inheritance {
            hook::run(|| heir(hardware));
        }
    }

    /// The heir with what it inherits, if there is one and nobody is inside. (If somebody is, it is an `enter` that is
    /// about to fail, and will be here in its turn.)
    fn inherit(&self) -> Option<(Hook<H>, H)> {
        let mut way_out = lock(&self.way_out);
        if way_out.heir.is_none() || planted!(HeirForgotten) {
            return None;
        }
        let hardware = self.take(&way_out).ok()??;
        Some((way_out.heir.take()?, hardware))
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
        let mut way_out = lock(&self.way_out);
        loop {
            if let Ok(hardware) = self.take(&way_out) {
                return Ok(hardware);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(StillInside);
            }
            way_out = wait(&self.drained, way_out, deadline);
        }
    }

    /// Nobody is left who would drain: gives the hardware to `heir` as soon as nobody is inside. That is now, or when
    /// the last one leaves, on its thread. The gate must be marked.
    pub(crate) fn leave_to(&self, heir: Hook<H>) {
        let mut way_out = lock(&self.way_out);
        let taken = self.take(&way_out);
        if taken.is_err() {
            way_out.heir = Some(heir);
            return;
        }
        drop(way_out);
        if let Ok(Some(hardware)) = taken {
            hook::run(|| heir(hardware));
        }
    }

    /// Takes the hardware out if nobody is inside; `None` if it has been taken.
    fn take(&self, _way_out: &MutexGuard<'_, WayOut<H>>) -> Result<Option<H>, StillInside> {
        let order = if planted!(DrainRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        if self.word.load(order) != DYING && !planted!(DrainDoesNotWait) {
            return Err(StillInside);
        }
        // SAFETY: the word was DYING with a count of zero, so by 1 to 3 above every guard that was granted has exited,
        // none will be granted again, and all their uses happen before this. Several threads may come here; the lock
        // whose guard we were shown lets one at a time reach the cell.
        Ok(self.hardware.with_mut(|hardware| unsafe { &mut *hardware }.take()))
    }

    /// The hardware, for somebody who is inside.
    ///
    /// # Safety
    /// The caller is inside (`enter` or `enter_counted` succeeded) and stays so for as long as the result lives.
    unsafe fn hardware(&self) -> &H {
        // SAFETY: by the caller's promise the count stays above zero that long, so `take` does not touch the cell, and
        // nothing else ever writes it.
        let hardware = self.hardware.with(|hardware| unsafe { &*hardware });
        hardware.as_ref().expect("only `take` empties the cell, and not while we are inside")
    }
}

/// The drain's deadline passed while somebody was inside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StillInside;

/// What an operation holds while it is inside: the hardware cannot go away before it is dropped.
///
/// A guard is `Send`. Do not sleep on a condition while you hold one (I14): unplugging waits for it. One that is
/// forgotten ([`std::mem::forget`]) stays inside for ever, and no unplug of the device will finish.
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

impl<H> fmt::Debug for Guard<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}
