//! Input devices that programs make, by /dev/uinput: each hangs on it, and does not come back.

use super::{Lab, PlugError};
use outlive::{Policy, Reason};
use outlive_classes::{
    Errno, Hardware,
    input::{Driver, Sink},
    uinput::{NODE_NAME, Ports},
};
use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

/// Plugs them into its lab.
#[derive(Default)]
pub(super) struct UserInputs(OnceLock<Weak<Lab>>);

impl UserInputs {
    /// Once.
    pub(super) fn are_of(&self, lab: &Arc<Lab>) {
        let _ = self.0.set(Arc::downgrade(lab));
    }

    fn lab(&self) -> Option<Arc<Lab>> {
        self.0.get().and_then(Weak::upgrade)
    }
}

impl fmt::Debug for UserInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserInputs")
    }
}

impl Ports for UserInputs {
    fn plug(&self, driver: Box<dyn Driver>) -> Result<u32, Errno> {
        let lab = self.lab().ok_or(Errno::NODEV)?;
        lab.plug_child(NODE_NAME, Hardware::Input(driver)).map_err(|error| match error {
            PlugError::Parent { .. } => Errno::NODEV,
            PlugError::Full { .. } => Errno::NOSPC,
            PlugError::NoMemory { .. } => Errno::NOMEM,
            _ => Errno::BUSY,
        })
    }

    fn unplug(&self, number: u32, sink: &Sink, limit: Duration) {
        let Some(lab) = self.lab() else { return };
        let name = outlive_classes::input::node_name(number);
        let device = lab.places.lock().get(&name).and_then(|place| place.live.clone());
        let Some(device) = device.filter(|device| device.sink().is_some_and(|its| its.is(sink))) else { return };
        let policy = lab.policy_of(&name);
        // Who is still inside is waited for by whoever asks for devices next.
        let _ = lab.unplug(&name, Reason::Pulled, policy, limit);
        lab.disown_life(&name, device.generation());
    }
}

impl Lab {
    /// Plugs in what hangs on `parent` and does not come back. Gives its number.
    fn plug_child(&self, parent: &str, hardware: Hardware) -> Result<u32, PlugError> {
        let permissions = self.permissions_of(parent);
        let name = self.plug_as(None, hardware, Some(&permissions))?;
        self.tie_child(&name, parent);
        if self.own_policy_of(parent) != self.own_policy_of(&name) {
            self.set_policy(&name, self.policy_of(parent));
        }
        let number = self.places.lock().get(&name).map(|place| place.number);
        match number.filter(|_| self.is_live(parent)) {
            Some(number) => Ok(number),
            None => {
                // It went meanwhile, and may not have seen this one.
                let _ = self.unplug(&name, Reason::Pulled, Policy::Detach, outlive::REMOVAL_BUDGET);
                self.disown(&name);
                Err(PlugError::Parent { name, parent: parent.to_owned() })
            }
        }
    }
}
