//! mtd: the flash behind `/dev/mtdN`, and `/dev/mtdNro`, which can only be read.
//!
//! What a client can do is what Linux' mtdchar offers: the ioctls of `mtd/mtd-abi.h`, read and write at a position, which
//! whoever calls keeps, and `BLKPG` where somebody plugs [partitions](Partitions). A flash has no one-time programmable
//! memory and no erase blocks of several sizes.
//!
//! Programs in the process, a file system for instance, need no file of it: a [`Consumer`] reads, programs and erases.
//!
//! **After removal** (strict): ENODEV from every call, valid or not; HUP and ERR from poll, which says IN and OUT as long as
//! the flash lives; close works, and calls nobody (in Linux it reaches the driver). What the other contracts have it say is
//! in [`zombie`].

mod bounds;
mod consumer;
mod decode;
mod describe;
mod driver;
mod file;
mod kobjects;
mod layout;
mod order;
mod part;
mod partitions;
mod reply;
mod request;
mod spare;
mod statistics;
mod surroundings;
#[cfg(test)]
mod tests;
pub mod uapi;
pub mod zombie;

pub use consumer::{Condition, Consumer, Failure};
pub use driver::{Command, Done, Error, Fault, Flash, Found, Geometry, Kind, Mode, Order, Region};
pub use part::{NoPartition, Parent, Slice};
pub use partitions::{PartitionSpec, Partitions};

use crate::{
    Access, Contract, Errno, File, Hardware, OpenFlags,
    plugged::{OfClass, Shown},
    stand_in::StandIn,
};
use order::{FlashHandle, submit_own};
use outlive::{Builder, Device, Noticer, Number};
use statistics::Statistics;
use std::sync::Arc;

/// What handles of a flash see for ever.
#[derive(Debug)]
pub struct Shared {
    number: Number,
    contract: Contract,
    geometry: Geometry,
    name: String,
    /// Where it begins in what it is a part of.
    offset: Option<u64>,
    statistics: Arc<Statistics>,
    partitions: Option<Arc<dyn Partitions>>,
    stand_in: StandIn<Shared, Box<dyn Flash>>,
}

impl Shared {
    /// Of a flash that is being plugged in as `number`, without partitions.
    pub fn new(number: Number, contract: Contract, flash: &dyn Flash) -> Self {
        let (geometry, name, offset) = (flash.geometry(), flash.name(), flash.offset());
        let (statistics, stand_in) = (Arc::default(), StandIn::default());
        Shared { number, contract, geometry, name, offset, statistics, partitions: None, stand_in }
    }

    /// What the handles of a stand-in share.
    fn for_stand_in(&self) -> Self {
        Shared {
            number: self.number.clone(),
            contract: self.contract,
            geometry: self.geometry.clone(),
            name: self.name.clone(),
            offset: self.offset,
            statistics: Arc::new(self.statistics.copy()),
            partitions: None,
            stand_in: StandIn::default(),
        }
    }

    /// What the flash is made of.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it begins in the flash that it is a part of, in bytes.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// Its number.
    pub fn number(&self) -> &Number {
        &self.number
    }

    /// How it answers for its zombies.
    pub fn contract(&self) -> Contract {
        self.contract
    }
}

/// A flash that is plugged in.
#[derive(Debug)]
pub struct Chip {
    device: Device<Shared, Box<dyn Flash>>,
    shown: Shown,
}

/// The name of the node of flash `number`: `mtd0`.
pub fn node_name(number: u32) -> String {
    format!("mtd{number}")
}

impl Chip {
    /// Plugs in a flash as `number`, which answers for its zombies as `contract` says. `partitions`: who plugs those that
    /// clients ask for; without, `BLKPG` says EOPNOTSUPP.
    pub fn plug_under(
        contract: Contract,
        number: Number,
        flash: Box<dyn Flash>,
        partitions: Option<Arc<dyn Partitions>>,
    ) -> Self {
        let nodes = kobjects::nodes(number.value());
        let generation = number.generation();
        let builder = Builder::new().number(number.clone()).teardown(|flash: &mut Box<dyn Flash>| flash.teardown());
        let noticer = Noticer::new();
        flash.plugged(&noticer);
        let shared = Shared { partitions, ..Shared::new(number, contract, &*flash) };
        let kobjects = kobjects::kobjects(&nodes);
        let device = builder.build(shared, flash);
        if let Ok(handle) = device.open() {
            begin(&handle);
        }
        let surroundings = surroundings::of(&kobjects, device.shared());
        device.noticed_by(&noticer);
        let [node, _] = nodes;
        Chip { device, shown: Shown { node, kobjects, surroundings, contract, generation } }
    }
}

/// What Linux does first with a flash: one that is locked as it gets power is unlocked (`add_mtd_device` of
/// `drivers/mtd/mtdcore.c`), and its bad blocks are counted (`nand_scan_bbt` of `drivers/mtd/nand/raw/nand_bbt.c`).
fn begin(handle: &FlashHandle) {
    let geometry = handle.shared().geometry();
    let (at, length) = (0, geometry.size);
    if geometry.writable && geometry.locked_at_power_up && geometry.lockable {
        submit_own(handle, Command::Lock { at, length, lock: false });
    }
    if geometry.bad_blocks {
        submit_own(handle, Command::BadBlocks { at, length });
    }
}

impl OfClass for Chip {
    type Shared = Shared;
    type Inside = Box<dyn Flash>;
    const CLASS: &'static str = "mtd";

    fn device(&self) -> &Device<Shared, Box<dyn Flash>> {
        &self.device
    }

    fn shown(&self) -> &Shown {
        &self.shown
    }

    /// EACCES for writing of a flash that cannot be written (`mtdchar_open` of `drivers/mtd/mtdchar.c`).
    fn file(&self, handle: FlashHandle, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        if flags.access != Access::Read && !handle.shared().geometry().writable {
            return Err(Errno::ACCESS);
        }
        Ok(Arc::new(file::OpenFile::new(handle, flags)))
    }

    fn hardware(&self, flash: Box<dyn Flash>) -> Hardware {
        let shared = self.device.shared();
        if shared.contract == Contract::Linux {
            shared.stand_in.arrive(flash.stand_in(), shared.for_stand_in());
        }
        Hardware::Mtd(flash)
    }
}
