//! Who is told, in order and without a loss, what becomes of the devices of a lab: a front, for its clients.

use super::DeviceChange;
use outlive_classes::Plugged;
use std::sync::{Arc, PoisonError, RwLock};

/// Is told.
pub(crate) trait Hotplug: Send + Sync {
    /// What became of `device`; of a removal at the mark (I21). Called with the lab's table of names locked, so that what
    /// happens to one device is told in order: it neither waits nor asks the lab.
    fn told(&self, device: &Arc<dyn Plugged>, change: DeviceChange);
}

/// The one who is told, if there is one.
#[derive(Default)]
pub(super) struct Told(RwLock<Option<Arc<dyn Hotplug>>>);

impl Told {
    /// In the place of who was told before.
    pub(super) fn set(&self, hotplug: Arc<dyn Hotplug>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(hotplug);
    }

    pub(super) fn tell(&self, device: &Arc<dyn Plugged>, change: DeviceChange) {
        if let Some(hotplug) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            hotplug.told(device, change);
        }
    }
}
