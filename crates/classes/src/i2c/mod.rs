//! i2c: the buses behind `/dev/i2c-N`.
//!
//! What a client can do is what Linux' i2c-dev offers: the ioctls of `linux/i2c-dev.h`, and plain read and write. SMBus
//! transactions are emulated over plain transfers, as the kernel does for adapters without SMBus hardware of their own.
//!
//! **After removal** (strict): ENODEV from every call, valid or not; HUP and ERR from poll, which says IN and OUT as long
//! as the bus lives; close works. What the other contracts have it say is in [`zombie`].

mod data;
mod decode;
mod describe;
mod driver;
mod file;
mod kobjects;
mod smbus;
mod surroundings;
#[cfg(test)]
mod tests;
mod transfer;
pub mod uapi;
pub mod zombie;

pub use driver::{Adapter, Claim, Error, Message, Transfer};

use crate::{
    Contract, Errno, File, Hardware, Node, OpenFlags,
    plugged::{OfClass, Shown},
    stand_in::StandIn,
};
use outlive::{Builder, Device, Noticer, Number};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use transfer::BusHandle;

/// What handles of a bus see for ever.
#[derive(Debug)]
pub struct Shared {
    number: Number,
    /// Set by I2C_RETRIES for the whole adapter, whoever asks.
    retries: AtomicU32,
    /// Set by I2C_TIMEOUT for the whole adapter, in units of 10 ms.
    timeout: AtomicU32,
    contract: Contract,
    /// What the adapter could do when it was plugged in.
    functionality: u32,
    stand_in: StandIn<Shared, Box<dyn Adapter>>,
}

impl Shared {
    /// Of a bus that is being plugged in as `number`; `functionality`: what its adapter can do.
    pub fn new(number: Number, contract: Contract, functionality: u32) -> Self {
        // An adapter that says nothing about it has no retries and one second (i2c_register_adapter in
        // drivers/i2c/i2c-core-base.c).
        let (retries, timeout) = (AtomicU32::new(0), AtomicU32::new(100));
        Shared { number, retries, timeout, contract, functionality, stand_in: StandIn::default() }
    }

    /// What the handles of a stand-in share.
    fn for_stand_in(&self) -> Self {
        let shared = Shared::new(self.number.clone(), self.contract, self.functionality);
        shared.retries.store(self.retries(), Ordering::Relaxed);
        shared.timeout.store(self.timeout.load(Ordering::Relaxed), Ordering::Relaxed);
        shared
    }

    /// How often a transfer that lost the arbitration is tried again.
    fn retries(&self) -> u32 {
        self.retries.load(Ordering::Relaxed)
    }

    /// How long after its start a transfer is not tried again any more.
    fn timeout(&self) -> Duration {
        Duration::from_millis(10) * self.timeout.load(Ordering::Relaxed)
    }
}

/// A bus that is plugged in.
#[derive(Debug)]
pub struct Bus {
    device: Arc<Device<Shared, Box<dyn Adapter>>>,
    shown: Shown,
}

impl Bus {
    /// Plugs in an adapter as bus `number`, under the strict contract.
    pub fn plug(number: Number, adapter: Box<dyn Adapter>) -> Self {
        Self::plug_under(Contract::Strict, number, adapter)
    }

    /// Plugs in an adapter as bus `number`, which answers for its zombies as `contract` says.
    pub fn plug_under(contract: Contract, number: Number, adapter: Box<dyn Adapter>) -> Self {
        let name = format!("i2c-{}", number.value());
        let node = Node {
            name,
            major: uapi::MAJOR,
            minor: number.value(),
            positioned: false,
            mapped: false,
            read_only: false,
        };
        let kobjects = kobjects::kobjects(&node, &adapter.claims());
        let teardown = |adapter: &mut Box<dyn Adapter>| adapter.teardown();
        let generation = number.generation();
        let builder = Builder::new().number(number.clone()).teardown(teardown);
        let noticer = Noticer::new();
        adapter.plugged(&noticer);
        let shared = Shared::new(number, contract, adapter.functionality());
        let name = adapter.name();
        let device = Arc::new(builder.build(shared, adapter));
        device.noticed_by(&noticer);
        let weak = Arc::downgrade(&device);
        let state = move || weak.upgrade().map_or_else(String::new, |device| format!("{}\n", device.status().state));
        let surroundings = surroundings::of(&kobjects, &name, state);
        Bus { device, shown: Shown { node, kobjects, surroundings, contract, generation } }
    }
}

impl OfClass for Bus {
    type Shared = Shared;
    type Inside = Box<dyn Adapter>;
    const CLASS: &'static str = "i2c";

    fn device(&self) -> &Device<Shared, Box<dyn Adapter>> {
        &self.device
    }

    fn shown(&self) -> &Shown {
        &self.shown
    }

    fn file(&self, handle: BusHandle, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        Ok(Arc::new(file::OpenFile::new(handle, flags)))
    }

    fn hardware(&self, adapter: Box<dyn Adapter>) -> Hardware {
        let shared = self.device.shared();
        let orderly = self.device.gone().is_some_and(|gone| gone.reason.leaves_hardware());
        if shared.contract == Contract::Linux && orderly {
            shared.stand_in.arrive(adapter.stand_in(), shared.for_stand_in());
        }
        Hardware::I2c(adapter)
    }
}
