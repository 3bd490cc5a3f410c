//! One transfer on its way through the gate and back: handed to the adapter, tried again where it lost the
//! arbitration, answered exactly once.

use super::{
    Adapter, Error, Message, Shared, Transfer,
    uapi::{BLOCK_MAX, flag},
};
use crate::landing;
use outlive::{Cause, Handle, Operation, Outcome, Refused, Request};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

pub(super) type BusHandle = Handle<Shared, Box<dyn Adapter>>;
pub(super) type End = Outcome<Result<Vec<Message>, Error>>;
type OnEnd = Box<dyn FnOnce(End) + Send>;

/// Carries out `messages`. `reply` is called exactly once, on any thread, when nothing of this call is inside the gate
/// any more, so it may take its time and may even unplug the device. The result is the operation's number, for
/// [`Handle::cancel`]; `None` if it did not get in.
pub(super) fn submit(
    handle: &BusHandle,
    kind: &'static str,
    messages: Vec<Message>,
    reply: impl FnOnce(End) + Send + 'static,
) -> Option<u64> {
    let on_end: OnEnd = Box::new(reply);
    match handle.shared().retries() {
        0 => attempt(handle, kind, messages, on_end),
        retries => Retry::begin(handle, kind, messages, retries, on_end),
    }
}

/// What becomes of a transfer that was not let in.
fn refused(refused: Refused) -> End {
    match refused {
        Refused::Gone(gone) => Outcome::Cancelled(Cause::Gone(gone)),
        Refused::Interrupted => Outcome::Cancelled(Cause::Interrupted),
        // As for a SCSI device that is offline.
        Refused::State(_) | Refused::Driver(_) => Outcome::Done(Err(Error::Io)),
    }
}

/// One attempt; at once, or when the bus runs again.
fn attempt(handle: &BusHandle, kind: &'static str, messages: Vec<Message>, on_end: OnEnd) -> Option<u64> {
    handle.begin_or_park(kind, |begun| match begun {
        Ok(operation) => hand_over(operation, messages, on_end),
        Err(reason) => on_end(refused(reason)),
    })
}

fn hand_over(operation: Operation<Shared, Box<dyn Adapter>>, messages: Vec<Message>, on_end: OnEnd) {
    let asked: Vec<_> = messages.iter().map(|message| (message.flags, message.data.len())).collect();
    let reply = move |end| on_end(checked(end, &asked));
    landing::hand_over(operation, reply, |adapter, request| adapter.transfer(messages, request));
}

/// An adapter answers with the messages that it was given, each as long as it was asked for. Anything else is a bug of
/// the driver's, and must not reach the client's memory.
fn checked(end: End, asked: &[(u16, usize)]) -> End {
    let Outcome::Done(Ok(messages)) = &end else { return end };
    let block = |message: &Message, flags: u16| match message.data.first() {
        Some(&length) if flags & flag::I2C_M_RECV_LEN != 0 => usize::from(length),
        _ => 0,
    };
    let mut pairs = messages.iter().zip(asked);
    if pairs.clone().any(|(message, (flags, _))| block(message, *flags) > BLOCK_MAX) {
        return Outcome::Done(Err(Error::Protocol));
    }
    let fits =
        |(message, (flags, size)): (&Message, &(u16, usize))| message.data.len() == size + block(message, *flags);
    if messages.len() == asked.len() && pairs.all(fits) { end } else { Outcome::Done(Err(Error::Io)) }
}

/// A transfer that is tried again while it loses the arbitration, as `__i2c_transfer` in
/// `drivers/i2c/i2c-core-base.c` does. It stays inside the gate from the first attempt to the last.
struct Retry {
    handle: BusHandle,
    kind: &'static str,
    messages: Vec<Message>,
    /// No attempt begins later than this.
    deadline: Option<Instant>,
    state: Mutex<RetryState>,
}

struct RetryState {
    /// What the client waits for; `None` once it has been told.
    whole: Option<Transfer>,
    left: u32,
    /// The attempt that is under way.
    attempt: Option<u64>,
    /// Whether a thread is in the loop of `run`; another attempt is left to it, so that adapters that answer at once
    /// do not pile up on the stack.
    running: bool,
    again: bool,
}

impl Retry {
    fn begin(
        handle: &BusHandle,
        kind: &'static str,
        messages: Vec<Message>,
        retries: u32,
        on_end: OnEnd,
    ) -> Option<u64> {
        handle.begin_or_park(kind, move |begun| match begun {
            Ok(operation) => Retry::start(operation, kind, messages, retries, on_end),
            Err(reason) => on_end(refused(reason)),
        })
    }

    fn start(
        operation: Operation<Shared, Box<dyn Adapter>>,
        kind: &'static str,
        messages: Vec<Message>,
        retries: u32,
        on_end: OnEnd,
    ) {
        let handle = operation.handle().uncounted();
        let deadline = Instant::now().checked_add(handle.shared().timeout());
        let state = RetryState { whole: None, left: retries, attempt: None, running: false, again: false };
        let retry = Arc::new(Retry { handle, kind, messages, deadline, state: Mutex::new(state) });
        let whole = Request::new(operation, on_end);
        let weak = Arc::downgrade(&retry);
        whole.on_cancel(move |cause| weak.upgrade().into_iter().for_each(|retry: Arc<Retry>| retry.cancelled(cause)));
        {
            let mut state = lock(&retry.state);
            // Under the lock, so that a cancellation is either seen here or finds the request there.
            if whole.is_cancelled() {
                return;
            }
            state.whole = Some(whole);
        }
        retry.run();
    }

    fn run(self: &Arc<Self>) {
        {
            let mut state = lock(&self.state);
            if std::mem::replace(&mut state.running, true) {
                state.again = true;
                return;
            }
        }
        loop {
            let me = self.clone();
            let number = attempt(&self.handle, self.kind, self.messages.clone(), Box::new(move |end| me.ended(end)));
            let mut state = lock(&self.state);
            if !std::mem::take(&mut state.again) {
                state.running = false;
                state.attempt = number;
                let given_up = state.whole.is_none();
                drop(state);
                if let (true, Some(number)) = (given_up, number) {
                    self.handle.cancel(number);
                }
                return;
            }
        }
    }

    fn ended(self: &Arc<Self>, end: End) {
        let mut state = lock(&self.state);
        let in_time = self.deadline.is_none_or(|deadline| Instant::now() <= deadline);
        if matches!(end, Outcome::Done(Err(Error::ArbitrationLost)))
            && in_time
            && state.left > 0
            && state.whole.is_some()
        {
            state.left -= 1;
            drop(state);
            return self.run();
        }
        let whole = state.whole.take();
        drop(state);
        match (whole, end) {
            (Some(whole), Outcome::Done(answer)) => whole.answer(answer),
            (Some(whole), Outcome::Cancelled(cause)) => whole.let_go(cause),
            // Dropping the request is how it is forgotten.
            (_, Outcome::Forgotten) | (None, _) => {}
        }
    }

    fn cancelled(&self, cause: Cause) {
        let mut state = lock(&self.state);
        let (whole, attempt) = (state.whole.take(), state.attempt);
        drop(state);
        if let Some(whole) = whole {
            whole.let_go(cause);
        }
        if let Some(attempt) = attempt {
            self.handle.cancel(attempt);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
