use crate::{
    Cause, Handle, HandleId, Refused,
    book::{Book, Record},
    state::{Admission, Who},
    sync::{MutexGuard, lock, planted},
};
use alloc::boxed::Box;
use core::{fmt, time::Duration};

/// One operation that is inside: who, what, and since when (I6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inside {
    /// The open file it came by.
    pub handle: HandleId,
    /// Its number, unique on its device.
    pub number: u64,
    /// What it does, as its class names it.
    pub kind: &'static str,
    /// How long it has been inside.
    pub age: Duration,
    /// Whether it came in on the thread that asks: such a thread waits for itself.
    pub own_thread: bool,
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {} ({}) of handle {}, inside for {:?}", self.number, self.kind, self.handle, self.age)?;
        if self.own_thread { f.write_str(", begun by the very thread that waits for it") } else { Ok(()) }
    }
}

/// A recorded operation: a place inside the gate that is owned, can be sent to another thread, and stands in the
/// device's record until it is dropped.
///
/// It does not give the hardware; [`Handle::enter`] does. It keeps the hardware from being taken.
pub struct Operation<S, H> {
    handle: Handle<S, H>,
    number: u64,
    /// Where it stands in the book.
    place: usize,
}

impl<S, H> Operation<S, H> {
    pub(crate) fn begin_now(handle: &Handle<S, H>, kind: &'static str, who: Who) -> Result<Self, Refused> {
        Operation::begin(handle, lock(&handle.life().book), kind, who, None)
    }

    /// With the book in hand: so it is written down before the mark, and cancelled with the others, or it meets the mark.
    pub(crate) fn begin(
        handle: &Handle<S, H>,
        mut book: MutexGuard<'_, Book<S, H>>,
        kind: &'static str,
        who: Who,
        number: Option<u64>,
    ) -> Result<Self, Refused> {
        if book.is_marked() && !planted!(BeginIgnoresMark) {
            return Err(Refused::Gone(handle.life().gone_now()));
        }
        if book.state.admits(who) != Admission::Enters && !planted!(BeginIgnoresMark) {
            return Err(Refused::State(book.state));
        }
        let pages = book.pages();
        let number = number.unwrap_or_else(|| pages.take_number());
        let place = pages.records.add(Record::new(handle.id(), number, kind));
        drop(book);
        Ok(Operation { handle: handle.uncounted(), number, place })
    }

    /// Leaves the gate and stays in the record: no removal waits for it any more.
    pub(crate) fn step_outside(&self) {
        let life = self.handle.life();
        let mut book = lock(&life.book);
        book.pages().records.at(self.place).outside = true;
        let leaves = book.left();
        drop(book);
        if leaves {
            life.gate.exit();
        }
    }

    /// Comes back in.
    pub(crate) fn step_inside(&self) -> Result<(), Cause> {
        let mut book = lock(&self.handle.life().book);
        let marked = book.is_marked() && !planted!(ResumedAfterMark);
        let records = &mut book.pages().records;
        let record = records.at(self.place);
        if let Some(cause) = record.cancelled {
            return Err(cause);
        }
        if marked {
            // It is about to be cancelled.
            drop(book);
            return Err(Cause::Gone(self.handle.life().gone_now()));
        }
        record.outside = false;
        records.inside += 1;
        Ok(())
    }

    /// Its number, unique on its device.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The open file it came by.
    pub fn handle(&self) -> &Handle<S, H> {
        &self.handle
    }

    /// Why it was cancelled, if it was.
    pub fn cancelled(&self) -> Option<Cause> {
        lock(&self.handle.life().book).pages().records.at(self.place).cancelled
    }

    /// Calls `hook` once if the operation is cancelled, by the mark or by its client; at once if it has been. It runs on
    /// the thread that cancels and must not block. It may drop the operation, and unplug the device.
    ///
    /// Hooks run in the order in which they were registered. A cancellation that has begun may still call the hook while
    /// the operation is dropped by another thread, or just after; never after the fence.
    pub fn on_cancel(&self, hook: impl FnOnce(Cause) + Send + 'static) {
        let mut book = lock(&self.handle.life().book);
        let record = book.pages().records.at(self.place);
        let cause = if planted!(LateCancelLost) { None } else { record.cancelled };
        match cause {
            None => record.on_cancel.push(Box::new(hook)),
            Some(cause) => {
                drop(book);
                hook(cause);
            }
        }
    }
}

impl<S, H> Drop for Operation<S, H> {
    fn drop(&mut self) {
        let life = self.handle.life();
        let mut book = lock(&life.book);
        let record = book.pages().records.remove(self.place);
        if !record.on_cancel.is_empty() && !planted!(LeavesWithItsHooks) {
            // The hooks may own what they would have cancelled: they go before the exit, so that nothing of the driver's
            // is dropped after the fence, and outside the lock, since dropping them may run anything.
            drop(book);
            drop(record.on_cancel);
            book = lock(&life.book);
        }
        let leaves = !record.outside && book.left();
        drop(book);
        if leaves {
            life.gate.exit();
        }
    }
}

impl<S, H> fmt::Debug for Operation<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("handle", &self.handle.id()).field("number", &self.number).finish()
    }
}
