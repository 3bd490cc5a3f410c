use super::{Capabilities, Channel, ChannelId, Error, Kinds, Provider};
use crate::StillBusy;
use outlive::{Builder, Device, Gone, IllegalTransition, Inside, Number, Policy, Reason, State, Status};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What channels of a provider see for ever.
#[derive(Debug)]
pub struct Shared {
    number: Number,
    capabilities: Capabilities,
    /// Which channels are given out.
    taken: Mutex<Vec<bool>>,
}

/// A provider that is plugged in: `struct dma_device`, registered. Whoever owns it unplugs it; dropping it unplugs it as
/// abandoned.
#[derive(Debug)]
pub struct Engine {
    device: Device<Shared, Box<dyn Provider>>,
}

impl Shared {
    pub(super) fn number(&self) -> &Number {
        &self.number
    }

    pub(super) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn take(&self) -> Option<ChannelId> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = taken.iter().position(|taken| !taken)?;
        taken[free] = true;
        Some(ChannelId(free))
    }

    pub(super) fn put_back(&self, channel: ChannelId) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)[channel.0] = false;
    }
}

impl Engine {
    pub(super) fn new(number: Number, provider: Box<dyn Provider>) -> Self {
        let capabilities = provider.capabilities();
        let taken = Mutex::new(vec![false; capabilities.channels]);
        let builder =
            Builder::new().number(number.clone()).teardown(|provider: &mut Box<dyn Provider>| provider.teardown());
        Engine { device: builder.build(Shared { number, capabilities, taken }, provider) }
    }

    /// Gives out a channel that is free.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::NoChannel`] if its channels cannot do `kinds`; [`Error::Busy`] if none is free; what the
    /// driver says.
    pub fn request(&self, kinds: Kinds) -> Result<Channel, Error> {
        let handle = self.device.open()?;
        let shared = self.device.shared();
        if !shared.capabilities.kinds.contain(kinds) {
            return Err(Error::NoChannel);
        }
        let id = shared.take().ok_or(Error::Busy)?;
        let allocated = handle.enter().map_err(Error::Gone).and_then(|provider| provider.allocate(id));
        match allocated {
            Ok(()) => Ok(Channel::new(handle, id)),
            Err(error) => {
                shared.put_back(id);
                Err(error)
            }
        }
    }

    /// Removes it: the mark, the names, the waking, and then up to `limit` for the fence. What is in flight completes,
    /// as the class says; with [`Policy::Drain`] the engine may finish it within the limit. With
    /// [`Reason::Orderly`] the driver has its last word after the fence. `Ok(None)` if another unplug has taken the
    /// provider.
    ///
    /// # Errors
    /// [`StillBusy`] if the limit passed, with the descriptors that the provider has not let go of, each time that they
    /// were issued; calling again waits on. Inside a callback for a period it is always so, if that is of this engine
    /// (I3).
    pub fn unplug(
        &self,
        reason: Reason,
        policy: Policy,
        limit: Duration,
    ) -> Result<Option<Box<dyn Provider>>, StillBusy> {
        self.device.unplug_with(reason, policy).wait(limit).map_err(|busy| StillBusy::from(&busy))
    }

    /// Prepares its removal: no channel is given out any more, and for up to `limit` it is waited until all have been
    /// released. `true` if they have (I33).
    ///
    /// # Errors
    /// [`IllegalTransition`] if it cannot be closed now.
    pub fn prepare(&self, limit: Duration) -> Result<bool, IllegalTransition> {
        self.device.prepare(limit)
    }

    /// Sets what it is doing. While it is blocked or quiesced, what is issued waits.
    ///
    /// # Errors
    /// [`IllegalTransition`] if [`State::TRANSITIONS`] does not have it.
    pub fn set_state(&self, state: State) -> Result<(), IllegalTransition> {
        self.device.set_state(state)
    }

    /// All that there is to ask about it (I31).
    pub fn status(&self) -> Status {
        self.device.status()
    }

    /// Its number: the 0 of `dma0chan3`.
    pub fn number(&self) -> &Number {
        &self.device.shared().number
    }

    /// What it can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.device.shared().capabilities
    }

    /// Whether it is gone, why, and since when.
    pub fn gone(&self) -> Option<Gone> {
        self.device.gone()
    }

    /// How many channels are held, zombies included.
    pub fn handles(&self) -> usize {
        self.device.handles()
    }

    /// The descriptors that it has in hand now.
    pub fn inside(&self) -> Vec<Inside> {
        self.device.inside()
    }

    pub(super) fn on_names(&self, hook: impl FnOnce(Gone) + Send + 'static) {
        self.device.on_names(hook);
    }
}
