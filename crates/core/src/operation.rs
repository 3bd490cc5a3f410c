use crate::{
    Cause, Gone, Handle, HandleId,
    device::{Life, Step},
    sync::lock,
};
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::ThreadId,
    time::{Duration, Instant},
};

pub(crate) type CancelHook = Box<dyn FnOnce(Cause) + Send>;

/// What is written down about an operation while it is inside.
pub(crate) struct Record {
    pub(crate) handle: HandleId,
    pub(crate) kind: &'static str,
    pub(crate) since: Instant,
    pub(crate) thread: ThreadId,
    pub(crate) on_cancel: Vec<CancelHook>,
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
        let record = Record {
            handle: handle.id(),
            kind,
            since: Instant::now(),
            thread: std::thread::current().id(),
            on_cancel: Vec::new(),
        };
        let mut book = lock(&life.book);
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

    /// Calls `hook` once if the operation is cancelled, by the mark or by its client; at once if the mark has been
    /// there already. It runs on the thread that cancels and must not block. Never called after the operation is
    /// dropped.
    pub fn on_cancel(&self, hook: impl FnOnce(Cause) + Send + 'static) {
        let life = self.handle.life();
        let mut book = lock(&life.book);
        if book.step >= Step::Woken {
            drop(book);
            hook(Cause::Gone(life.gone_now()));
        } else if let Some(record) = book.inside.get_mut(&self.number) {
            record.on_cancel.push(Box::new(hook));
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
    pub(crate) fn cancel(&self, handle: HandleId, number: u64) -> bool {
        let hooks = match lock(&self.book).inside.get_mut(&number) {
            Some(record) if record.handle == handle => std::mem::take(&mut record.on_cancel),
            _ => return false,
        };
        run_all(hooks, Cause::Interrupted);
        true
    }
}

/// Runs hooks of a driver's or a front's. One that panics does not keep the others from running, nor the device from
/// going: the panic has been reported by the panic hook, and there is nobody here to give it to.
pub(crate) fn run_all<A: Copy>(hooks: Vec<Box<dyn FnOnce(A) + Send>>, argument: A) {
    for hook in hooks {
        let _ = catch_unwind(AssertUnwindSafe(|| hook(argument)));
    }
}
