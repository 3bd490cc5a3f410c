//! Devices as the kernel's device model has them: directories of sysfs, and the subjects of uevents.
//!
//! A device of ours has no such directory in the kernel. What programs are told of it, by whatever way, comes from here.

use crate::Node;

/// The device of the machine's that all devices of a lab hang on, below `/sys`.
pub const ROOT: &str = "/devices/platform/outlive.0";

/// A device in the device model (`struct device` of the kernel).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kobject {
    /// Its path below `/sys`: `/devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7`.
    pub devpath: String,
    /// `i2c-dev`.
    pub subsystem: &'static str,
    /// The kernel's driver that is bound to it.
    pub driver: Option<&'static str>,
    /// What its uevents say besides, as its bus has it: `MODALIAS`.
    pub properties: Vec<(&'static str, String)>,
    /// Its device node.
    pub node: Option<Node>,
}

impl Kobject {
    /// Its name among those of its subsystem: `i2c-7`.
    pub fn sysname(&self) -> &str {
        self.devpath.rsplit('/').next().unwrap_or_default()
    }

    /// The name of its record in udev's database, below `/run/udev/data`: `c89:7`, `+i2c:7-0050`
    /// (`sd_device_get_device_id` of systemd).
    pub fn udev_id(&self) -> String {
        match &self.node {
            Some(node) => format!("c{}:{}", node.major, node.minor),
            None => format!("+{}:{}", self.subsystem, self.sysname()),
        }
    }
}
