//! A lab: the set of devices that a command line or a file describes, while it runs.

use outlive_classes::Plugged;
use std::sync::Arc;

/// What a lab is made of, as `--device`, `--lab`, `--name` and `--contract` say it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LabConfig {}

/// A running lab.
#[derive(Debug)]
pub struct Lab {}

/// What a path is to a lab.
pub enum Lookup {
    /// A device that is there.
    Here(Arc<dyn Plugged>),
    /// It was a device of this lab and is not there now: ENOENT, never the machine's own node of that name (I26).
    Gone,
    /// Not this lab's.
    NotOurs,
}

impl Lab {
    /// What the absolute, normalised `path` (`/dev/i2c-7`) is.
    pub fn find(&self, _path: &str) -> Lookup {
        Lookup::NotOurs
    }
}
