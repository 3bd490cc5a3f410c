use super::{
    Abort, Capabilities, ChannelId, Descriptor, Error, Rejected, Transfer,
    line::{Line, ProviderHandle},
};
use outlive::Gone;
use std::{fmt, sync::Arc, time::Duration};

/// A channel of a provider, which its consumer has to itself: `struct dma_chan`. Dropping it releases it
/// (`dma_release_channel`): descriptors in flight are terminated, and when the last one is back the channel is free for
/// others. Its calls may come from any thread.
pub struct Channel {
    line: Arc<Line>,
}

impl Channel {
    pub(super) fn new(handle: ProviderHandle, id: ChannelId) -> Self {
        Channel { line: Line::new(handle, id) }
    }

    /// Asks whether the provider can carry out `transfer`.
    ///
    /// # Errors
    /// [`Rejected`], with the transfer: [`Error::Invalid`], [`Error::Unsupported`], what the provider says, or
    /// [`Error::Gone`].
    pub fn prepare(&self, transfer: Transfer) -> Result<Descriptor<'_>, Rejected> {
        match self.check(&transfer) {
            Ok(()) => Ok(Descriptor::new(&self.line, transfer)),
            Err(error) => Err(Rejected { error, transfer }),
        }
    }

    fn check(&self, transfer: &Transfer) -> Result<(), Error> {
        // First, so that a zombie has one answer (I15).
        self.line.with_provider(|provider| {
            if !self.capabilities().kinds.contain(transfer.kind()) {
                return Err(Error::Unsupported);
            }
            transfer.check()?;
            provider.prepare(self.id(), transfer)
        })?
    }

    /// Has the provider begin with what was submitted: `dma_async_issue_pending`.
    ///
    /// # Errors
    /// [`Error::Gone`]; what was submitted completes as aborted. [`Error::State`] if the device is offline, or not there
    /// yet; what was submitted stays so. On one that is blocked or quiesced it is no error: it is handed over when the
    /// device runs again, or aborted when it goes (I5).
    pub fn issue_pending(&self) -> Result<(), Error> {
        self.line.issue_pending()
    }

    /// Stops everything that has been submitted, issued or not: `dmaengine_terminate_async`. Each completes: as aborted,
    /// or as done if the engine was faster; those that were not begun before this returns, unless other callbacks are
    /// being called just then. Works on a zombie as well, where there is nothing left to stop (I23).
    pub fn terminate(&self) {
        self.line.terminate();
    }

    /// Waits until what was terminated is back, and its callbacks have returned: `dmaengine_synchronize`. What has been
    /// issued and not terminated is waited for, too.
    ///
    /// # Errors
    /// [`Error::InCallback`] inside a callback of this channel, [`Error::TimedOut`] after `limit`.
    pub fn synchronize(&self, limit: Duration) -> Result<(), Error> {
        self.line.synchronize(limit)
    }

    /// Has the provider stop where it is, without loss: `dmaengine_pause`. Pausing twice is pausing once.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if its [capabilities](Channel::capabilities) lack it, [`Error::Gone`].
    pub fn pause(&self) -> Result<(), Error> {
        self.line.set_paused(true)
    }

    /// Has it go on: `dmaengine_resume`.
    ///
    /// # Errors
    /// [`Error::NotPaused`]; else as [`pause`](Channel::pause).
    pub fn resume(&self) -> Result<(), Error> {
        self.line.set_paused(false)
    }

    /// What its provider can do: `dma_get_slave_caps`. Answers on a zombie, too.
    pub fn capabilities(&self) -> &Capabilities {
        self.line.handle().shared().capabilities()
    }

    /// Whether its provider is gone, why, and since when; no error, and no operation (I31).
    pub fn gone(&self) -> Option<Gone> {
        self.line.handle().gone()
    }

    /// Which channel of its provider it is.
    pub fn id(&self) -> ChannelId {
        self.line.id()
    }

    /// Its name in sysfs, `dma0chan3`: the provider's number is not given out again while it is held (I27).
    pub fn name(&self) -> String {
        format!("dma{}chan{}", self.line.handle().shared().number().value(), self.id().0)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.line.terminate();
    }
}

impl From<Abort> for super::Failure {
    fn from(why: Abort) -> Self {
        super::Failure::Aborted(why)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.name()).field("gone", &self.gone()).finish()
    }
}
