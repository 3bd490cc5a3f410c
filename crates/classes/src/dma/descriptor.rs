use super::{Completion, Completions, Cookie, Error, Period, Transfer, line::Line};
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// A transfer that a channel's provider has agreed to carry out (`struct dma_async_tx_descriptor`), and whom it tells.
/// Dropped without being submitted, it never was.
#[must_use = "a descriptor does nothing until it is submitted, and issued"]
pub struct Descriptor<'a> {
    line: &'a Arc<Line>,
    transfer: Transfer,
    callbacks: Callbacks,
}

/// A transfer that was not accepted. Nothing has been copied.
#[derive(Debug)]
pub struct Rejected {
    /// Why.
    pub error: Error,
    /// Its memory.
    pub transfer: Transfer,
}

enum OnComplete {
    Call(Box<dyn FnOnce(Completion) + Send>),
    Gather(Completions),
}

type OnPeriod = Box<dyn FnMut(Period<'_>) + Send>;

/// Whom a descriptor tells.
#[derive(Default)]
pub(super) struct Callbacks {
    on_complete: Option<OnComplete>,
    on_period: Option<OnPeriod>,
}

impl<'a> Descriptor<'a> {
    pub(super) fn new(line: &'a Arc<Line>, transfer: Transfer) -> Self {
        Descriptor { line, transfer, callbacks: Callbacks::default() }
    }

    /// Calls `callback` when it ends, exactly once, with its memory: `callback_result`. Without one the memory is freed
    /// then.
    pub fn on_complete(mut self, callback: impl FnOnce(Completion) + Send + 'static) -> Self {
        self.callbacks.on_complete = Some(OnComplete::Call(Box::new(callback)));
        self
    }

    /// Has it gathered there when it ends: the callback of consumers that wait.
    pub fn gather(mut self, completions: &Completions) -> Self {
        self.callbacks.on_complete = Some(OnComplete::Gather(completions.clone()));
        self
    }

    /// Calls `callback` after each period of a cyclic transfer, on the engine's thread and inside of the gate, since the
    /// engine lends the memory: whoever waits there for an unplug of this provider waits for himself (I3).
    pub fn on_period(mut self, callback: impl FnMut(Period<'_>) + Send + 'static) -> Self {
        self.callbacks.on_period = Some(Box::new(callback));
        self
    }

    /// Puts it into the channel's queue: `dmaengine_submit`. Nothing is begun before
    /// [`issue_pending`](super::Channel::issue_pending).
    ///
    /// # Errors
    /// [`Error::Gone`] after the mark; the callbacks are dropped, and will not be called.
    pub fn submit(self) -> Result<Cookie, Rejected> {
        let rejected = |(gone, transfer)| Rejected { error: Error::Gone(gone), transfer };
        self.line.submit(self.transfer, self.callbacks).map_err(rejected)
    }
}

impl Callbacks {
    pub(super) fn complete(self, completion: Completion) {
        match self.on_complete {
            Some(OnComplete::Call(callback)) => callback(completion),
            Some(OnComplete::Gather(completions)) => completions.push(completion),
            None => {}
        }
    }

    pub(super) fn period(&mut self, period: Period<'_>) {
        if let Some(callback) = &mut self.on_period {
            // The panic hook has reported one that panics; the engine is not to blame.
            let _ = catch_unwind(AssertUnwindSafe(|| callback(period)));
        }
    }
}

impl fmt::Debug for Descriptor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptor").field("transfer", &self.transfer).finish_non_exhaustive()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Rejected {}
