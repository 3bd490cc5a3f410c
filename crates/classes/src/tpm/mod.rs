//! tpm: the TPMs behind `/dev/tpmN`.
//!
//! What a client can do is what Linux' `drivers/char/tpm/tpm-dev-common.c` offers: one opener at a time; a write is one whole
//! command, and reads bring its response, which is kept until it has been read, or a read has begun and another command
//! replaces it, or nobody has read it for two minutes. A write waits for its command; with `O_NONBLOCK` it does not, and poll
//! says IN when the response is there. A read waits for a command that runs, `O_NONBLOCK` or not, as it does there (for a
//! mutex). The class takes commands as they are: it knows their header, and no more of them.
//!
//! **After removal** (strict): a response that had come and was not read can be read (I18); ENODEV from every other call,
//! valid or not; HUP and ERR from poll. A command that was under way is cancelled, and the fence is the strong one: after it
//! no command runs, and none will. What the other contracts have it say is in [`zombie`].

mod describe;
mod driver;
mod exchange;
mod file;
mod kobjects;
mod surroundings;
#[cfg(test)]
mod tests;
pub mod uapi;
pub mod zombie;

pub use driver::{Error, Order, Then, Tpm, Version};

use crate::{
    Contract, Errno, File, Hardware, OpenFlags,
    plugged::{OfClass, Shown},
};
use file::Seat;
use outlive::{Builder, Device, Handle, Noticer, Number};
use std::sync::{Arc, atomic::AtomicBool};

/// What handles of a TPM see for ever.
#[derive(Debug)]
pub struct Shared {
    contract: Contract,
    /// Somebody has it open: `is_open` of `struct tpm_chip`.
    taken: Arc<AtomicBool>,
}

impl Shared {
    /// Of a TPM that is being plugged in.
    pub fn new(contract: Contract) -> Self {
        Shared { contract, taken: Arc::default() }
    }
}

type ChipHandle = Handle<Shared, Box<dyn Tpm>>;

/// A TPM that is plugged in.
#[derive(Debug)]
pub struct Chip {
    device: Device<Shared, Box<dyn Tpm>>,
    shown: Shown,
}

/// The name of the node of TPM `number`: `tpm0`.
pub fn node_name(number: u32) -> String {
    format!("tpm{number}")
}

impl Chip {
    /// Plugs in a TPM as `number`, which answers for its zombies as `contract` says.
    pub fn plug_under(contract: Contract, number: Number, tpm: Box<dyn Tpm>) -> Self {
        let node = kobjects::node(number.value());
        let generation = number.generation();
        let builder = Builder::new().number(number).teardown(|tpm: &mut Box<dyn Tpm>| tpm.teardown());
        let noticer = Noticer::new();
        tpm.plugged(&noticer);
        let kobjects = kobjects::kobjects(&node);
        let surroundings = surroundings::of(&kobjects, tpm.version());
        let device = builder.build(Shared::new(contract), tpm);
        device.noticed_by(&noticer);
        Chip { device, shown: Shown { node, kobjects, surroundings, contract, generation } }
    }
}

impl OfClass for Chip {
    type Shared = Shared;
    type Inside = Box<dyn Tpm>;
    const CLASS: &'static str = "tpm";

    fn device(&self) -> &Device<Shared, Box<dyn Tpm>> {
        &self.device
    }

    fn shown(&self) -> &Shown {
        &self.shown
    }

    /// EBUSY while somebody has it open, unless it is [shared](Tpm::is_shared) (`tpm_open` of `drivers/char/tpm/tpm-dev.c`).
    fn file(&self, handle: ChipHandle, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        let tpm = handle.enter().map_err(|_| Errno::NODEV)?;
        let seat = match tpm.is_shared() {
            true => None,
            false => Some(Seat::take(&handle.shared().taken).ok_or(Errno::BUSY)?),
        };
        tpm.opened();
        drop(tpm);
        Ok(Arc::new(file::OpenFile::new(handle, seat, flags)))
    }

    fn hardware(&self, mut tpm: Box<dyn Tpm>) -> Hardware {
        tpm.unplugged();
        Hardware::Tpm(tpm)
    }
}
