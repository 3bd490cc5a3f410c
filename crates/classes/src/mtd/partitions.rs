//! `BLKPG`: partitions that come and go by ioctl (`mtdchar_blkpg_ioctl` of `drivers/mtd/mtdchar.c`).

use super::{
    decode::{Client, Operation, Refusal},
    describe::What,
    uapi::{BLKPG_ADD_PARTITION, BLKPG_DEL_PARTITION, BlkpgArgument, BlkpgPartition},
};
use crate::Errno;
use std::fmt;

/// Who plugs devices in and unplugs them: what a flash asks for partitions of its own.
///
/// Called outside of the gate, on the thread of the call, as a client asks for it.
pub trait Partitions: Send + Sync {
    /// Plugs in a partition of the flash with number `parent`.
    ///
    /// # Errors
    /// What the client hears: EINVAL of what cannot be a partition, ENODEV if the flash is not there any more.
    fn add(&self, parent: u32, spec: PartitionSpec) -> Result<(), Errno>;

    /// Unplugs the partition with number `index`.
    ///
    /// # Errors
    /// What the client hears: EINVAL if it is no partition of the flash with number `parent`.
    fn delete(&self, parent: u32, index: u32) -> Result<(), Errno>;
}

/// What a partition is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionSpec {
    /// What it is called.
    pub name: String,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// In bytes. What goes beyond the end of the flash is cut off.
    pub size: u64,
    /// Whether it can only be read (`MTD_WRITEABLE` is masked).
    pub read_only: bool,
}

/// Something to be done about partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Add(PartitionSpec),
    Delete(u32),
}

impl Change {
    pub(super) fn carry_out(self, partitions: &dyn Partitions, parent: u32) -> Result<(), Errno> {
        match self {
            Change::Add(spec) => partitions.add(parent, spec),
            Change::Delete(index) => partitions.delete(parent, index),
        }
    }
}

/// Decodes a `BLKPG`.
pub(super) fn decode(client: &Client<'_>, name: &'static str, argument: u64) -> (What, Result<Operation, Refusal>) {
    let fetched = client.fetch(argument).and_then(|bytes| {
        let argument = BlkpgArgument::parse(&bytes);
        Ok((argument.op, BlkpgPartition::parse(&client.fetch(argument.data)?)))
    });
    match fetched {
        Ok((BLKPG_ADD_PARTITION, partition)) => {
            let (name, at, length) = (partition.name(), partition.start, partition.length);
            (What::Added { name, at, length }, added(client, &partition).map_err(Refusal::from))
        }
        Ok((BLKPG_DEL_PARTITION, partition)) => {
            let index = u32::try_from(partition.pno).map_err(|_| Refusal::from(Errno::INVAL));
            (What::Deleted(partition.pno), index.map(|index| Operation::Partition(Change::Delete(index))))
        }
        Ok((op, _)) => (What::Number(name, op as u64), Err(Errno::INVAL.into())),
        Err(errno) => (What::Unreadable(name), Err(errno.into())),
    }
}

/// `mtd_add_partition` of `drivers/mtd/mtdpart.c`. What begins beyond the end would be a partition of nothing there; here
/// it is an error.
fn added(client: &Client<'_>, partition: &BlkpgPartition) -> Result<Operation, Errno> {
    let size = client.geometry().size;
    if client.shared.offset().is_some() {
        return Err(Errno::INVAL);
    }
    let offset = u64::try_from(partition.start).ok().filter(|offset| *offset < size).ok_or(Errno::INVAL)?;
    let length = match partition.length {
        // MTDPART_SIZ_FULL
        0 => size - offset,
        length => u64::try_from(length).map_err(|_| Errno::INVAL)?.min(size - offset),
    };
    let spec = PartitionSpec { name: partition.name(), offset, size: length, read_only: false };
    Ok(Operation::Partition(Change::Add(spec)))
}

impl BlkpgPartition {
    /// The name, up to its 0 or the last byte of it, which counts as one.
    fn name(&self) -> String {
        let room = &self.devname[..self.devname.len() - 1];
        let name = room.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }
}

impl fmt::Debug for dyn Partitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Partitions")
    }
}
