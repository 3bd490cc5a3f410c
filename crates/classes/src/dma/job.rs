use super::{Abort, Completion, Cookie, Failure, Kinds, Status, Transfer, cursor::Cursor, descriptor::Callbacks};

/// A descriptor from when it has been submitted until its consumer has been told of its end. It is passed on through
/// queues and threads as it lies.
pub(super) struct Job {
    pub(super) cookie: Cookie,
    pub(super) transfer: Transfer,
    pub(super) callbacks: Callbacks,
    pub(super) cursor: Cursor,
    /// Read once it has ended.
    result: Result<(), Failure>,
}

impl Job {
    pub(super) fn new(cookie: Cookie, transfer: Transfer, callbacks: Callbacks) -> Box<Self> {
        Box::new(Job { cookie, transfer, callbacks, cursor: Cursor::new(), result: Ok(()) })
    }

    pub(super) fn number(&self) -> u64 {
        self.cookie.number()
    }

    /// What an unplug that has to wait for it calls it.
    pub(super) fn kind(&self) -> &'static str {
        match self.transfer.kind() {
            Kinds::MEMCPY => "dma memcpy",
            Kinds::CYCLIC => "dma cyclic",
            _ => "dma scatter-gather",
        }
    }

    /// It has ended.
    pub(super) fn end(&mut self, result: Result<(), Failure>) {
        self.cookie.settle(if result.is_ok() { Status::Complete } else { Status::Error });
        self.result = result;
    }

    /// It has ended before it was begun.
    pub(super) fn abort(mut self: Box<Self>, why: Abort) -> Box<Self> {
        self.end(Err(Failure::Aborted(why)));
        self
    }

    /// Tells its consumer.
    pub(super) fn tell(self) {
        let Job { cookie, transfer, callbacks, result, .. } = self;
        let residue = cookie.residue();
        callbacks.complete(Completion { cookie, result, residue, transfer });
    }
}
