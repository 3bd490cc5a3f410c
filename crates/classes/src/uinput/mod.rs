//! uinput: `/dev/uinput`, by which programs make input devices.
//!
//! What a program can do is what Linux' `drivers/input/misc/uinput.c` offers: each open file describes one device, makes it,
//! writes its events, and reads what is for it: LEDs, effects that are to be played, and requests to take or forget an
//! effect, which whoever asked waits for. What is made is a device of the class [`input`](crate::input), plugged in as any
//! other is by whoever has the [`Ports`]; this class is its driver.
//!
//! **What is made goes** when its program destroys it, closes the file, or dies: as a device that is pulled. It goes before
//! /dev/uinput itself does, which is what it hangs on.
//!
//! **After removal** (strict): ENODEV from every call but UI_DEV_DESTROY, since there is nothing left of what was made; HUP
//! and ERR from poll. What the other contracts have it say is in [`zombie`].

mod decode;
mod describe;
mod driver;
mod file;
mod kobjects;
mod made;
mod outbox;
mod setup;
#[cfg(test)]
mod tests;
pub mod uapi;
pub mod zombie;

pub use driver::Ports;

use crate::{
    Contract, Errno, File, Hardware, OpenFlags, Surroundings,
    input::Clock,
    plugged::{OfClass, Shown},
};
use outlive::{Device, Handle, Number};
use std::sync::Arc;

/// The name of its node. There is one.
pub const NODE_NAME: &str = "uinput";

/// What handles of /dev/uinput see for ever.
#[derive(Debug)]
pub struct Shared {
    contract: Contract,
    clock: Arc<dyn Clock>,
}

/// What is there as long as /dev/uinput is.
#[derive(Debug)]
pub struct Inside {
    ports: Arc<dyn Ports>,
}

type UinputHandle = Handle<Shared, Inside>;

/// /dev/uinput, plugged in.
#[derive(Debug)]
pub struct Uinput {
    device: Device<Shared, Inside>,
    shown: Shown,
}

impl Uinput {
    /// Plugs it in. What programs make is plugged into `ports`, and a zombie of its answers as `contract` says.
    pub fn plug_under(contract: Contract, number: Number, ports: Arc<dyn Ports>, clock: Arc<dyn Clock>) -> Self {
        let node = kobjects::node();
        let kobjects = kobjects::kobjects(&node);
        // Where programs look for what they have made, before there is any.
        let surroundings = Surroundings::of(&kobjects).lasting("/dev/input").lasting("/sys/class/input");
        let generation = number.generation();
        let builder = outlive::Builder::new().number(number);
        let device = builder.build(Shared { contract, clock }, Inside { ports });
        Uinput { device, shown: Shown { node, kobjects, surroundings, contract, generation } }
    }
}

impl OfClass for Uinput {
    type Shared = Shared;
    type Inside = Inside;
    const CLASS: &'static str = "uinput";

    fn device(&self) -> &Device<Shared, Inside> {
        &self.device
    }

    fn shown(&self) -> &Shown {
        &self.shown
    }

    fn file(&self, handle: UinputHandle, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        Ok(Arc::new(file::OpenFile::new(handle, flags)))
    }

    fn hardware(&self, inside: Inside) -> Hardware {
        Hardware::Uinput(inside.ports)
    }
}
