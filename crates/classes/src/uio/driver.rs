//! What a driver of this class is: a board with memory to map, and an interrupt.

use super::{Inside, Line, Shared};
use crate::{Errno, SharedMemory};
use outlive::{Noticer, Request};
use std::{fmt, sync::Arc};

/// A change of the interrupt's control in its driver's hands.
pub type Control = Request<Shared, Inside, Result<(), Error>>;

/// A board, as `struct uio_info` of `linux/uio_driver.h` describes one.
///
/// It is called inside the gate and must not block. It may keep a [`Control`] and answer it later; then it registers
/// [`Request::on_cancel`] and lets go when told.
pub trait Driver: Send + Sync + fmt::Debug {
    /// The sizes of its regions in bytes, at most [`MAX_MAPS`](super::uapi::MAX_MAPS) of them. Clients map region n at
    /// offset n times the page size.
    fn regions(&self) -> Vec<u64>;

    /// What it is called: the attribute `name` of /sys.
    fn name(&self) -> String {
        "outlive".to_owned()
    }

    /// Whether it has an interrupt. Without one read and write say EIO, and poll says that read would.
    fn has_interrupt(&self) -> bool {
        true
    }

    /// Whether clients can turn its interrupt on and off. Without that write says ENOSYS.
    fn has_control(&self) -> bool {
        self.has_interrupt()
    }

    /// A client wrote `on` to turn the interrupt on (1) or off (0): `irqcontrol`. What other numbers mean is the board's
    /// affair.
    fn control(&self, on: u32, control: Control);

    /// Given to the board as it is plugged in, once for each of its lives.
    fn plugged(&self, wiring: Wiring);

    /// Somebody has opened it: `open` of `struct uio_info`. What a board does by itself it begins here, since nobody sees it
    /// before, and since a lab is plugged together before its process has threads.
    fn opened(&self) {}

    /// Its life is over: it lets go of what [`plugged`](Driver::plugged) gave it, and begins nothing more. Whoever owns the
    /// board then calls this, after the fence, and after [`teardown`](Driver::teardown) where there is one.
    fn unplugged(&mut self);

    /// The last word after the drain of an orderly removal (I12).
    fn teardown(&mut self) {}
}

/// What a board is connected to for one of its lives.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Says that the board has gone (I34): at any time, from any thread.
    pub noticer: Noticer,
    /// Its interrupt line.
    pub line: Line,
    /// The memory of each region, all zeroes, which clients map.
    pub memory: Vec<Arc<dyn SharedMemory>>,
}

/// Why an interrupt could not be turned on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The board knows no such setting: EINVAL.
    Invalid,
    /// The board does not answer: EIO.
    Io,
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        match error {
            Error::Invalid => Errno::INVAL,
            Error::Io => Errno::IO,
        }
    }
}
