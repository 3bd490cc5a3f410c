//! What a driver of this class is: a device that people touch.

use super::{ClockId, Description, Effect, Inside, Shared, Sink, Value};
use crate::{Errno, plugged::errno_said};
use outlive::{Noticer, Request};
use std::{fmt, time::Duration};

/// An effect that is being uploaded or erased, in its driver's hands.
pub type Order = Request<Shared, Inside, Result<(), Error>>;

/// An input device, as `struct input_dev` of `linux/input.h` describes one.
///
/// It is called inside the gate and must not block. It may keep an [`Order`] and answer it later; then it registers
/// [`Request::on_cancel`] and lets go when told.
pub trait Driver: Send + Sync + fmt::Debug {
    /// What it is; the same all its life.
    fn description(&self) -> Description;

    /// An event for it: an LED, a sound, how keys are repeated, an effect that is to be played (type `EV_FF`, of which
    /// the code is the effect's number or `FF_GAIN` and its like). `event` of `struct input_dev`.
    fn output(&self, value: Value) {
        let _ = value;
    }

    /// Takes an effect, which has its number, and may replace another. Asked only of a device with `EV_FF`.
    fn upload(&self, effect: Effect, old: Option<Effect>, order: Order) {
        let _ = (effect, old);
        order.answer(Ok(()));
    }

    /// Forgets effect `number`, which has been stopped.
    fn erase(&self, number: u16, order: Order) {
        let _ = number;
        order.answer(Ok(()));
    }

    /// Given to the device as it is plugged in, once for each of its lives.
    fn plugged(&self, wiring: Wiring);

    /// It has its first user. What a device does by itself it begins here, since nobody sees it before, and since a lab is
    /// plugged together before its process has threads.
    fn opened(&self) {}

    /// Its last user has left.
    fn closed(&self) {}

    /// The last word after the drain of an orderly removal (I12).
    fn teardown(&mut self) {}

    /// Its life is over: it lets go of what [`plugged`](Driver::plugged) gave it, and begins nothing more. Whoever owns it
    /// then calls this, after the fence, and after [`teardown`](Driver::teardown) where there is one.
    fn unplugged(&mut self);
}

/// What a device is connected to for one of its lives.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Says that the device has gone (I34): at any time, from any thread.
    pub noticer: Noticer,
    /// Where its events go.
    pub sink: Sink,
}

/// Where the class takes the time from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time since the epoch of that clock.
    fn time(&self, clock: ClockId) -> Duration;

    /// Calls `then` once when `delay` has passed. It does not block.
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>);
}

/// Why a device did not take an effect, or did not erase one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// It knows no such effect: EINVAL.
    Invalid,
    /// It has no room for it: ENOSPC.
    Full,
    /// It does not answer: EIO.
    Io,
    /// A driver elsewhere said so, by its number of `asm-generic/errno.h`; EIO if it is none, or 512 or more: those are the
    /// kernel's own.
    Said(i32),
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        match error {
            Error::Invalid => Errno::INVAL,
            Error::Full => Errno::NOSPC,
            Error::Said(code) => errno_said(code),
            Error::Io => Errno::IO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_no_number_that_the_kernel_keeps_to_itself() {
        for (code, want) in [(5, 5), (511, 511), (512, 5), (1000, 5), (4096, 5), (0, 5), (-7, 5), (i32::MIN, 5)] {
            assert_eq!(Errno::from(Error::Said(code)).raw_os_error(), want, "{code}");
        }
    }
}
