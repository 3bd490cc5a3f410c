//! drm: cards that show pictures, behind `/dev/dri/cardN`: the mode-setting part of Linux' Direct Rendering Manager.
//!
//! What a client can do is what `drivers/gpu/drm` offers of a device with dumb buffers and atomic mode setting: it makes buffers,
//! maps them and draws into them, makes framebuffers of them, and has planes, CRTCs and connectors show those; it waits for
//! vertical blankings, and reads of them and of flips as events. Only one client at a time, the master, says what is shown.
//!
//! **Two lifetimes** (I28, I29). What clients make is in the handle's: buffers, framebuffers, blobs, properties, the state that
//! is asked for, the events that were promised. All of that is in [`Shared`], behind one lock (`hub.rs`, `kms.rs`), and works
//! without the hardware. What shows it is in the hardware's: the beam, and the moments at which a picture ends. That is
//! [`Inside`]: a [`Driver`]. The driver is told of a [`Scene`], which refers to buffers; nothing of a client's refers to the
//! driver. Linux' `drmm_` and `devm_` functions tell the same two apart.
//!
//! Who waits (a read, a vertical blanking, a commit) does so outside of the gate, so no removal waits for it.
//!
//! **After removal** (quiet, what this class is made for): connectors are disconnected, and everything else goes on as if the card
//! were there, with nobody looking: commits are checked, accepted and shown to nobody, and their events come, by the clock.
//! poll says HUP and ERR at once, which together with OUTLIVE_STATUS tells whoever asks (I31). Memory stays memory, mapped
//! before or after. What the other contracts have it say is in [`zombie`].

mod beat;
mod buffer;
mod client;
mod commit;
mod decode;
mod describe;
mod display;
mod driver;
mod file;
mod format;
mod hub;
mod kms;
mod kobjects;
mod legacy;
mod making;
mod mark;
mod mode;
mod monitor;
mod property;
mod query;
mod reply;
mod scene;
mod session;
mod sink;
mod sleep;
mod state;
mod surroundings;
#[cfg(test)]
mod tests;
pub mod uapi;
mod vblank;
pub mod zombie;

pub use buffer::{Buffer, Framebuffer};
pub use display::Display;
pub use driver::{
    Change, Clock, Description, Driver, Error, Ground, MOST_CONNECTORS, MemoryMaker, Picture, Shot, Wiring, status,
};
pub use format::Format;
pub use mode::{LARGEST, Mode};
pub use monitor::Monitor;
pub use scene::{Layer, Pipe, Scene};
pub use sink::Sink;

use crate::{
    Contract, Errno, File, Hardware, OpenFlags,
    plugged::{OfClass, Shown},
};
use hub::Hub;
use kms::Kms;
use outlive::{Builder, Device, Handle, Noticer, Number};
use std::sync::Arc;

/// What handles of a card see for ever.
#[derive(Debug)]
pub struct Shared {
    contract: Contract,
    connectors: usize,
    hub: Arc<Hub>,
}

/// What is there as long as the card is.
#[derive(Debug)]
pub struct Inside {
    driver: Box<dyn Driver>,
}

type CardHandle = Handle<Shared, Inside>;

/// A card that is plugged in.
#[derive(Debug)]
pub struct Card {
    device: Device<Shared, Inside>,
    shown: Shown,
}

/// The name of the node of card `number`: `dri/card0`.
pub fn node_name(number: u32) -> String {
    format!("dri/card{number}")
}

impl Card {
    /// Plugs in a card as `number`, which answers for its zombies as `contract` says. `ground`: what it has of the machine.
    ///
    /// # Panics
    /// If its driver has no connector, or more than [`MOST_CONNECTORS`].
    pub fn plug_under(contract: Contract, number: Number, driver: Box<dyn Driver>, ground: Ground) -> Self {
        let description = Arc::new(driver.description());
        let connectors = description.connectors.len();
        assert!((1..=MOST_CONNECTORS).contains(&connectors), "a card has 1 to {MOST_CONNECTORS} connectors");
        let node = kobjects::node(number.value());
        let unique = format!("outlive.{}", number.value());
        let hub = Hub::new(ground, contract, Kms::new(description, unique));
        let kobjects = kobjects::kobjects(&node, connectors);
        let surroundings = surroundings::of(&kobjects, &hub);
        let generation = number.generation();
        let builder = Builder::new().number(number).teardown(|inside: &mut Inside| inside.driver.teardown());
        let noticer = Noticer::new();
        driver.plugged(Wiring { noticer: noticer.clone(), sink: Sink(hub.clone()) });
        let device = builder.build(Shared { contract, connectors, hub: hub.clone() }, Inside { driver });
        device.on_names(move |_| hub.end());
        device.noticed_by(&noticer);
        Card { device, shown: Shown { node, kobjects, surroundings, contract, generation } }
    }
}

impl OfClass for Card {
    type Shared = Shared;
    type Inside = Inside;
    const CLASS: &'static str = "drm";

    fn device(&self) -> &Device<Shared, Inside> {
        &self.device
    }

    fn shown(&self) -> &Shown {
        &self.shown
    }

    fn display(&self) -> Option<Display> {
        // Who looks is nobody who has it open.
        self.device.open().ok().map(|handle| Display(handle.uncounted()))
    }

    fn file(&self, handle: CardHandle, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        Ok(Arc::new(file::OpenFile::new(handle, flags)?))
    }

    fn hardware(&self, mut inside: Inside) -> Hardware {
        inside.driver.unplugged();
        Hardware::Drm(inside.driver)
    }
}
