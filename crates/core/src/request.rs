use crate::{
    Gone, Handle, Operation, Parked,
    sync::{Arc, Mutex, lock, planted},
};
use alloc::boxed::Box;
use core::fmt;

/// Why an operation was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Its device went.
    Gone(Gone),
    /// Its client gave up.
    Interrupted,
}

/// How an accepted operation ended, as its client learns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome<A> {
    /// The driver's answer.
    Done(A),
    /// It was cancelled. What the driver had done by then is undefined: it may have begun, and may even have ended.
    Cancelled(Cause),
    /// The driver dropped it without an answer and without having been told to let go, which is a bug of the driver's.
    Forgotten,
}

type Reply<A> = Box<dyn FnOnce(Outcome<A>) + Send>;

/// Tells a client how its operation ended; only the first that it is given.
pub(crate) struct Answerer<A>(Arc<Mutex<Option<Reply<A>>>>);

impl<A> Clone for Answerer<A> {
    fn clone(&self) -> Self {
        Answerer(self.0.clone())
    }
}

impl<A> Answerer<A> {
    pub(crate) fn tell(&self, outcome: Outcome<A>) {
        let reply = lock(&self.0).take();
        if let Some(reply) = reply {
            reply(outcome);
        }
    }

    /// The driver dropped it without an answer; the operation ends first.
    pub(crate) fn tell_unanswered<S, H>(&self, operation: Operation<S, H>) {
        // The driver may have been told to let go before the client was told, or have found out by itself that the
        // device is gone: then this is not the driver's bug.
        let gone = || operation.handle().gone().map(Cause::Gone);
        let cause = operation.cancelled().or_else(gone).filter(|_| !planted!(CancelledIsForgotten));
        drop(operation);
        self.tell(cause.map_or(Outcome::Forgotten, Outcome::Cancelled));
    }
}

/// An operation in its driver's hands. The driver owns it, and answers at once or later, from any thread.
///
/// Its client hears exactly once (I17): the driver's answer, or that it was cancelled, whichever comes first. An answer
/// that comes after a cancellation is discarded. As long as the driver holds the request, the hardware stays where it
/// is and the fence waits; so a driver that keeps a request registers [`on_cancel`](Request::on_cancel) and lets go, or
/// [parks](Request::park) it. One that keeps it in the hardware and does neither keeps both for ever: no unplug
/// finishes, and nothing is freed.
#[must_use = "a request that is dropped unanswered is reported to its client as the driver's bug"]
pub struct Request<S, H, A> {
    operation: Option<Operation<S, H>>,
    answerer: Answerer<A>,
}

impl<S, H, A: Send + 'static> Request<S, H, A> {
    /// Makes a request of an operation; `reply` is called exactly once, on whichever thread ends it, after the
    /// operation has left the gate, or at the mark.
    pub fn new(operation: Operation<S, H>, reply: impl FnOnce(Outcome<A>) + Send + 'static) -> Self {
        let reply: Reply<A> = Box::new(reply);
        let answerer = Answerer(Arc::new(Mutex::new(Some(reply))));
        let told = answerer.clone();
        // Registered before the driver sees the request, so the client hears before the driver is told to let go.
        operation.on_cancel(move |cause| told.tell(Outcome::Cancelled(cause)));
        Request { operation: Some(operation), answerer }
    }

    pub(crate) fn resumed(operation: Operation<S, H>, answerer: Answerer<A>) -> Self {
        Request { operation: Some(operation), answerer }
    }

    /// Takes it out of the gate, for a driver that will answer much later and needs no hardware meanwhile: no removal
    /// waits for it, whatever the driver does.
    pub fn park(mut self) -> Parked<S, H, A> {
        let operation = self.operation.take().expect("only the methods that consume the request take the operation");
        Parked::new(operation, self.answerer.clone())
    }

    /// Answers; discarded if the client has been told of a cancellation. The operation leaves the gate first, so the
    /// client's side of the answer (copying it to memory that may be slow or hostile) delays no unplug, unless the
    /// caller is inside by a guard of its own as well.
    pub fn answer(mut self, answer: A) {
        let _inside = self.operation.take().filter(|_| planted!(AnswerInside));
        self.answerer.tell(Outcome::Done(answer));
    }

    /// Gives the request back without having carried it out: the answer to a cancellation.
    pub fn let_go(mut self, cause: Cause) {
        self.operation = None;
        self.answerer.tell(Outcome::Cancelled(cause));
    }

    /// Calls `hook` once if the request is cancelled before it is answered; at once if it has been already. It runs on
    /// the thread that cancels, must not block, and should make the driver drop or answer the request soon: it may do
    /// so itself. What else there is to know says [`Operation::on_cancel`].
    pub fn on_cancel(&self, hook: impl FnOnce(Cause) + Send + 'static) {
        self.operation().on_cancel(hook);
    }

    /// Whether its client has been told, or is being told, that it was cancelled, so that nobody waits for the answer.
    pub fn is_cancelled(&self) -> bool {
        self.operation().cancelled().is_some()
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
        self.operation.as_ref().expect("only the methods that consume the request take the operation")
    }
}

impl<S, H, A> Drop for Request<S, H, A> {
    fn drop(&mut self) {
        self.operation.take().into_iter().for_each(|operation| self.answerer.tell_unanswered(operation));
    }
}

impl<S, H, A> fmt::Debug for Request<S, H, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("operation", &self.operation).finish_non_exhaustive()
    }
}
