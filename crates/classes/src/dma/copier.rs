use super::{Channel, Completion, Completions, Error, Kinds, Registry, Rejected, Transfer};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A consumer that always gets its copies: by a channel while there is one, and by its own thread otherwise, as
/// `async_memcpy` in the kernel's `crypto/async_tx` does. Here it may lose the channel in the middle of a copy, too.
///
/// When its engine goes it lets go of the channel, and asks the registry for another one at its next copy.
#[derive(Debug)]
pub struct Copier {
    registry: Registry,
    channel: Arc<Place>,
}

/// Where it keeps the channel that it has.
type Place = Mutex<Option<Arc<Channel>>>;

/// A copy that has been made.
#[derive(Debug)]
pub struct Copied {
    /// The transfer, with what it copied.
    pub transfer: Transfer,
    /// Whether an engine made it, and not the calling thread.
    pub by_channel: bool,
}

impl Copier {
    /// One that takes its channel from `registry`.
    pub fn new(registry: &Registry) -> Self {
        Copier { registry: registry.clone(), channel: Arc::default() }
    }

    /// Copies. Sleeps while an engine does it; if that one goes, fails or gives up, copies all of it by itself, as soon
    /// as the engine has let go of the memory: not before, since it could still be written. Of a cyclic transfer one
    /// round is copied, by the calling thread.
    ///
    /// It must not be called in a callback of an engine, which would wait for itself.
    ///
    /// # Errors
    /// [`Error::Invalid`] only.
    pub fn copy(&self, transfer: Transfer) -> Result<Copied, Rejected> {
        let transfer = match self.by_channel(transfer) {
            Ok(transfer) => return Ok(Copied { transfer, by_channel: true }),
            Err(transfer) => transfer,
        };
        by_hand(transfer)
    }

    /// As [`copy`](Copier::copy), and does not sleep: `done` is called once, with what `copy` would have given. On this
    /// thread, before this returns, if there is no engine that does it; else on the one that ends the descriptor, which is
    /// also the one that copies if the engine did not. As a callback of an engine it must not block.
    pub fn copy_then(&self, transfer: Transfer, done: impl FnOnce(Result<Copied, Rejected>) + Send + 'static) {
        let channel = if transfer.kind() == Kinds::CYCLIC { None } else { self.channel(transfer.kind()) };
        let Some(channel) = channel else { return done(by_hand(transfer)) };
        let done = Arc::new(Mutex::new(Some(done)));
        let tell = move |end| {
            let done = done.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(done) = done {
                done(end);
            }
        };
        let telling = tell.clone();
        // It may have been dropped by then.
        let place = Arc::downgrade(&self.channel);
        let on_complete = move |Completion { result, transfer, .. }: Completion| {
            if result.is_ok() {
                return telling(Ok(Copied { transfer, by_channel: true }));
            }
            place.upgrade().iter().for_each(|place| forget_if_gone(place));
            telling(by_hand(transfer));
        };
        let prepared = channel.prepare(transfer);
        match prepared.and_then(|descriptor| descriptor.on_complete(on_complete).submit()) {
            // If the engine went just now, the completion says so.
            Ok(_) => _ = channel.issue_pending(),
            Err(rejected) => {
                forget_if_gone(&self.channel);
                tell(by_hand(rejected.transfer));
            }
        }
    }

    /// `Err` if it could not be done so, and the memory is back.
    fn by_channel(&self, transfer: Transfer) -> Result<Transfer, Transfer> {
        if transfer.kind() == Kinds::CYCLIC {
            return Err(transfer);
        }
        let Some(channel) = self.channel(transfer.kind()) else { return Err(transfer) };
        let completions = Completions::new();
        let submitted = channel
            .prepare(transfer)
            .and_then(|descriptor| descriptor.gather(&completions).submit())
            .map_err(|rejected| rejected.transfer);
        if let Err(transfer) = submitted {
            forget_if_gone(&self.channel);
            return Err(transfer);
        }
        // If the engine went just now, the completion says so.
        let _ = channel.issue_pending();
        let mut completed = Vec::with_capacity(1);
        completions.take(1, Duration::MAX, &mut completed);
        let completion = completed.pop().expect("each descriptor completes");
        if completion.result.is_ok() {
            return Ok(completion.transfer);
        }
        forget_if_gone(&self.channel);
        Err(completion.transfer)
    }

    /// The channel that it has, or a new one that can do at least `kind`.
    fn channel(&self, kind: Kinds) -> Option<Arc<Channel>> {
        let mut channel = self.lock();
        if channel.as_ref().is_none_or(|channel| channel.gone().is_some()) {
            let both = self.registry.request(Kinds::MEMCPY | Kinds::SCATTER_GATHER);
            *channel = both.or_else(|_| self.registry.request(kind)).ok().map(Arc::new);
        }
        channel.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Channel>>> {
        locked(&self.channel)
    }
}

fn locked(place: &Place) -> MutexGuard<'_, Option<Arc<Channel>>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forget_if_gone(place: &Place) {
    let gone = locked(place).take_if(|channel| channel.gone().is_some());
    // Without the lock.
    drop(gone);
}

/// Copies on this thread.
fn by_hand(mut transfer: Transfer) -> Result<Copied, Rejected> {
    match transfer.copy() {
        Ok(()) => Ok(Copied { transfer, by_channel: false }),
        Err(invalid) => Err(Rejected { error: Error::Invalid(invalid), transfer }),
    }
}
