//! What a bus says when it is gone, by contract.

use super::{
    Adapter, BusHandle, Shared,
    decode::{Operation, Setting},
};
use crate::{Contract, Errno, Fate, LinuxSays, PollBits, Terms};
use outlive::Device;
use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) const TRANSFERS: Terms = Terms {
    calls: "I2C_RDWR, I2C_SMBUS, read, write",
    strict: Fate::Fails(Errno::NODEV),
    // As of a bus on which no chip answers (Documentation/i2c/fault-codes.rst).
    quiet: Fate::Fails(Errno::NXIO),
    // i2c_del_adapter waits for whoever has it open (drivers/i2c/i2c-core-base.c), and until then calls go on to the
    // adapter's driver: measured, docs/yardstick.md. It fails without its hardware, as i2c-tiny-usb does (usb_xfer of
    // drivers/i2c/busses/i2c-tiny-usb.c), and works with it.
    linux: Fate::Fails(Errno::IO),
    linux_orderly: Fate::StandIn,
};
const SETTINGS: Terms = Terms {
    calls: "I2C_SLAVE, I2C_SLAVE_FORCE, I2C_TENBIT, I2C_PEC, I2C_RETRIES, I2C_TIMEOUT",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};
const FUNCTIONALITY: Terms = Terms {
    calls: "I2C_FUNCS",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    // usb_func of i2c-tiny-usb.c asks the hardware, and cannot say that it failed.
    linux: Fate::Zero,
    linux_orderly: Fate::Kept,
};
const INVALID: Terms = Terms {
    calls: "anything else",
    strict: Fate::Fails(Errno::NODEV),
    quiet: Fate::Kept,
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};

/// The whole table.
pub const ZOMBIE: [&Terms; 4] = [&TRANSFERS, &SETTINGS, &FUNCTIONALITY, &INVALID];

/// Measured by the yardstick (docs/yardstick.md), and noticeable by who makes a transfer.
pub fn linux_says() -> LinuxSays {
    LinuxSays::by(&ZOMBIE, true)
}

/// The row for an operation, or for one that could not be decoded.
pub(super) fn terms(operation: &Result<Operation, Errno>) -> &'static Terms {
    match operation {
        Ok(Operation::Transfer { .. }) => &TRANSFERS,
        Ok(Operation::Set(
            Setting::Address { .. } | Setting::TenBit(_) | Setting::Pec(_) | Setting::Retries(_) | Setting::Timeout(_),
        )) => &SETTINGS,
        Ok(Operation::Functionality { .. }) => &FUNCTIONALITY,
        Err(_) => &INVALID,
    }
}

/// What poll says of a zombie.
pub const fn poll(contract: Contract) -> PollBits {
    match contract {
        Contract::Strict | Contract::Quiet => PollBits::ZOMBIE,
        // i2c-dev has no poll operation.
        Contract::Linux => PollBits::ALWAYS_READY,
    }
}

type Ready = Box<dyn FnOnce(Option<&BusHandle>) + Send>;

/// A bus that answers for one that is gone, made of what that last was.
#[derive(Default)]
pub(super) struct StandIn(Mutex<Presence>);

enum Presence {
    /// The hardware has not been given back: who wants the stand-in waits for it, as for a bus that is in use.
    Awaited(Vec<Ready>),
    Here(Box<Bus>),
    /// The adapter had none to give.
    None,
}

struct Bus {
    handle: BusHandle,
    _device: Device<Shared, Box<dyn Adapter>>,
}

impl Default for Presence {
    fn default() -> Self {
        Presence::Awaited(Vec::new())
    }
}

impl StandIn {
    fn presence(&self) -> MutexGuard<'_, Presence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `ready` with it, now or when it comes; with `None` if there is none. Not called if neither happens before
    /// the last handle is closed.
    pub(super) fn when_here(&self, ready: impl FnOnce(Option<&BusHandle>) + Send + 'static) {
        let mut presence = self.presence();
        let handle = match &mut *presence {
            Presence::Awaited(waiting) => return waiting.push(Box::new(ready)),
            Presence::Here(here) => Some(here.handle.uncounted()),
            Presence::None => None,
        };
        drop(presence);
        ready(handle.as_ref());
    }

    /// It takes its place. `shared` is what its own handles share.
    pub(super) fn arrive(&self, adapter: Option<Box<dyn Adapter>>, shared: Shared) {
        let here = adapter.and_then(|adapter| {
            let device = Device::new(shared, adapter);
            let handle = device.open().ok()?;
            Some(Box::new(Bus { handle, _device: device }))
        });
        let handle = here.as_ref().map(|here| here.handle.uncounted());
        let before = std::mem::replace(&mut *self.presence(), here.map_or(Presence::None, Presence::Here));
        if let Presence::Awaited(waiting) = before {
            waiting.into_iter().for_each(|ready| ready(handle.as_ref()));
        }
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.presence() {
            Presence::Awaited(_) => "StandIn(awaited)",
            Presence::Here(_) => "StandIn(here)",
            Presence::None => "StandIn(none)",
        })
    }
}
