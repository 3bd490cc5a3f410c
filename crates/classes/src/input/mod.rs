//! input: keyboards, mice, touchscreens and the like, behind `/dev/input/eventN`.
//!
//! What a client can do is what Linux' `drivers/input/evdev.c` offers: reads of whole events, of whose packets each client
//! has a queue, a mask and a clock of its own; one that lags is told by SYN_DROPPED. Writes of LEDs, sounds and effects go to
//! the driver, and any other event to everybody, as if the device had sent it. Ioctls say what the device has and which keys
//! are down, grab it for one client, or take a client's access away. What of an event is news, `drivers/input/input.c` has:
//! `state.rs`. Who reads sleeps outside of the gate, so no removal waits for it.
//!
//! **After removal** (strict): keys that were down go up, and what had come is read first (I18), then ENODEV from every
//! call, valid or not (I21). poll says HUP and ERR at once, and IN as long as there is something to read. What the other
//! contracts have it say is in [`zombie`].

mod bits;
mod client;
mod decode;
mod describe;
mod description;
mod driver;
mod effect;
mod feedback;
mod file;
mod hub;
mod kobjects;
mod queue;
mod sink;
mod state;
mod surroundings;
#[cfg(test)]
mod tests;
pub mod uapi;
mod udev;
pub mod zombie;

pub use bits::Bits;
pub use description::{Axis, Description, Id};
pub use driver::{Clock, Driver, Error, Order, Wiring};
pub use effect::Effect;
pub use queue::ClockId;
pub use sink::Sink;
pub use state::Value;

pub(crate) use queue::{Event, events, times};

use crate::{
    Contract, Errno, File, Hardware, OpenFlags,
    plugged::{OfClass, Shown},
};
use hub::Hub;
use outlive::{Builder, Device, Handle, Noticer, Number};
use std::sync::{Arc, Mutex, PoisonError};

/// What handles of an input device see for ever.
#[derive(Debug)]
pub struct Shared {
    contract: Contract,
    hub: Arc<Hub>,
    /// How many have it open. Held while its driver is told of the first and the last.
    users: Mutex<usize>,
}

/// What is there as long as the device is.
#[derive(Debug)]
pub struct Inside {
    driver: Box<dyn Driver>,
}

type InputHandle = Handle<Shared, Inside>;

impl Shared {
    /// One more user.
    fn come(&self, handle: &InputHandle) -> Result<(), Errno> {
        let guard = handle.enter().map_err(|_| Errno::NODEV)?;
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        *users += 1;
        if *users == 1 {
            guard.driver.opened();
        }
        Ok(())
    }

    /// One less.
    fn leave(&self, handle: &InputHandle) {
        let guard = handle.enter();
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        *users -= 1;
        if let (0, Ok(guard)) = (*users, &guard) {
            guard.driver.closed();
        }
    }
}

/// An input device that is plugged in.
#[derive(Debug)]
pub struct InputDevice {
    device: Device<Shared, Inside>,
    shown: Shown,
}

/// The name of the node of device `number`: `input/event0`.
pub fn node_name(number: u32) -> String {
    format!("input/event{number}")
}

impl InputDevice {
    /// Plugs in a device as `number`, one that has a [minor number](uapi::minor), which answers for its zombies as `contract`
    /// says.
    pub fn plug_under(contract: Contract, number: Number, driver: Box<dyn Driver>, clock: Arc<dyn Clock>) -> Self {
        let description = Arc::new(driver.description().registered());
        let node = kobjects::node(number.value());
        let kobjects = kobjects::kobjects(&node, number.value(), &description);
        let surroundings = surroundings::of(&kobjects, &description);
        let generation = number.generation();
        let builder = Builder::new().number(number).teardown(|inside: &mut Inside| inside.driver.teardown());
        let (noticer, hub) = (Noticer::new(), Hub::new(description, clock));
        driver.plugged(Wiring { noticer: noticer.clone(), sink: Sink(hub.clone()) });
        let shared = Shared { contract, hub: hub.clone(), users: Mutex::default() };
        let device = builder.build(shared, Inside { driver });
        device.on_names(move |_| hub.end());
        device.noticed_by(&noticer);
        InputDevice { device, shown: Shown { node, kobjects, surroundings, contract, generation } }
    }
}

impl OfClass for InputDevice {
    type Shared = Shared;
    type Inside = Inside;
    const CLASS: &'static str = "input";

    fn device(&self) -> &Device<Shared, Inside> {
        &self.device
    }

    fn shown(&self) -> &Shown {
        &self.shown
    }

    fn sink(&self) -> Option<Sink> {
        Some(Sink(self.device.shared().hub.clone()))
    }

    fn file(&self, handle: InputHandle, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        Ok(Arc::new(file::OpenFile::new(handle, flags)?))
    }

    fn hardware(&self, mut inside: Inside) -> Hardware {
        inside.driver.unplugged();
        Hardware::Input(inside.driver)
    }
}
