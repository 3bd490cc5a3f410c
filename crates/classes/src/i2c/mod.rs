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
    Contract, Errno, File, Hardware, Kobject, Node, OpenFlags, Plugged, StillBusy, Surroundings, plugged::open_errno,
};
use outlive::{
    Builder, Device, Generation, Gone, IllegalTransition, Inside, Noticer, Number, Policy, Reason, State, Status,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use transfer::BusHandle;
use zombie::StandIn;

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
    stand_in: StandIn,
}

impl Shared {
    fn new(number: Number, contract: Contract, functionality: u32) -> Self {
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
    node: Node,
    kobjects: Vec<Kobject>,
    surroundings: Surroundings,
}

impl Bus {
    /// Plugs in an adapter as bus `number`, under the strict contract.
    pub fn plug(number: Number, adapter: Box<dyn Adapter>) -> Self {
        Self::plug_under(Contract::Strict, number, adapter)
    }

    /// Plugs in an adapter as bus `number`, which answers for its zombies as `contract` says.
    pub fn plug_under(contract: Contract, number: Number, adapter: Box<dyn Adapter>) -> Self {
        let name = format!("i2c-{}", number.value());
        let node = Node { name, major: uapi::MAJOR, minor: number.value(), positioned: false, mapped: false };
        let kobjects = kobjects::kobjects(&node, &adapter.claims());
        let teardown = |adapter: &mut Box<dyn Adapter>| adapter.teardown();
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
        Bus { device, node, kobjects, surroundings }
    }
}

impl Plugged for Bus {
    fn class(&self) -> &'static str {
        "i2c"
    }

    fn node(&self) -> &Node {
        &self.node
    }

    fn kobjects(&self) -> Vec<Kobject> {
        self.kobjects.clone()
    }

    fn surroundings(&self) -> Surroundings {
        self.surroundings.clone()
    }

    fn contract(&self) -> Contract {
        self.device.shared().contract
    }

    fn generation(&self) -> Generation {
        self.device.shared().number.generation()
    }

    fn open(&self, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        let handle = self.device.open().map_err(open_errno)?;
        Ok(Arc::new(file::OpenFile::new(handle, flags)))
    }

    fn on_names(&self, hook: Box<dyn FnOnce(Gone) + Send>) {
        self.device.on_names(hook);
    }

    fn prepare(&self, limit: Duration) -> Result<bool, IllegalTransition> {
        self.device.prepare(limit)
    }

    fn unplug(&self, reason: Reason, policy: Policy, limit: Duration) -> Result<Option<Hardware>, StillBusy> {
        let removal = self.device.unplug_with(reason, policy);
        let adapter = if policy == Policy::Drain { removal.look(limit) } else { removal.wait(limit) };
        let adapter = adapter.map_err(|busy| StillBusy::from(&busy))?;
        let shared = self.device.shared();
        if let (Some(adapter), Contract::Linux) = (&adapter, shared.contract) {
            shared.stand_in.arrive(adapter.stand_in(), shared.for_stand_in());
        }
        Ok(adapter.map(Hardware::I2c))
    }

    fn set_state(&self, state: State) -> Result<(), IllegalTransition> {
        self.device.set_state(state)
    }

    fn status(&self) -> Status {
        self.device.status()
    }

    fn gone(&self) -> Option<Gone> {
        self.device.gone()
    }

    fn handles(&self) -> usize {
        self.device.handles()
    }

    fn inside(&self) -> Vec<Inside> {
        self.device.inside()
    }
}
