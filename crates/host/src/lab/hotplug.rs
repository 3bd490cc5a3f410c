//! Who is told, in order and without a loss, what becomes of the devices of a lab: a front, for its clients.

use super::DeviceState;
use outlive_classes::Plugged;
use std::sync::{Arc, OnceLock};

/// What became of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Happening {
    /// It has its name.
    Plugged,
    /// It does something else from now on.
    State(DeviceState),
    /// It has been marked: said at the mark, not at the last close (I21).
    Unplugged,
}

/// Is told.
pub(crate) trait Hotplug: Send + Sync {
    /// Called with the lab's table of names locked, so that what happens to one device is told in order: it neither waits
    /// nor asks the lab.
    fn told(&self, device: &Arc<dyn Plugged>, happening: Happening);
}

/// The one who is told, if there is one.
#[derive(Default)]
pub(super) struct Told(OnceLock<Arc<dyn Hotplug>>);

impl Told {
    /// Once.
    pub(super) fn set(&self, hotplug: Arc<dyn Hotplug>) {
        let _ = self.0.set(hotplug);
    }

    pub(super) fn tell(&self, device: &Arc<dyn Plugged>, happening: Happening) {
        if let Some(hotplug) = self.0.get() {
            hotplug.told(device, happening);
        }
    }
}
