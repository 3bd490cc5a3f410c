use crate::{
    Cause, Gone, Handle, HandleId,
    hook::{Hook, run_all},
    life::Life,
    sync::{ThreadId, lock, planted, this_thread},
};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// What is written down about an operation while it is inside.
pub(crate) struct Record {
    pub(crate) handle: HandleId,
    pub(crate) kind: &'static str,
    pub(crate) since: Instant,
    pub(crate) thread: ThreadId,
    /// Set when it is cancelled, under the book's lock: from then on a hook is called by whoever brings it.
    pub(crate) cancelled: Option<Cause>,
    pub(crate) on_cancel: Vec<Hook<Cause>>,
}

impl Record {
    /// Cancels it; the first cause stays. The caller runs the hooks, with the lock released.
    #[must_use]
    pub(crate) fn cancel(&mut self, cause: Cause) -> Vec<Hook<Cause>> {
        self.cancelled.get_or_insert(cause);
        std::mem::take(&mut self.on_cancel)
    }
}

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
}

impl<S, H> Operation<S, H> {
    pub(crate) fn begin(handle: Handle<S, H>, kind: &'static str) -> Result<Self, Gone> {
        let life = handle.life();
        if !life.gate.enter_counted() {
            return Err(life.gone_now());
        }
        let mut record = Record {
            handle: handle.id(),
            kind,
            since: Instant::now(),
            thread: this_thread(),
            cancelled: None,
            on_cancel: Vec::new(),
        };
        let mut book = lock(&life.book);
        if book.is_waking() {
            // In before the mark, but too late to be cancelled with the others.
            record.cancelled = Some(Cause::Gone(life.gone_now()));
        }
        let number = book.next_operation;
        book.next_operation += 1;
        book.inside.insert(number, record);
        drop(book);
        Ok(Operation { handle, number })
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
        lock(&self.handle.life().book).inside.get(&self.number).and_then(|record| record.cancelled)
    }

    /// Calls `hook` once if the operation is cancelled, by the mark or by its client; at once if it has been. It runs on
    /// the thread that cancels and must not block. It may drop the operation, and unplug the device.
    ///
    /// Hooks run in the order in which they were registered. A cancellation that has begun may still call the hook while
    /// the operation is dropped by another thread, or just after; never after the fence.
    pub fn on_cancel(&self, hook: impl FnOnce(Cause) + Send + 'static) {
        let mut book = lock(&self.handle.life().book);
        let record = book.inside.get_mut(&self.number).expect("it stands in the record until it is dropped");
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
        let record = lock(&life.book).inside.remove(&self.number);
        // The hooks may own what they would have cancelled: they go before the exit, so that nothing of the driver's
        // is dropped after the fence, and outside the lock, since dropping them may run anything.
        drop(record);
        life.gate.exit();
    }
}

impl<S, H> fmt::Debug for Operation<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("handle", &self.handle.id()).field("number", &self.number).finish()
    }
}

impl<S, H> Life<S, H> {
    /// The caller is inside, so that no hook runs after the fence.
    pub(crate) fn cancel(&self, handle: HandleId, number: u64) -> bool {
        let hooks = match lock(&self.book).inside.get_mut(&number) {
            Some(record) if record.handle == handle && record.cancelled.is_none() => record.cancel(Cause::Interrupted),
            _ => return false,
        };
        run_all(hooks, Cause::Interrupted);
        true
    }
}
