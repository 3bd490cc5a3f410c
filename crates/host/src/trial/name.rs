//! Operations by name: how one is found again in another run.

use serde::{Deserialize, Serialize};

/// What an operation is, apart from its number: the same in every run of a program that does the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Name {
    /// The device: `i2c-7`.
    pub device: String,
    /// The system call.
    pub call: String,
    /// As the class names it.
    pub what: String,
    /// Which of the operations of this device, call and name, from 1.
    pub occurrence: u64,
}

impl Name {
    /// Whether an operation has this name, but for its occurrence.
    pub fn fits(&self, device: &str, call: &str, what: &str) -> bool {
        (self.device.as_str(), self.call.as_str(), self.what.as_str()) == (device, call, what)
    }
}
