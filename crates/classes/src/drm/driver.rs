//! What a driver of this class is: displays, and the beam that draws on them.

use super::{Monitor, Scene, Sink};
use crate::{Errno, SharedMemory};
use outlive::Noticer;
use std::{fmt, sync::Arc, time::Duration};

/// A card's displays: what `struct drm_driver` and the functions of its CRTCs are.
///
/// What clients make (buffers, framebuffers, properties) is the class's, and lives as long as their files do. A driver has
/// what is the hardware's: what it shows now, and the moments at which one picture ends and the next begins. It is called
/// inside the gate and must not block.
pub trait Driver: Send + Sync + fmt::Debug {
    /// What it is; the same all its life.
    fn description(&self) -> Description;

    /// This is to be shown. Pictures change at the next vertical blanking, and modes at once.
    fn show(&self, scene: &Scene);

    /// Somebody waits for the next vertical blanking of CRTC `crtc`: [`Sink::vblank`] shall be called at it, once
    /// (`enable_vblank` of `struct drm_crtc_funcs`). Only asked of a CRTC that shows something.
    fn arm(&self, crtc: usize);

    /// What is on the display that hangs on `connector` now, still to be looked at; `None`: nothing is shown there.
    fn screen(&self, connector: usize) -> Option<Shot>;

    /// A cable is put in or pulled out, if the driver has cables that can be.
    ///
    /// # Errors
    /// [`Error::Invalid`]: there is no such connector; [`Error::Unsupported`]: it cannot.
    fn connect(&self, connector: usize, connected: bool) -> Result<(), Error> {
        let _ = (connector, connected);
        Err(Error::Unsupported)
    }

    /// Given to the driver as it is plugged in, once for each of its lives.
    fn plugged(&self, wiring: Wiring);

    /// The last word after the drain of an orderly removal (I12).
    fn teardown(&mut self) {}

    /// Its life is over: it lets go of what [`plugged`](Driver::plugged) and [`show`](Driver::show) gave it, and begins
    /// nothing more. Whoever owns it then calls this, after the fence.
    fn unplugged(&mut self);
}

/// What a card is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// The name of its driver, as VERSION says it: `outlive`.
    pub name: String,
    /// The same in words.
    pub about: String,
    /// Its connectors, 1 to [`MOST_CONNECTORS`], and what hangs on each as it is plugged in. Each has a CRTC of its own, with a
    /// primary plane and a cursor.
    pub connectors: Vec<Option<Monitor>>,
    /// The largest framebuffer, width and height in pixels.
    pub largest: (u32, u32),
    /// How many pictures a second its displays can be sent: the fewest and the most. A mode with others is refused.
    pub hertz: (u32, u32),
    /// How large a cursor is, each way in pixels.
    pub cursor: u32,
}

/// The most connectors of a card: the high bits of WAIT_VBLANK count 32 CRTCs.
pub const MOST_CONNECTORS: usize = 32;

/// What a driver is connected to for one of its lives.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Says that the card has gone (I34): at any time, from any thread.
    pub noticer: Noticer,
    /// Where its news go.
    pub sink: Sink,
}

/// Draws what was shown as it was taken, from buffers as they are now. It takes its time, so it is called outside of the
/// gate, where no removal waits for it: it has nothing of the hardware's.
pub type Shot = Box<dyn FnOnce() -> Picture + Send>;

/// A picture: what one can see.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Red, green and blue of each pixel, a byte each, line by line from the top.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// Red, green and blue of one pixel; black outside.
    pub fn at(&self, x: u32, y: u32) -> [u8; 3] {
        let start = 3 * (u64::from(y) * u64::from(self.width) + u64::from(x)) as usize;
        let inside = x < self.width && y < self.height;
        let pixel = self.pixels.get(start..start + 3).filter(|_| inside);
        pixel.map_or([0; 3], |pixel| [pixel[0], pixel[1], pixel[2]])
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

/// What a card has of the machine, whatever becomes of its hardware.
#[derive(Clone)]
pub struct Ground {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The memory of buffers.
    pub memory: Arc<dyn MemoryMaker>,
    /// Who is told what becomes of its connectors; it must not block.
    pub told: Arc<dyn Fn(Change) + Send + Sync>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("clock", &self.clock).field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// Where the class takes the time from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time of `CLOCK_MONOTONIC`, by which events are stamped (`DRM_CAP_TIMESTAMP_MONOTONIC`).
    fn monotonic(&self) -> Duration;

    /// Calls `then` once when `delay` has passed. It does not block.
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>);
}

/// Where the memory of dumb buffers comes from.
pub trait MemoryMaker: Send + Sync + fmt::Debug {
    /// Memory of `size` bytes, which are whole pages, all zeroes, and of nobody else's.
    ///
    /// # Errors
    /// ENOMEM if there is none.
    fn make(&self, size: u64) -> Result<Arc<dyn SharedMemory>, Errno>;
}

/// What a card says to the machine besides its events: a uevent `change` of the card, with these properties
/// (`drm_sysfs_hotplug_event`, `drm_sysfs_connector_hotplug_event`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which connector, by its number among the card's.
    pub connector: usize,
    /// Its id among the card's objects.
    pub id: u32,
    /// Whether something hangs on it now.
    pub connected: bool,
}

/// What is said of a connector on which something hangs or nothing does, as in its file `status` (`status_show` of
/// `drivers/gpu/drm/drm_sysfs.c`).
pub fn status(connected: bool) -> &'static str {
    if connected { "connected" } else { "disconnected" }
}

impl Change {
    /// What its connector is from then on, in a word.
    pub fn status(&self) -> &'static str {
        status(self.connected)
    }

    /// What the uevent says besides what all say.
    pub fn properties(&self) -> Vec<(&'static str, String)> {
        vec![("HOTPLUG", "1".to_owned()), ("CONNECTOR", self.id.to_string())]
    }
}

/// Why a driver did not do as it was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thing: EINVAL.
    Invalid,
    /// It cannot: EOPNOTSUPP.
    Unsupported,
    /// It does not answer: EIO.
    Io,
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        match error {
            Error::Invalid => Errno::INVAL,
            Error::Unsupported => Errno::OPNOTSUPP,
            Error::Io => Errno::IO,
        }
    }
}
