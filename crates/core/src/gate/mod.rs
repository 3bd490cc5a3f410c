//! The gate: where operations come in. Entering *is* the check for life, and holds until exit (I9).
//!
//! May I sleep while I am inside? No: whoever unplugs the device waits for you. What has to wait for a condition does
//! so outside, and is woken by the mark.
//!
//! # How it works
//! The gate's word holds the mark (bit 0) and a count (the rest). There are two ways in:
//!
//! - A *slot*. The guard writes the gate's address into a free slot of its thread's [`line`], then looks whether the
//!   mark is there; at the end it writes null, and looks again. No locked instruction, and nothing that another thread
//!   writes. The one who marks pays for both: a heavy [`fence`], and a scan of the slots of all threads.
//! - The *count*, in one atomic step with the look at the mark, for what does not fit a slot: operations, which may take
//!   long and change threads; the eighth guard of a thread; a thread that is ending; a process that has no heavy fence, and
//!   any build without std.
//!
//! # Why it is right
//! "The Lemma" is [`fence::Fence`]'s. Whoever marks a gate has a [`heavy_fence`] next; the drain, the heir and
//! whatever else looks who is inside come after that, on the same thread or by way of the lock that it lets go then.
//!
//! 1. *Nobody in a slot is overlooked.* A guard that was let in wrote its slot, then did not see the mark. So by the
//!    Lemma every look at that slot after the heavy fence finds the guard's address, or something later. What comes
//!    later begins with the null that this guard writes when it leaves: the owner fills a slot only where it has read
//!    null, and only the guard writes that. If the look finds this null, it acquires what the guard released. If it
//!    finds something later still, whoever wrote that had acquired the null before, and released it on: so all of those
//!    accesses are acquiring or releasing, also where it may look as if none was needed.
//! 2. *Nobody in the count is overlooked.* All changes of the word are read-modify-writes, so they have one order. An
//!    enter before the mark in that order is in the count that the drain reads; one after it sees the mark and takes
//!    itself back. What was done inside happens before the drain: an exit releases, every change continues the release
//!    sequence of those before it, and the drain acquires.
//! 3. *Nobody changes over unseen.* A guard goes from its slot to the count and never back, counts itself in before it
//!    clears the slot, and the drain reads the slots first: if it finds the slot cleared, it finds the count.
//! 4. *Nobody comes later.* The mark is never taken back. Once slots and count have been found empty after the heavy
//!    fence, nobody who was let in is inside, for ever. What may still stir is an enter that fails, and it never looks
//!    at the hardware.
//! 5. *No wake-up is lost.* The drain looks and goes to sleep under one lock. Whoever leaves clears its slot and looks
//!    for the mark: by the Lemma it sees the mark, or every look of the drain sees it gone. (One heavy fence does for
//!    coming and for leaving, because both look at the mark, which was there before the fence.) Whoever sees the mark
//!    takes the lock before it notifies: either the drain's look comes after that, and finds it gone; or the drain
//!    sleeps by the time of the notification. The same goes for the last one out of the count, and for the heir (see
//!    [`Gate::leave_to`]).
//! 6. *A crowd of zombies cannot keep the drain waiting.* `enter` looks for the mark before anything else, so once a
//!    thread has seen the mark it leaves slots and word alone: failing enters stir at most once a thread.
//! 7. *The gate is there for as long as it is used.* `exit` looks at the gate after it has given up its place, so the
//!    place is not what keeps the gate: a guard borrows the handle that does, and an operation owns one.
//!
//! `crates/core/tests/loom.rs` runs the code with each of these steps broken, and finds every one.
#![expect(unsafe_code, reason = "the hardware is reached without a lock; each block says why that is sound")]

mod account;
pub(crate) mod fence;
mod guard;
#[cfg(loom)]
pub(crate) mod interrupts;
#[cfg(feature = "std")]
mod line;
#[cfg(not(feature = "std"))]
#[path = "no_lines.rs"]
mod line;
#[cfg(any(loom, not(feature = "std")))]
pub(crate) mod mutex;
#[cfg(not(feature = "std"))]
pub(crate) mod once;

use crate::{
    hook::{self, Hook},
    sync::{
        AtomicUsize, Chosen, Condvar, Instant, Mutex, MutexGuard, Ordering, UnsafeCell, abort, lock, planted,
        process_id, wait,
    },
};
pub(crate) use account::guards_here;
use alloc::{boxed::Box, vec::Vec};
pub use guard::Guard;

use account::Account;
use core::{ptr, task::Waker};
use fence::Fence;
use line::Slot;

const DYING: usize = 1;
const ONE: usize = 2;
/// More inside than any program can have: guards have been forgotten in a loop, and the count is about to wrap.
const TOO_MANY: usize = usize::MAX / 2;

/// A gate with the hardware behind it.
pub(crate) struct Gate<H> {
    word: AtomicUsize,
    /// The process it was made in. A child has a copy of the gate, but not the threads that may be inside.
    process: u32,
    way_out: Mutex<Option<Box<WayOut<H>>>>,
    drained: Condvar,
    hardware: UnsafeCell<Option<H>>,
}

/// Who waits at the way out of the gate, if anybody does: a gate is small. Its lock lets one at a time reach the cell, and
/// pairs with `drained`.
struct WayOut<H> {
    /// What becomes of the hardware when nobody is left to wait for it.
    heir: Option<Hook<H>>,
    /// How many threads sleep until the gate is empty.
    sleepers: usize,
    /// Futures that wait for it.
    wakers: Vec<Waker>,
}

/// What somebody who left finds to be done.
struct LeftBehind<H> {
    inheritance: Option<(Hook<H>, H)>,
    sleepers: bool,
    wakers: Vec<Waker>,
}

impl<H> LeftBehind<H> {
    /// As far as one knows who has not looked.
    fn sleepers() -> Self {
        LeftBehind { inheritance: None, sleepers: true, wakers: Vec::new() }
    }
}

type WayOutGuard<'a, H> = MutexGuard<'a, Option<Box<WayOut<H>>>>;

// SAFETY: the hardware is shared between threads as `&H` (by guards, so H: Sync) and handed to whoever unplugs, on
// any thread, by value (so H: Send). All other fields are Sync by themselves.
unsafe impl<H: Send + Sync> Sync for Gate<H> {}

impl<H> Gate<H> {
    pub(crate) fn new(hardware: H) -> Self {
        fence::decide();
        Gate {
            word: AtomicUsize::new(0),
            process: process_id(),
            way_out: Mutex::new(None),
            drained: Condvar::new(),
            hardware: UnsafeCell::new(Some(hardware)),
        }
    }

    /// What a slot says of this gate. Nobody holds a slot of a gate that moves: guards borrow it.
    #[inline(always)]
    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// Enters. `None` after the mark. Never sleeps; takes a lock only to tell the drain that it has stirred.
    #[must_use]
    #[inline]
    pub(crate) fn enter(&self) -> Option<Guard<'_, H>> {
        Chosen::poll();
        // Not the check that counts, which comes later: it keeps zombies from stirring.
        if self.is_marked() && !planted!(EnterIgnoresMark) {
            return None;
        }
        Chosen::poll();
        match line::first_slot() {
            Some(slot) => self.enter_by(slot),
            None => self.enter_elsewhere(),
        }
    }

    #[cold]
    fn enter_elsewhere(&self) -> Option<Guard<'_, H>> {
        match line::further_slot() {
            Some(slot) => self.enter_by(slot),
            // Made only if we are inside: dropping it leaves.
            None => self.enter_counted().then(|| Guard { slot: None, gate: self, account: Account::open() }),
        }
    }

    /// Enters by a slot of this thread that is free.
    #[inline(always)]
    fn enter_by(&self, slot: &'static Slot) -> Option<Guard<'_, H>> {
        Chosen::poll();
        slot.hold(self.address());
        Chosen::light();
        Chosen::poll();
        // The guard is made first: if the gate turns out to be shut, dropping it empties the slot again.
        let guard = Guard { slot: Some(slot), gate: self, account: Account::open() };
        let alive = planted!(EnterIgnoresMark | CheckBeforeHold) || !self.is_marked();
        Chosen::poll();
        alive.then_some(guard)
    }

    /// Enters by the count, for as long as the caller likes, not bound to a borrow: the caller owes one [`Gate::exit`],
    /// and keeps the gate until that has returned.
    #[must_use]
    pub(crate) fn enter_counted(&self) -> bool {
        if self.is_marked() && !planted!(EnterIgnoresMark) {
            return false;
        }
        Chosen::poll();
        let word = self.word.fetch_add(ONE, Ordering::Acquire);
        if word > TOO_MANY {
            abort();
        }
        let alive = word & DYING == 0 || planted!(CheckBeforeCount | EnterIgnoresMark);
        Chosen::poll();
        if !alive {
            self.exit();
        }
        alive
    }

    /// Takes back one `enter_counted`.
    pub(crate) fn exit(&self) {
        let order = if planted!(ExitRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        if self.word.fetch_sub(ONE, order) == ONE | DYING {
            self.last_out();
        }
    }

    /// Leaves by `slot`, which is this guard's.
    #[inline(always)]
    fn exit_by(&self, slot: &Slot) {
        Chosen::poll();
        let saw_it_before = !planted!(LookBeforeClear) || self.is_marked();
        Chosen::poll();
        slot.clear();
        Chosen::light();
        Chosen::poll();
        // Whoever sees the mark goes to look; nothing is read here that the mark would have to publish.
        if self.word.load(Ordering::Relaxed) & DYING != 0 && saw_it_before {
            self.last_out();
        }
    }

    /// Goes from a slot to the count.
    fn change_over(&self, slot: &Slot) {
        Chosen::poll();
        if planted!(ClearBeforeCount) {
            slot.clear();
            Chosen::poll();
        }
        if self.word.fetch_add(ONE, Ordering::AcqRel) > TOO_MANY {
            abort();
        }
        Chosen::poll();
        if !planted!(ClearBeforeCount) {
            // A drain that sleeps because of the slot now sleeps because of the count.
            slot.clear();
        }
        Chosen::poll();
    }

    /// Somebody left a gate that is marked, and may have been the last.
    #[cold]
    fn last_out(&self) {
        // Looked at under the lock, so that the notification cannot fall between the drain's look and its sleep.
        let left = if planted!(WakeWithoutLock) { LeftBehind::sleepers() } else { self.inherit() };
        if left.sleepers && !planted!(ExitDoesNotWake) {
            self.drained.notify_all();
        }
        hook::wake(left.wakers);
        if let Some((heir, hardware)) = left.inheritance {
            hook::run(|| heir(hardware));
        }
    }

    /// The heir with what it inherits, if there is one and nobody is inside (if somebody is, it is one who will be here
    /// in its turn: see 5); and who waits, and shall look again.
    fn inherit(&self) -> LeftBehind<H> {
        let mut way_out = lock(&self.way_out);
        let mut left = LeftBehind { inheritance: None, sleepers: false, wakers: Vec::new() };
        let Some(waiting) = way_out.as_mut() else { return left };
        left.sleepers = waiting.sleepers > 0;
        left.wakers = core::mem::take(&mut waiting.wakers);
        if waiting.heir.is_none() || planted!(HeirForgotten) {
            return left;
        }
        let Ok(Some(hardware)) = self.take(&way_out) else { return left };
        let heir = way_out.as_mut().and_then(|waiting| waiting.heir.take());
        left.inheritance = heir.map(|heir| (heir, hardware));
        left
    }

    /// Shuts the gate for ever. Whoever looks who is inside does so after a [`heavy_fence`] that comes after this.
    pub(crate) fn mark(&self) {
        if planted!(HeavyBeforeMark) {
            fence::heavy();
        }
        self.word.fetch_or(DYING, Ordering::AcqRel);
    }

    /// As `mark`, by one who is inside by the count, and leaves. In one step, and without a look at the way out, where
    /// nobody waits before the mark.
    pub(crate) fn mark_and_leave(&self) {
        if planted!(HeavyBeforeMark) {
            fence::heavy();
        }
        // The mark is one, and a place is two.
        self.word.fetch_sub(ONE - DYING, Ordering::AcqRel);
    }

    #[inline(always)]
    pub(crate) fn is_marked(&self) -> bool {
        self.word.load(Ordering::Acquire) & DYING != 0
    }

    /// Whether it is the copy of a gate that belongs to another process: fork(2) was called since. Those inside may not
    /// exist here, and so never leave; locks that they held stay locked.
    pub(crate) fn is_copy(&self) -> bool {
        self.is_copy_in(process_id())
    }

    /// The same for a process that has been asked for its number, which is a system call.
    pub(crate) fn is_copy_in(&self, process: u32) -> bool {
        self.process != process
    }

    /// How many are inside.
    pub(crate) fn inside(&self) -> usize {
        self.slots().count() + self.word.load(Ordering::Acquire) / ONE
    }

    /// The threads, as the kernel numbers them, that took the guards which hold slots.
    pub(crate) fn threads(&self) -> Vec<u32> {
        self.slots().map(line::Line::owner).collect()
    }

    /// The slots that hold this gate: for each, its line.
    fn slots(&self) -> impl Iterator<Item = &'static line::Line> {
        let gate = self.address();
        line::all().flat_map(move |line| line.slots().iter().filter(move |slot| slot.holds(gate)).map(move |_| line))
    }

    /// Whether the gate is marked, and nobody is inside.
    fn is_empty(&self) -> bool {
        if planted!(CountBeforeSlots) {
            return self.is_counted_out() && self.slots().next().is_none();
        }
        self.slots().next().is_none() && self.is_counted_out()
    }

    /// Whether the gate is marked, and nobody is inside by the count.
    fn is_counted_out(&self) -> bool {
        let order = if planted!(DrainRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        self.word.load(order) == DYING
    }

    /// Waits until nobody is inside, and takes the hardware out. `Err` if `deadline` passes first. `Ok(None)` if
    /// somebody else has taken it: then the fence holds all the same.
    ///
    /// The gate must be marked; a gate that is not never counts as drained.
    pub(crate) fn drain(&self, deadline: Option<Instant>) -> Result<Option<H>, StillInside> {
        let mut way_out = lock(&self.way_out);
        loop {
            if planted!(SleepOnOldLook) {
                drop(way_out);
                let empty = self.is_empty();
                way_out = lock(&self.way_out);
                way_out = if empty { way_out } else { self.sleep(way_out, deadline) };
            }
            if let Ok(hardware) = self.take(&way_out) {
                taken(way_out);
                return Ok(hardware);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(StillInside);
            }
            way_out = self.sleep(way_out, deadline);
        }
    }

    fn sleep<'a>(&'a self, mut way_out: WayOutGuard<'a, H>, deadline: Option<Instant>) -> WayOutGuard<'a, H> {
        waiting(&mut way_out).sleepers += 1;
        way_out = wait(&self.drained, way_out, deadline);
        waiting(&mut way_out).sleepers -= 1;
        way_out
    }

    /// As `drain` without a wait: `waker` is woken when it is worth another look.
    pub(crate) fn poll_drain(&self, waker: &Waker) -> Result<Option<H>, StillInside> {
        let mut way_out = lock(&self.way_out);
        let drained = self.take(&way_out);
        match drained {
            Ok(_) => taken(way_out),
            Err(StillInside) => hook::remember(&mut waiting(&mut way_out).wakers, waker),
        }
        drained
    }

    /// As `drain` without a wait, for one of many gates whose slots have been scanned together: `held` is what
    /// [`held`] gave, after the heavy fence.
    pub(crate) fn take_unless_held(&self, held: &[usize]) -> Result<Option<H>, StillInside> {
        if held.binary_search(&self.address()).is_ok() || !self.is_counted_out() {
            return Err(StillInside);
        }
        let way_out = lock(&self.way_out);
        let hardware = self.take_out(&way_out);
        taken(way_out);
        Ok(hardware)
    }

    /// Nobody is left who would drain: gives the hardware to `heir` as soon as nobody is inside. That is now, or when
    /// the last one leaves, on its thread. The gate must be marked.
    pub(crate) fn leave_to(&self, heir: Hook<H>) {
        let mut way_out = lock(&self.way_out);
        let drained = self.take(&way_out);
        if drained.is_err() {
            waiting(&mut way_out).heir = Some(heir);
            return;
        }
        taken(way_out);
        if let Ok(Some(hardware)) = drained {
            hook::run(|| heir(hardware));
        }
    }

    /// Takes the hardware out if nobody is inside; `None` if it has been taken.
    fn take(&self, way_out: &WayOutGuard<'_, H>) -> Result<Option<H>, StillInside> {
        if !self.is_empty() && !planted!(DrainDoesNotWait) {
            return Err(StillInside);
        }
        Ok(self.take_out(way_out))
    }

    /// By one who has found the gate empty, after the mark and its heavy fence.
    fn take_out(&self, _way_out: &WayOutGuard<'_, H>) -> Option<H> {
        // SAFETY: the gate was marked and empty, so by 1 to 4 above every guard that was granted has exited, none will
        // be granted again, and all their uses happen before this. Several threads may come here; the lock whose guard
        // we were shown lets one at a time reach the cell.
        self.hardware.with_mut(|hardware| unsafe { &mut *hardware }.take())
    }

    /// The hardware, for somebody who is inside.
    ///
    /// # Safety
    /// The caller is inside (`enter` or `enter_counted` succeeded) and stays so for as long as the result lives.
    unsafe fn hardware(&self) -> &H {
        // SAFETY: by the caller's promise the gate is not found empty that long, so `take` does not touch the cell, and
        // nothing else ever writes it.
        let hardware = self.hardware.with(|hardware| unsafe { &*hardware });
        debug_assert!(hardware.is_some(), "only `take` empties the cell, and not while we are inside");
        // SAFETY: as it says above; to look would be a good part of what entering costs.
        unsafe { hardware.as_ref().unwrap_unchecked() }
    }
}

impl<H> Drop for Gate<H> {
    fn drop(&mut self) {
        // Nobody borrows the gate any more, so who is inside never leaves. Once drained, nobody is.
        if self.hardware.with_mut(|hardware| {
            // SAFETY: `&mut self`: nobody else reaches the cell.
            unsafe { (*hardware).is_some() }
        }) {
            line::forget(self.address());
        }
    }
}

/// The heavy fence that one who marks owes before anybody looks who is inside: one for as many gates as were marked.
pub(crate) fn heavy_fence() {
    if !planted!(NoHeavyFence | HeavyBeforeMark) {
        fence::heavy();
    }
}

/// What the slots of all threads hold, in order.
pub(crate) fn held() -> Vec<usize> {
    let mut held: Vec<_> = line::all().flat_map(line::Line::slots).filter_map(line::Slot::held).collect();
    held.sort_unstable();
    held
}

/// Makes the gate ready for guards at their best: see [`crate::prepare`].
pub(crate) fn prepare() -> bool {
    fence::decide();
    fence::is_asymmetric()
}

fn waiting<'a, H>(way_out: &'a mut WayOutGuard<'_, H>) -> &'a mut WayOut<H> {
    way_out.get_or_insert_with(|| Box::new(WayOut { heir: None, sleepers: 0, wakers: Vec::new() }))
}

/// After the hardware has been taken out: futures that wait for it learn that.
fn taken<H>(mut way_out: WayOutGuard<'_, H>) {
    let wakers = way_out.as_mut().map(|waiting| core::mem::take(&mut waiting.wakers)).unwrap_or_default();
    drop(way_out);
    hook::wake(wakers);
}

/// The thread that asks, as [`Gate::threads`] numbers it.
pub(crate) fn this_thread_number() -> u32 {
    Chosen::thread()
}

/// The drain's deadline passed while somebody was inside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StillInside;
