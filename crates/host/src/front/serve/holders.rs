//! Who holds a device that is served: any process of the machine, by whatever way it came to a descriptor.

use super::{broker::Broker, names::is_link_to};
use crate::{
    front::killing,
    lab::{Holders, Killed},
};
use outlive_classes::Plugged;
use std::{
    fs::{read_dir, read_link},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

/// Finds holders on the whole machine.
pub(super) struct MachineHolders {
    pub(super) broker: Weak<Broker>,
}

impl Holders for MachineHolders {
    fn kill(&self, device: &Arc<dyn Plugged>) -> Vec<Killed> {
        let Some(node) = self.broker.upgrade().and_then(|broker| broker.node_of(device)) else { return Vec::new() };
        killing::kill_all(|| Some(holders(&node)), |pid| holds(pid, &node))
    }
}

fn holders(node: &Path) -> Vec<u32> {
    let processes = read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| holds(*pid, node)).collect()
}

/// What /proc says of a descriptor is the kernel's own: the device is not asked, and cannot keep us waiting.
fn holds(pid: u32, node: &Path) -> bool {
    let Ok(descriptors) = read_dir(PathBuf::from(format!("/proc/{pid}/fd"))) else { return false };
    descriptors.flatten().any(|descriptor| read_link(descriptor.path()).is_ok_and(|link| is_link_to(&link, node)))
}
