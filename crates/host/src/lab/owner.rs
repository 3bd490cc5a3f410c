//! Whose the entries of a lab are.

use outlive_classes::Plugged;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

/// Whose an entry is.
pub(super) enum Owner {
    /// Nobody's: it stays.
    Nobody,
    One(Weak<dyn Plugged>),
    /// A directory that is there because these have something in it, such as /dev/input. It stays as long as one of them
    /// does, and there is no moment between two owners.
    Shared(Mutex<Vec<Weak<dyn Plugged>>>),
}

impl Owner {
    /// A directory's that is there because `device` has something in it; others may join.
    pub(super) fn sharing(device: Weak<dyn Plugged>) -> Self {
        Owner::Shared(Mutex::new(vec![device]))
    }

    /// Whether it has gone, or the last of them has.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Owner::Nobody => false,
            Owner::One(device) => has_gone(device),
            Owner::Shared(devices) => sharers(devices).iter().all(has_gone),
        }
    }

    /// `device` has something in the directory as well.
    pub(super) fn join(&self, device: &Weak<dyn Plugged>) {
        let Owner::Shared(devices) = self else { return };
        let mut devices = sharers(devices);
        // All that a device has comes at once, so it has joined already only if it was the last to.
        if !devices.last().is_some_and(|last| last.ptr_eq(device)) {
            devices.push(device.clone());
        }
    }

    /// Whether it goes with `device`, which goes.
    pub(super) fn ends_with(&self, device: &Weak<dyn Plugged>) -> bool {
        match self {
            Owner::Nobody => false,
            Owner::One(owner) => owner.ptr_eq(device),
            Owner::Shared(devices) => {
                let mut devices = sharers(devices);
                let before = devices.len();
                devices.retain(|other| !other.ptr_eq(device));
                before > 0 && devices.is_empty()
            }
        }
    }
}

fn sharers(devices: &Mutex<Vec<Weak<dyn Plugged>>>) -> MutexGuard<'_, Vec<Weak<dyn Plugged>>> {
    devices.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_gone(device: &Weak<dyn Plugged>) -> bool {
    device.upgrade().is_none_or(|device| device.gone().is_some())
}
