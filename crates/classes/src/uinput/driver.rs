//! What the class needs of whoever has its devices: a place where input devices are plugged in.

use crate::{
    Errno,
    input::{self, Sink},
};
use std::{fmt, time::Duration};

/// Where the devices that programs make are plugged in, as any other input device is: with a number, names, and all that
/// programs hear of devices.
///
/// Both are called inside the gate of the uinput device. Neither calls back into the class but for the driver that is
/// plugged in, and for what is told of a removal.
pub trait Ports: Send + Sync + fmt::Debug {
    /// Plugs `driver` in. When it returns the device is there, with its node. Gives the 5 of `input5`.
    ///
    /// # Errors
    /// ENOSPC if there is no number left; ENODEV if there is no place any more; what else there is to say.
    fn plug(&self, driver: Box<dyn input::Driver>) -> Result<u32, Errno>;

    /// Pulls device `number`, if it is still the one whose events go to `sink`: the mark is there when it returns, and the fence
    /// is waited for, for up to `limit`. It does not come back.
    fn unplug(&self, number: u32, sink: &Sink, limit: Duration);
}
