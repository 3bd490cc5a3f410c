//! Devices whose handles outlive their hardware.
//!
//! Hardware vanishes while programs hold its file open, sleep in a read, or are in the middle of a call. Each subsystem
//! of Linux answers that differently, and often badly: removal waits for the last user instead of the last operation, or
//! fences before it wakes the sleepers, or checks for life and uses later. This crate takes removal as the normal case.
//!
//! # The story
//! A [`Device`] has **two lifetimes**, which are its type parameters. What handles *share* ends with the last of them,
//! even years after the pull. The *hardware* ends at the pull: nothing can name it without a [`Guard`], and when
//! [`unplug`](Device::unplug) has finished, it comes back **by value**. Whoever has it then has it alone, for nothing of
//! the driver runs any more, and nothing ever will: that is the *fence*.
//!
//! Here is a whole driver, its pull, and its zombie:
//!
#![doc = concat!("```\n", include_str!("../examples/button.rs"), "```")]
//!
//! What happens at the pull, in one order for every device ([`Step`]):
//!
//! 1. **The mark**: the gate is shut. [`Handle::enter`] *is* the check for life, and holds until the guard is dropped, so
//!    nobody is between the check and the use (I9). From here on every operation gets [`Gone`], whatever the handle.
//! 2. **The names** go: [`Device::on_names`].
//! 3. **Sleepers wake**, and what is inside is cancelled: [`Handle::on_gone`], [`Request`], [`Stream`].
//! 4. **The drain** waits for operations, never for handles; if somebody does not leave, [`Busy`] says who (I6).
//! 5. **Teardown**: the driver's last word, if there is hardware to hear it ([`Builder::teardown`]).
//! 6. **Release**: what was tied to the hardware's lifetime goes, in reverse order ([`Managed`]).
//!
//! # What there is
//! | for | |
//! |---|---|
//! | going inside | [`Guard`], about a nanosecond, for drivers and services; [`Operation`], with a record of who, what and since when, for fronts and classes |
//! | operations that take their time | [`Request`], which a driver owns and which is answered exactly once (I17); [`Parked`], which holds no fence up |
//! | being told | [`Subscribers`] and [`Stream`]: bounded, the removal last and once (I21); [`Events`] for those who watch many devices |
//! | states | [`State`]: closing, quiesced, blocked, offline, in one table; whoever waits is parked outside the gate (I5) |
//! | removal of every kind | by surprise, in good order, [prepared](Device::prepare), with a [`Policy`], [noticed](Noticer) by the driver, from inside, [awaited](Finish), [many at once](unplug_all) |
//! | resources | [`Managed`] lists of either lifetime, [`Group`]s, and a [`Probe`] that unwinds |
//! | many devices | [`Tree`]: children go first, a reset is never held hostage; [`Registry`]: drivers come and go (I30) |
//! | identity | [`Number`]s that are not given out again while a zombie holds them (I26, I27); [`Status`] for whoever asks (I31) |
//!
//! # May I sleep while I am inside?
//! No: whoever unplugs the device waits for you. What has to wait for a condition does so outside, and is woken by the
//! mark. [`about_to_wait`] catches it in debug builds (I14).
//!
//! # Without std
//! With `default-features = false` the crate needs `core` and `alloc` only, on any target that has atomics of 64 bits. The
//! interface is the same, and so is the law. What differs:
//!
//! - To sleep, to know the time and to tell threads apart it asks a [`platform`], which the program installs before its
//!   first device. Without one it spins, and what that means for limits is said at [`platform::install`]. [`Instant`] is
//!   of that clock.
//! - Every guard is counted, which takes some ten times as long, and [`prepare`] says `false`. The threads of bare guards
//!   are not known, so [`Busy::guards`] is empty; [`Busy::inside`] counts them. [`about_to_wait`] catches nobody.
//! - Nobody catches a panic of a hook, of an action or of a driver: it goes on to the program's handler. Where panics
//!   unwind, its removal is left half done: the device stays dead, and no fence is claimed. Let them not panic, or build
//!   with `panic = "abort"`.
//! - There is no process to abort: where guards or handles have been forgotten in a loop until their count is about to
//!   wrap, a panic comes that nothing can catch; the program's panic handler must not return to what it was doing.
//! - There is no fork(2), so nothing looks for one.
//! - An interrupt handler must not call this crate: whoever it interrupts may hold the lock that it would wait for.
//!
//! # The removal law
//! The numbers I1 to I34 in these pages are the statements of the removal law; `ARCHITECTURE.md` lists them with the
//! place where each is kept.

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(all(not(feature = "std"), any(loom, shuttle)))]
compile_error!("the models of loom and shuttle need the feature `std`");

extern crate alloc;

mod batch;
mod book;
mod builder;
mod device;
mod event;
mod finish;
mod gate;
mod gone;
mod guard_inside;
mod handle;
mod hook;
mod life;
mod limb;
mod managed;
#[cfg(any(loom, shuttle))]
#[doc(hidden)]
pub mod mutants;
mod noticer;
mod number;
mod operation;
mod parked;
pub mod platform;
mod policy;
mod probe;
mod queue;
mod refused;
mod registry;
mod request;
mod state;
mod status;
mod sync;
mod tree;
mod unplug;
mod users;
mod watch;

pub use batch::{Batch, unplug_all};
pub use builder::Builder;
pub use device::{Device, Part};
pub use event::{Change, Event, Events, Watcher};
pub use finish::Finish;
pub use gate::Guard;
#[cfg(loom)]
#[doc(hidden)]
pub use gate::interrupts::{BareGate, asleep, asymmetric};
pub use gone::{Generation, Gone, Reason};
pub use guard_inside::GuardInside;
pub use handle::{Handle, HandleId};
pub use life::Step;
pub use limb::{AnyHardware, Removal, Stuck};
pub use managed::{Action, Group, HardwareLife, Kept, LifeOver, Lifetime, Managed, SharedLife};
pub use noticer::Noticer;
pub use number::{Held, Number, Numbers};
pub use operation::{Inside, Operation};
pub use parked::Parked;
pub use policy::{Policy, UnknownPolicy};
pub use probe::Probe;
pub use queue::{Item, Stream, Subscribers};
pub use refused::Refused;
pub use registry::{Driver, DriverError, DriverId, Registry};
pub use request::{Cause, Outcome, Request};
pub use state::{IllegalTransition, State};
pub use status::Status;
pub use sync::Instant;
#[cfg(loom)]
#[doc(hidden)]
pub use sync::bare_lock::BareLock;
pub use tree::{Place, Reset, Tree, TreeError};
pub use unplug::{Busy, REMOVAL_BUDGET, Unplug};
pub use users::Users;
pub use watch::Watch;

/// To be called before a thread waits for something that others bring about: in a debug build it panics if the thread is
/// inside a gate by a bare [`Guard`], since every unplug would wait for that sleeper (I14). What waits in this crate calls
/// it by itself; a driver with waits of its own should, too. In a release build it does nothing.
///
/// A guard counts for the thread that it was taken on. One that is meant to be kept for long or sent to another thread is
/// taken off the account by [`Guard::into_counted`].
#[track_caller]
pub fn about_to_wait() {
    debug_assert!(gate::guards_here() == 0, "a thread is about to wait while it is inside a gate by a guard (I14)");
}

/// Makes the process ready for guards at their best: registers it for the heavy fence (membarrier(2), private and
/// expedited). `false` if there is none here: then every guard is counted, which is correct and some ten times slower.
///
/// The first device does this by itself. It takes 2 to 3 us in a process with one thread, and 10 to 20 ms once there are
/// more, since the kernel then waits for every processor; a program that starts threads before its first device may
/// therefore call it early in `main`.
pub fn prepare() -> bool {
    gate::prepare()
}
