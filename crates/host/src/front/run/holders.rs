//! Who holds a device, by whatever way: opened, inherited, duplicated or received, or mapped.

use super::{descriptor::Descriptor, files::Files, mapping::MemoryId, tree::descendants};
use crate::{
    front::killing,
    lab::{Holders, Killed},
};
use outlive_classes::Plugged;
use std::{
    collections::HashSet,
    fs::{read_dir, read_to_string},
    sync::{Arc, Weak},
};

/// Finds holders in one tree.
pub(super) struct TreeHolders {
    /// The process below which the tree is.
    pub(super) root: u32,
    /// The mount of our files, as /proc/PID/fdinfo names it.
    pub(super) mount: u64,
    pub(super) files: Weak<Files>,
}

/// By what a device is known in /proc.
struct Traces {
    inodes: HashSet<u64>,
    memory: Vec<MemoryId>,
}

impl Traces {
    fn is_mapped_by(&self, process: &str) -> bool {
        // Of a device without mappings nobody's map, which may be long, is read.
        !self.memory.is_empty()
            && read_to_string(format!("{process}/maps"))
                .is_ok_and(|maps| maps.lines().any(|line| self.memory.iter().any(|memory| memory.is_in(line))))
    }
}

impl Holders for TreeHolders {
    fn kill(&self, device: &Arc<dyn Plugged>) -> Vec<Killed> {
        // Anew each time: an open that was under way at the mark has come to its end by now.
        let traces = || {
            let files = self.files.upgrade()?;
            Some(Traces { inodes: files.inodes_of(device), memory: files.mappings.of(device) })
        };
        let holds = |pid| traces().is_some_and(|device| self.holds(pid, &device));
        let holders = || {
            let device = traces()?;
            Some(descendants(self.root).into_iter().filter(|pid| self.holds(*pid, &device)).collect())
        };
        killing::kill_all(holders, holds)
    }
}

impl TreeHolders {
    /// Whether process `pid` has a device open or mapped. What /proc says of a descriptor is the kernel's own: the file
    /// system, which may be ours, is not asked and cannot keep us waiting.
    fn holds(&self, pid: u32, device: &Traces) -> bool {
        let process = format!("/proc/{pid}");
        let Ok(entries) = read_dir(format!("{process}/fd")) else { return false };
        let descriptors = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        descriptors
            .filter_map(|descriptor| Descriptor::at(&process, descriptor))
            .any(|it| it.file.mount == self.mount && device.inodes.contains(&it.file.inode))
            || device.is_mapped_by(&process)
    }
}
