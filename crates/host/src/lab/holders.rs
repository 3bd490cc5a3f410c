use outlive_classes::Plugged;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Who can find the processes that hold a device open, and end them: a front.
pub trait Holders: Send + Sync {
    /// Kills every process of the lab's tree that has an open file of `device`, by whatever way it came to it, until none
    /// is left. Never a process outside the tree.
    fn kill(&self, device: &Arc<dyn Plugged>) -> Vec<Killed>;
}

/// A process that was killed since it held a device ([`Policy::Kill`](outlive::Policy::Kill)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killed {
    /// Its number.
    pub pid: u32,
    /// Its name, as in /proc/PID/comm.
    pub comm: String,
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.pid, self.comm)
    }
}
