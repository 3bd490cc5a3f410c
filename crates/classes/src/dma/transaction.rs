use super::{
    Abort, ChannelId, Failure, Granularity, Kinds, Period, Transfer,
    cursor::Reached,
    job::Job,
    line::{Inside, Line},
};
use outlive::Cause;
use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

/// A descriptor in its provider's hands, with the memory that it copies. It keeps the provider where it is, and the
/// fence waits for it.
///
/// It is completed once, by a method that takes it; afterwards its memory cannot be reached:
///
/// ```compile_fail,E0382
/// fn completes_twice(transaction: outlive_classes::dma::Transaction) {
///     transaction.complete();
///     transaction.complete();
/// }
/// ```
/// ```compile_fail,E0382
/// fn copies_afterwards(mut transaction: outlive_classes::dma::Transaction) {
///     transaction.complete();
///     transaction.copy(4096);
/// }
/// ```
/// ```compile_fail,E0521
/// fn keeps_the_memory(mut transaction: outlive_classes::dma::Transaction) {
///     let mut kept: &'static mut [u8] = &mut [];
///     transaction.copy_with(4096, |_, destination| kept = destination);
/// }
/// ```
#[must_use = "a transaction that is dropped is reported to its consumer as the provider's bug"]
pub struct Transaction {
    /// `None` once it has ended.
    job: Option<Box<Job>>,
    /// The place inside the gate, of all that were issued together; goes before the consumer hears.
    operation: Option<Arc<Inside>>,
    line: Arc<Line>,
}

/// What a step of copying has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is more to be copied.
    More,
    /// A period is over, and its consumer has seen it. The next one is due [`every`](Transaction::every) so and so.
    Period,
    /// All of it has been copied: it can be [completed](Transaction::complete).
    Done,
    /// It is to stop; nothing was copied. It can be dropped.
    Stopped,
    /// Its channel is paused; nothing was copied.
    Paused,
}

impl Transaction {
    /// Descriptors that go to the provider together, at least one. They leave the gate when the last of them ends.
    pub(super) fn begin_all(line: &Arc<Line>, operation: Inside, issued: VecDeque<Box<Job>>) -> Vec<Self> {
        let number = |job: Option<&Box<Job>>| job.map_or(0, |job| job.number());
        let (numbers, weak) = (number(issued.front())..=number(issued.back()), Arc::downgrade(line));
        // Before any hook of the provider's, which finds them stopped.
        operation.on_cancel(move |cause| {
            if let (Some(line), Cause::Gone(gone)) = (weak.upgrade(), cause) {
                line.stop(numbers, Abort::Gone(gone));
            }
        });
        let operation = Arc::new(operation);
        let begin = |job| Transaction { job: Some(job), operation: Some(operation.clone()), line: line.clone() };
        issued.into_iter().map(begin).collect()
    }

    /// The channel that it was issued on.
    pub fn channel(&self) -> ChannelId {
        self.line.id()
    }

    /// Its cookie's number, which no other descriptor of the channel has.
    pub fn number(&self) -> u64 {
        self.job().number()
    }

    /// What is to be copied.
    pub fn transfer(&self) -> &Transfer {
        &self.job().transfer
    }

    /// The time from one period of a cyclic transfer to the next; zero for the others.
    pub fn every(&self) -> Duration {
        self.transfer().every()
    }

    /// Whether the engine is to stop, since the consumer has terminated it or the provider has gone. It can be dropped
    /// then. Cheap enough to be asked all the time.
    pub fn is_stopped(&self) -> bool {
        self.job().cookie.is_stopped()
    }

    /// Calls `hook` once if the provider goes before it is completed; at once if it has gone. It runs on the thread that
    /// unplugs, must not block, and should make the driver drop it if it is parked. Those that were
    /// [issued](super::Provider::issue) together are cancelled together, and a hook with one of them is enough.
    pub fn on_cancel(&self, hook: impl FnOnce(Cause) + Send + 'static) {
        if let Some(operation) = &self.operation {
            operation.on_cancel(hook);
        }
    }

    /// Copies the next bytes, at most `limit` in one go, and never across the end of a segment or a period.
    pub fn copy(&mut self, limit: usize) -> Progress {
        self.copy_with(limit, |from, to| to.copy_from_slice(from))
    }

    /// As [`copy`](Transaction::copy), but how is the engine's business: `copy` is called with equally long source and
    /// destination.
    pub fn copy_with(&mut self, limit: usize, copy: impl FnOnce(&[u8], &mut [u8])) -> Progress {
        let granularity = self.line.handle().shared().capabilities().granularity;
        let Job { cookie, transfer, callbacks, cursor, .. } = &mut **self.job.as_mut().expect("it has not ended");
        if cookie.is_stopped() {
            return Progress::Stopped;
        }
        if cookie.is_paused() {
            return Progress::Paused;
        }
        if transfer.kind() != Kinds::CYCLIC && cursor.done() == transfer.length() {
            return Progress::Done;
        }
        let reached = cursor.advance(transfer, limit, copy);
        let exact = match granularity {
            Granularity::Burst => true,
            Granularity::Segment => reached != Reached::Nothing,
            Granularity::Descriptor => false,
        };
        if exact {
            cookie.set_done(cursor.done());
        }
        match reached {
            Reached::Nothing | Reached::Segment => Progress::More,
            Reached::End => Progress::Done,
            Reached::Period { offset, number } => {
                if let Some((source, destination)) = transfer.period_at(offset) {
                    callbacks.period(Period { number, source, destination });
                }
                Progress::Period
            }
        }
    }

    /// It has been done: `DMA_TRANS_NOERROR`, also if it was asked to stop meanwhile. That all has been copied is the
    /// provider's word.
    pub fn complete(mut self) {
        self.end(Ok(()));
    }

    /// It could not be done. Gives it up with [`Abort::GivenUp`] if it should be done by somebody else.
    pub fn fail(mut self, failure: Failure) {
        self.end(Err(failure));
    }

    fn job(&self) -> &Job {
        self.job.as_ref().expect("it has not ended")
    }

    fn end(&mut self, result: Result<(), Failure>) {
        let Some(mut job) = self.job.take() else { return };
        job.end(result);
        // Before its consumer hears, so that a callback can unplug the provider and wait for it.
        self.operation = None;
        self.line.end(job);
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(job) = &self.job else { return };
        let why = job.cookie.why_stopped().unwrap_or(Abort::Forgotten);
        self.end(Err(Failure::Aborted(why)));
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("channel", &self.channel())
            .field("cookie", &self.job.as_ref().map(|job| &job.cookie))
            .finish()
    }
}
