//! What the crate needs of the system below it, where there is no std.

#[cfg(not(feature = "std"))]
mod spinning;

use core::{error::Error, fmt, sync::atomic::AtomicU32, time::Duration};

/// What an embedder supplies to a build without the feature `std`: a sleep, a clock, and who is running. It is given to
/// [`install`] once, before the first device.
///
/// The sleep is that of Linux' futex(2) (`FUTEX_WAIT`, `FUTEX_WAKE`), of `WaitOnAddress`, and of C++20's
/// `atomic::wait` with a limit. All of it may be called by any thread at any time, but by no interrupt handler; none may
/// call this crate.
pub trait Platform: Sync {
    /// Sleeps while `word` has `value`, until it is woken or `limit` is over; `None` is no limit. It may also wake for
    /// nothing.
    ///
    /// The look at the word and the falling asleep are one step for those who wake: whoever changes the word and then
    /// wakes finds this thread asleep, or this thread finds the word changed.
    fn wait(&self, word: &AtomicU32, value: u32, limit: Option<Duration>);

    /// Wakes one thread that sleeps on `word`, if any does.
    fn wake_one(&self, word: &AtomicU32);

    /// Wakes every thread that sleeps on `word`.
    fn wake_all(&self, word: &AtomicU32);

    /// The time since some start, which is the same for every thread. It never goes back.
    fn now(&self) -> Duration;

    /// The running thread: no two that exist at the same time have the same number, and none has [`u64::MAX`]. By it an
    /// unplug knows that it would wait for itself.
    fn thread(&self) -> u64;
}

/// Makes `platform` the one that this crate uses, for good.
///
/// Without one, the first question that the crate has for its platform (the first device has one, when it is made)
/// decides for a platform that **spins**:
///
/// - Who waits turns in a loop of [`core::hint::spin_loop`], for as long as it takes.
/// - It has no clock, but counts each turn of whoever waits as 10 ns, so a limit passes by waiting: roughly on time where
///   a turn takes as long, late on most processors, and never while nobody waits. A limit of zero is one look, and
///   [`Duration::MAX`] is no limit, as on any other platform. [`Gone::since`](crate::Gone::since) and ages say as little as
///   such a clock can.
/// - It takes all threads for one and the same, so an unplug that would have to wait for a *hook* that another thread is
///   in the middle of gets [`Busy`](crate::Busy) at once. Operations and guards are waited for.
///
/// That does for a program with one thread. A program with more installs a platform.
///
/// # Errors
/// [`AlreadyDecided`] if there is one, or if the crate is in use: threads may be asleep by its means. In a build with the
/// feature `std` always, since there it is std.
pub fn install(platform: &'static dyn Platform) -> Result<(), AlreadyDecided> {
    decide_for(platform)
}

/// The platform had been decided before [`install`] was called; it stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlreadyDecided;

impl fmt::Display for AlreadyDecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match cfg!(feature = "std") {
            true => "the platform is std: build outlive with default-features = false to use another",
            false => "the platform has been decided: install one before the first device, and once",
        })
    }
}

impl Error for AlreadyDecided {}

#[cfg(feature = "std")]
fn decide_for(_platform: &'static dyn Platform) -> Result<(), AlreadyDecided> {
    Err(AlreadyDecided)
}

#[cfg(not(feature = "std"))]
use decided::decide_for;
#[cfg(not(feature = "std"))]
pub(crate) use decided::platform;

#[cfg(not(feature = "std"))]
mod decided {
    use super::{AlreadyDecided, Platform, spinning::Spinning};
    use crate::sync::OnceLock;

    static DECIDED: OnceLock<&'static dyn Platform> = OnceLock::new();
    static SPINNING: Spinning = Spinning::new();

    pub(super) fn decide_for(platform: &'static dyn Platform) -> Result<(), AlreadyDecided> {
        DECIDED.set(platform).map_err(|_| AlreadyDecided)
    }

    /// The platform there is; from here on there is one.
    pub(crate) fn platform() -> &'static dyn Platform {
        *DECIDED.get_or_init(|| &SPINNING)
    }
}
