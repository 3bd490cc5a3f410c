//! Who is told, in order and without a loss, what becomes of the devices of a lab: a front, for its clients.

use super::DeviceChange;
use outlive_classes::Plugged;
use std::sync::{Arc, OnceLock};

/// Is told.
pub(crate) trait Hotplug: Send + Sync {
    /// What became of `device`; of a removal at the mark (I21). Called with the lab's table of names locked, so that what
    /// happens to one device is told in order: it neither waits nor asks the lab.
    fn told(&self, device: &Arc<dyn Plugged>, change: DeviceChange);
}

/// The one who is told, if there is one.
#[derive(Default)]
pub(super) struct Told(OnceLock<Arc<dyn Hotplug>>);

impl Told {
    /// Once.
    pub(super) fn set(&self, hotplug: Arc<dyn Hotplug>) {
        let _ = self.0.set(hotplug);
    }

    pub(super) fn tell(&self, device: &Arc<dyn Plugged>, change: DeviceChange) {
        if let Some(hotplug) = self.0.get() {
            hotplug.told(device, change);
        }
    }
}
