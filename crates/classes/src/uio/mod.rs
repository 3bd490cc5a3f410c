//! uio: the boards behind `/dev/uioN`, which a program drives from user space: it maps their registers, and waits for
//! their interrupts.
//!
//! What a client can do is what Linux' `drivers/uio/uio.c` offers: mmap of region n at offset n times the page size, read
//! of the interrupt count (4 bytes, which sleeps until it has moved), poll (IN when it has), write of 1 and 0 to turn the
//! interrupt on and off. `Documentation/driver-api/uio-howto.rst` of the kernel is its manual.
//!
//! Mapping asks for life only: it needs no driver, and works while calls are parked or refused.
//!
//! **After removal** (strict): a count that had come and was not read can be read (I18); ENODEV from every other call,
//! valid or not; HUP and ERR from poll. Mappings stay, and are nobody's memory but their owners' from then on (I24): the
//! next generation has memory of its own. What the other contracts have it say is in [`zombie`].

mod driver;
mod file;
mod kobjects;
mod line;
mod surroundings;
#[cfg(test)]
mod tests;
pub mod uapi;
pub mod zombie;

pub use driver::{Control, Driver, Error, Wiring};
pub use line::Line;

use crate::{
    Contract, Errno, File, Hardware, Node, OpenFlags, SharedMemory,
    plugged::{OfClass, Shown},
};
use outlive::{Builder, Device, Handle, Noticer, Number};
use std::sync::Arc;

/// What handles of a board see for ever.
#[derive(Debug)]
pub struct Shared {
    contract: Contract,
    line: Line,
}

/// What is there as long as the device is: the board, and the memory that it shares.
#[derive(Debug)]
pub struct Inside {
    driver: Box<dyn Driver>,
    memory: Vec<Arc<dyn SharedMemory>>,
}

type BoardHandle = Handle<Shared, Inside>;

/// A board that is plugged in.
#[derive(Debug)]
pub struct Board {
    device: Device<Shared, Inside>,
    shown: Shown,
}

/// The name of a board's node: `uio0`.
pub fn node_name(number: u32) -> String {
    format!("uio{number}")
}

impl Board {
    /// Plugs in a board as `number`, which answers for its zombies as `contract` says. `memory`: of each of its
    /// [regions](Driver::regions), all zeroes, and of nobody else's.
    pub fn plug_under(
        contract: Contract,
        number: Number,
        driver: Box<dyn Driver>,
        memory: Vec<Arc<dyn SharedMemory>>,
    ) -> Self {
        let node = Node {
            name: node_name(number.value()),
            major: uapi::MAJOR,
            minor: number.value(),
            positioned: false,
            mapped: true,
            read_only: false,
        };
        let generation = number.generation();
        let builder = Builder::new().number(number).teardown(|inside: &mut Inside| inside.driver.teardown());
        let (noticer, line) = (Noticer::new(), Line::default());
        driver.plugged(Wiring { noticer: noticer.clone(), line: line.clone(), memory: memory.clone() });
        let (name, regions) = (driver.name(), driver.regions());
        let kobjects = kobjects::kobjects(&node);
        let surroundings = surroundings::of(&kobjects, &name, &regions, &line);
        let device = builder.build(Shared { contract, line: line.clone() }, Inside { driver, memory });
        device.on_names(move |_| line.end());
        device.noticed_by(&noticer);
        Board { device, shown: Shown { node, kobjects, surroundings, contract, generation } }
    }
}

impl OfClass for Board {
    type Shared = Shared;
    type Inside = Inside;
    const CLASS: &'static str = "uio";

    fn device(&self) -> &Device<Shared, Inside> {
        &self.device
    }

    fn shown(&self) -> &Shown {
        &self.shown
    }

    fn file(&self, handle: BoardHandle, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        handle.enter().map_err(|_| Errno::NODEV)?.driver.opened();
        Ok(Arc::new(file::OpenFile::new(handle, flags)))
    }

    fn hardware(&self, mut inside: Inside) -> Hardware {
        inside.driver.unplugged();
        // The board is out of reach by now, so nothing comes back.
        inside.memory.iter().for_each(|memory| memory.discard());
        Hardware::Uio(inside.driver)
    }
}
