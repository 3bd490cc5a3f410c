//! The removal law as one suite: thirty-four statements, each with a check and with a planted bug that the check must
//! find. Whatever has devices can run through it, in process or behind a front: it is a [`Subject`].
//!
//! A subject brings a driver that hands every call to a [`FarEnd`], which counts and writes down what reaches it; and
//! users, which may be other processes. The checks know neither classes nor fronts.
//!
//! [`run`] is the `main` of a test: it runs every check, and every check again on the same subject made to break that
//! one statement ([`Planted`]), where the check must fail. What does not apply is listed with its reason, as ignored.

#[macro_use]
mod breach;
mod beginning;
mod far_end;
mod fence;
mod identity;
mod law;
mod mappings;
mod planted;
mod removal;
mod stage;
mod subject;
mod suite;
mod zombie;

pub use breach::Breach;
pub use far_end::{Badge, Behaviour, Entry, FarEnd, Held, Running};
pub use law::{LAW, Statement};
pub use planted::Planted;
pub use subject::{Answer, Happened, MAPPED_WORDS, Mapped, Object, Poll, Rig, Said, Standing, Stuck, Subject, User};
pub use suite::{run, run_all, run_all_if_asked};
