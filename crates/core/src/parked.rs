use crate::{Cause, Handle, Operation, Outcome, Request, request::Answerer};
use core::fmt;

/// A request that its driver keeps outside the gate: made with [`Request::park`].
///
/// No removal waits for it. At the mark its client hears that it was cancelled, and what the driver still has of it is
/// an empty shell, which it may drop or answer at any time, also years later. To touch the hardware for it the driver
/// [resumes](Parked::resume) it.
#[must_use = "a request that is dropped unanswered is reported to its client as the driver's bug"]
pub struct Parked<S, H, A> {
    operation: Option<Operation<S, H>>,
    answerer: Answerer<A>,
}

impl<S, H, A: Send + 'static> Parked<S, H, A> {
    pub(crate) fn new(operation: Operation<S, H>, answerer: Answerer<A>) -> Self {
        operation.step_outside();
        Parked { operation: Some(operation), answerer }
    }

    /// Answers; discarded if the client has been told of a cancellation.
    pub fn answer(mut self, answer: A) {
        self.operation = None;
        self.answerer.tell(Outcome::Done(answer));
    }

    /// Comes back into the gate, to go on with it.
    ///
    /// # Errors
    /// Why it was cancelled meanwhile. Its client knows.
    pub fn resume(mut self) -> Result<Request<S, H, A>, Cause> {
        let operation = self.operation.take().expect("only the methods that consume it take the operation");
        match operation.step_inside() {
            Ok(()) => Ok(Request::resumed(operation, self.answerer.clone())),
            Err(cause) => {
                drop(operation);
                self.answerer.tell(Outcome::Cancelled(cause));
                Err(cause)
            }
        }
    }

    /// Calls `hook` once if it is cancelled before it is answered: what [`Request::on_cancel`] says. It is not called
    /// after the fence, unless it is registered after the fence.
    pub fn on_cancel(&self, hook: impl FnOnce(Cause) + Send + 'static) {
        self.operation().on_cancel(hook);
    }

    /// Its number, unique on its device.
    pub fn number(&self) -> u64 {
        self.operation().number()
    }

    /// The open file it came by.
    pub fn handle(&self) -> &Handle<S, H> {
        self.operation().handle()
    }

    fn operation(&self) -> &Operation<S, H> {
        self.operation.as_ref().expect("only the methods that consume it take the operation")
    }
}

impl<S, H, A> Drop for Parked<S, H, A> {
    fn drop(&mut self) {
        self.operation.take().into_iter().for_each(|operation| self.answerer.tell_unanswered(operation));
    }
}

impl<S, H, A> fmt::Debug for Parked<S, H, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked").field("operation", &self.operation).finish_non_exhaustive()
    }
}
