//! Devices whose handles outlive their hardware.
//!
//! Hardware vanishes while programs hold its file open, sleep in a read, or are in the middle of a call. A [`Device`]
//! takes that as the normal case:
//!
//! - [`Handle`]s are not waited for. After the mark they are zombies, and every operation on one gets [`Gone`].
//! - Entering the gate ([`Handle::enter`]) *is* the check for life, and holds until the [`Guard`] is dropped.
//! - [`Device::unplug`] goes through one order for every device ([`Step`]): the mark, the names, the waking of sleepers,
//!   the drain. Then it gives the hardware back **by value**: nothing of the driver runs, and nothing ever will.
//! - An operation that a driver answers later is a [`Request`], which the driver owns and which is answered exactly
//!   once: with the driver's answer, or as cancelled by the mark.
//! - A [`Number`] is not given out again while a handle to its former owner lives.
//!
//! ```
//! use outlive::{Device, Reason, REMOVAL_BUDGET};
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! struct Register(AtomicU32);                         // the hardware
//!
//! let device = Device::new("counter", Register(AtomicU32::new(0)));
//! let handle = device.open()?;
//! let reader = std::thread::spawn(move || {
//!     let mut count = 0;
//!     while let Ok(guard) = handle.enter() {          // Err(Gone) after the mark: the loop ends
//!         guard.0.fetch_add(1, Ordering::Relaxed);
//!         count += 1;
//!     }
//!     count
//! });
//! # while device.open()?.enter()?.0.load(Ordering::Relaxed) == 0 {}
//! let Register(value) = device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET)?.unwrap();
//! assert_eq!(value.into_inner(), reader.join().unwrap());     // not one access after the fence
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The removal law
//! The numbers I1 to I34 in these pages are the statements of the removal law; `ARCHITECTURE.md` lists them with the
//! place where each is kept.

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
