//! Where threads say what they use: a cache line for each thread, with a few slots.
//!
//! A slot holds the address of the gate that a guard is inside of, or null. Two rules keep it simple:
//!
//! - **Only the thread that owns the line stores an address, and only where it has read null.**
//! - **Only the holder of the guard stores null**, once, whichever thread it is on by then.
//!
//! So null is all the free list that is needed, and a guard can be dropped anywhere without looking for its owner.
//!
//! Lines are never freed, so whoever scans them needs no protection. At the end of its thread a line is given back, and
//! taken by a later thread once its slots are all null: guards may have been sent elsewhere, and until they are dropped
//! the line names the thread that took them.

use super::fence::Fence;
use crate::sync::{
    Chosen, Ordering,
    lines::{AtomicPtr, AtomicU32, AtomicUsize},
    planted,
};
use alloc::boxed::Box;
use core::{cell::Cell, ptr};

/// Guards that a thread can hold at a time without counting. The eighth word of the line names its owner.
pub(super) const SLOTS: usize = if cfg!(loom) { 2 } else { 7 };
/// With the link to the next, 1 KiB a block.
const LINES: usize = if cfg!(loom) { 1 } else { 15 };
/// Marks a line whose thread has ended; the rest still is that thread's number, of which Linux uses 22 bits.
pub(super) const FREE: u32 = 1 << 31;
const NULL: usize = 0;

/// One place for one guard.
pub(super) struct Slot(AtomicUsize);

impl Slot {
    /// Whether the owner of the line may hold something here. Acquire: what the last guard here did, maybe on another
    /// thread, happened before what is stored here next (point 1 of the proof needs that).
    #[inline(always)]
    fn is_free(&self) -> bool {
        let order = if planted!(FreeSlotRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        self.0.load(order) == NULL
    }

    /// By the owner of the line, who has seen that it is free. Release: whoever finds this instead of the null that was
    /// here before shall see what was done before that null, too.
    #[inline(always)]
    pub(super) fn hold(&self, gate: usize) {
        let order = if planted!(HoldRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        self.0.store(gate, order);
    }

    /// By the holder of the guard. Release: what was done inside happened before.
    #[inline(always)]
    pub(super) fn clear(&self) {
        let order = if planted!(ClearRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        self.0.store(NULL, order);
    }

    pub(super) fn holds(&self, gate: usize) -> bool {
        let order = if planted!(ScanRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        self.0.load(order) == gate
    }

    /// What is held here, if anything is.
    pub(super) fn held(&self) -> Option<usize> {
        let order = if planted!(ScanRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        Some(self.0.load(order)).filter(|gate| *gate != NULL)
    }

    /// For a guard that is never dropped: nobody else will clear this.
    fn forget(&self, gate: usize) {
        let _ = self.0.compare_exchange(gate, NULL, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// One thread's slots, in one cache line that no other thread writes, except to give back a guard that was sent to it.
#[repr(align(64))]
pub(super) struct Line {
    slots: [Slot; SLOTS],
    owner: AtomicU32,
}

impl Line {
    /// Who took the guards that are held here.
    pub(super) fn owner(&self) -> u32 {
        self.owner.load(Ordering::Relaxed) & !FREE
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Takes it for this thread if nobody has it. Acquire, and Release in `give_back`: the new owner has seen everything
    /// that the last one stored here, so a slot that it finds null is null. (A line with guards left in it would do as
    /// well, but then their thread would be forgotten.)
    fn claim(&self, thread: u32) -> bool {
        let owner = self.owner.load(Ordering::Relaxed);
        let order = if planted!(ClaimRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        owner & FREE != 0
            && self.slots.iter().all(Slot::is_free)
            && self.owner.compare_exchange(owner, thread, order, Ordering::Relaxed).is_ok()
    }

    fn give_back(&self) {
        self.owner.fetch_or(FREE, Ordering::Release);
    }
}

/// Some lines, and the way to more.
struct Block {
    next: AtomicPtr<Block>,
    lines: [Line; LINES],
}

impl Block {
    /// The block after this one, made if there is none.
    fn next_or_new(&self) -> &'static Block {
        if let Some(next) = self.next() {
            return next;
        }
        let new = Box::into_raw(Box::new(Block::new()));
        match self.next.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it comes from a box that nobody frees: once linked it stays for ever.
            Ok(_) => unsafe { &*new },
            Err(theirs) => {
                // SAFETY: ours was not linked, so nobody else has seen it; theirs was, as above.
                unsafe {
                    drop(Box::from_raw(new));
                    &*theirs
                }
            }
        }
    }

    fn next(&self) -> Option<&'static Block> {
        // SAFETY: null, or a block that was linked in `next_or_new`, is whole (Acquire), and is never freed.
        unsafe { self.next.load(Ordering::Acquire).as_ref() }
    }
}

/// Every line there is.
pub(super) fn all() -> impl Iterator<Item = &'static Line> {
    core::iter::successors(Some(first()), |block| block.next()).flat_map(|block| &block.lines)
}

/// Empties what guards that were forgotten have left of `gate`, which is about to go, so that no gate that comes to lie
/// at the same address has guests it never let in.
pub(super) fn forget(gate: usize) {
    all().flat_map(Line::slots).filter(|slot| slot.holds(gate)).for_each(|slot| slot.forget(gate));
}

fn claim() -> &'static Line {
    let thread = Chosen::thread();
    let mut block = first();
    loop {
        if let Some(line) = block.lines.iter().find(|line| line.claim(thread)) {
            return line;
        }
        block = block.next_or_new();
    }
}

/// What this thread has claimed, given back when it ends.
pub(super) struct Claimed(Cell<Option<&'static Line>>);

impl Claimed {
    pub(super) const fn new() -> Self {
        Claimed(Cell::new(None))
    }

    fn line(&self) -> &'static Line {
        let line = self.0.get().unwrap_or_else(claim);
        self.0.set(Some(line));
        set_current(line);
        line
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if let Some(line) = self.0.get() {
            // First, so that a destructor that comes after this one counts.
            leave_current();
            line.give_back();
        }
    }
}

/// A free slot of this thread where the first is busy, or the first of a thread that has no line yet. `None` if the
/// guard has to count: all slots are busy, or the thread is ending, or there is no heavy fence here.
#[cold]
pub(super) fn further_slot() -> Option<&'static Slot> {
    if !super::fence::is_asymmetric() {
        return None;
    }
    let line = match current() {
        Some(line) => line,
        None => claimed(Claimed::line)?,
    };
    line.slots.iter().find(|slot| slot.is_free())
}

#[cfg(not(loom))]
pub(super) use statics::first_slot;
#[cfg(not(loom))]
use statics::{claimed, current, first, leave_current, set_current};

#[cfg(not(loom))]
mod statics {
    use super::*;

    impl Line {
        const fn new() -> Self {
            Line { slots: [const { Slot(AtomicUsize::new(NULL)) }; SLOTS], owner: AtomicU32::new(FREE) }
        }
    }

    impl Block {
        pub(super) const fn new() -> Self {
            Block { next: AtomicPtr::new(ptr::null_mut()), lines: [const { Line::new() }; LINES] }
        }
    }

    static FIRST: Block = Block::new();

    /// The line of every thread that has none: no slot of it is ever free, so such a thread takes the slow path without
    /// having been asked what it is. It is no part of any scan.
    static BUSY: Line = Line { slots: [const { Slot(AtomicUsize::new(usize::MAX)) }; SLOTS], owner: AtomicU32::new(0) };

    thread_local! {
        // No destructor and a constant to begin with, so this is one load.
        static CURRENT: Cell<&'static Line> = const { Cell::new(&BUSY) };
        static CLAIMED: Claimed = const { Claimed::new() };
    }

    pub(super) fn first() -> &'static Block {
        &FIRST
    }

    pub(super) fn claimed<R>(look: impl FnOnce(&Claimed) -> R) -> Option<R> {
        CLAIMED.try_with(look).ok()
    }

    pub(super) fn set_current(line: &'static Line) {
        CURRENT.set(line);
    }

    pub(super) fn leave_current() {
        CURRENT.set(&BUSY);
    }

    /// The line of this thread, if it has one.
    pub(super) fn current() -> Option<&'static Line> {
        let line = CURRENT.get();
        (!ptr::eq(line, &BUSY)).then_some(line)
    }

    /// The first slot of this thread, if it is free.
    #[inline(always)]
    pub(in super::super) fn first_slot() -> Option<&'static Slot> {
        let slot = &CURRENT.get().slots[0];
        slot.is_free().then_some(slot)
    }
}

#[cfg(loom)]
pub(super) use model::first_slot;
#[cfg(loom)]
use model::{claimed, current, first, leave_current, set_current};

/// The same for loom, whose statics live as long as one execution.
#[cfg(loom)]
mod model {
    use super::{super::interrupts::PRESENT, *};

    impl Block {
        pub(super) fn new() -> Self {
            let slots = || core::array::from_fn(|_| Slot(AtomicUsize::new(NULL)));
            let line = |_| Line { slots: slots(), owner: AtomicU32::new(FREE) };
            Block { next: AtomicPtr::new(ptr::null_mut()), lines: core::array::from_fn(line) }
        }
    }

    loom::lazy_static! {
        // Leaked: the model's main thread ends, and gives its line back, after its statics.
        static ref FIRST: &'static Block = Box::leak(Box::new(Block::new()));
    }

    pub(super) fn first() -> &'static Block {
        *FIRST
    }

    pub(super) fn claimed<R>(look: impl FnOnce(&Claimed) -> R) -> Option<R> {
        PRESENT.try_with(|present| look(&present.claimed)).ok()
    }

    pub(super) fn current() -> Option<&'static Line> {
        None
    }

    // `Claimed` says as much.
    pub(super) fn set_current(_line: &'static Line) {}
    pub(super) fn leave_current() {}

    pub(in super::super) fn first_slot() -> Option<&'static Slot> {
        let slot = &claimed(|claimed| claimed.0.get())??.slots[0];
        slot.is_free().then_some(slot)
    }
}
