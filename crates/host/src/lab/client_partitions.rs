//! Partitions that clients make and take away, by ioctl `BLKPG`.

use super::{Lab, PlugError};
use outlive::{Policy, REMOVAL_BUDGET, Reason};
use outlive_classes::{
    Errno,
    mtd::{self, PartitionSpec, Partitions},
};
use std::sync::{Arc, OnceLock, Weak};

/// So many parts of one flash, at most: what a client makes is ours to keep.
const MOST: usize = 128;

/// Carries out in its lab what clients ask for.
#[derive(Default)]
pub(super) struct ClientPartitions(OnceLock<Weak<Lab>>);

impl ClientPartitions {
    /// Once.
    pub(super) fn are_of(&self, lab: &Arc<Lab>) {
        let _ = self.0.set(Arc::downgrade(lab));
    }

    fn lab(&self) -> Result<Arc<Lab>, Errno> {
        self.0.get().and_then(Weak::upgrade).ok_or(Errno::NODEV)
    }
}

impl Partitions for ClientPartitions {
    fn add(&self, parent: u32, spec: PartitionSpec) -> Result<(), Errno> {
        let (lab, parent) = (self.lab()?, mtd::node_name(parent));
        // In /proc/mtd it stands in a line, in quotes.
        if spec.name.chars().any(|c| c.is_control() || c == '"') {
            return Err(Errno::INVAL);
        }
        if lab.places.kin.children(&parent).len() >= MOST {
            return Err(Errno::NOMEM);
        }
        match lab.plug_part(&parent, spec, false) {
            Ok(_) => Ok(()),
            Err(PlugError::Config(_)) => Err(Errno::INVAL),
            Err(PlugError::Parent { .. }) => Err(Errno::NODEV),
            Err(PlugError::NoMemory { .. }) => Err(Errno::NOMEM),
            Err(_) => Err(Errno::BUSY),
        }
    }

    /// Its users are not waited for (Linux says EBUSY as long as there are any: `del_mtd_device` of
    /// `drivers/mtd/mtdcore.c`); its number is free when they have closed it.
    fn delete(&self, parent: u32, index: u32) -> Result<(), Errno> {
        let (lab, parent, name) = (self.lab()?, mtd::node_name(parent), mtd::node_name(index));
        if lab.places.kin.parent(&name) != Some(parent) || !lab.is_live(&name) {
            return Err(Errno::INVAL);
        }
        let gone = lab.unplug(&name, Reason::Orderly, Policy::Detach, REMOVAL_BUDGET);
        gone.map_err(|_| Errno::BUSY)?;
        lab.disown(&name);
        lab.places.prune();
        Ok(())
    }
}
