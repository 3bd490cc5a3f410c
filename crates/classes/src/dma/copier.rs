use super::{Channel, Completions, Error, Kinds, Registry, Rejected, Transfer};
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
    channel: Mutex<Option<Arc<Channel>>>,
}

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
        Copier { registry: registry.clone(), channel: Mutex::new(None) }
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
        let mut transfer = match self.by_channel(transfer) {
            Ok(transfer) => return Ok(Copied { transfer, by_channel: true }),
            Err(transfer) => transfer,
        };
        match transfer.copy() {
            Ok(()) => Ok(Copied { transfer, by_channel: false }),
            Err(invalid) => Err(Rejected { error: Error::Invalid(invalid), transfer }),
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
            self.forget_if_gone(&channel);
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
        self.forget_if_gone(&channel);
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

    fn forget_if_gone(&self, used: &Channel) {
        if used.gone().is_some() {
            let gone = self.lock().take_if(|channel| channel.gone().is_some());
            drop(gone);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Channel>>> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
