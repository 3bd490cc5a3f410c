//! Who gives a device its node before it is one of the lab: a front whose nodes can fail to be made.

use super::Permissions;
use outlive_classes::Plugged;
use std::sync::Arc;

/// Makes nodes.
pub(crate) trait Announcer: Send + Sync {
    /// Makes the node of a device that is being plugged in, and takes it away at the mark.
    ///
    /// # Errors
    /// Why there cannot be one, and what would help. Then the device is not plugged in.
    fn announce(&self, device: &Arc<dyn Plugged>, permissions: &Permissions) -> Result<(), String>;
}
