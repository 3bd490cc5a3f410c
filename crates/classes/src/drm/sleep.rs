//! Calls that wait: for events to read, for a vertical blanking, for a commit to be done.

use super::{Inside, Shared, beat::Moment};
use outlive::{Outcome, Parked};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Somebody who waits, in one of two ways.
pub(super) enum Sleep {
    /// Outside the gate of a device that is there; the mark wakes it.
    Parked(Parked<Shared, Inside, ()>),
    /// On a device that has gone, for what still comes.
    Bare(Box<dyn FnOnce(Outcome<()>) + Send>),
}

impl Sleep {
    /// What it waited for is in its cell.
    pub(super) fn wake(self) {
        match self {
            Sleep::Parked(parked) => parked.answer(()),
            Sleep::Bare(wake) => wake(Outcome::Done(())),
        }
    }
}

/// What somebody who waited was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Given {
    /// These events.
    Data(Vec<u8>),
    /// This vertical blanking.
    Moment(Moment),
    /// Nothing will come any more, or not soon enough.
    End,
}

/// Where what a call that waits is given stands, apart from its answer: what nobody reads after all goes back.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell(Arc<Mutex<Option<Given>>>);

impl Cell {
    fn lock(&self) -> MutexGuard<'_, Option<Given>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, given: Given) {
        *self.lock() = Some(given);
    }

    pub(super) fn take(&self) -> Option<Given> {
        self.lock().take()
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().is_some()
    }
}

/// A call that is to wait.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) number: u64,
    pub(super) cell: Cell,
    pub(super) waits: Waits,
}

/// For what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waits {
    /// Events, in as many bytes.
    Read { size: usize },
    /// A vertical blanking; the answer says this as its type.
    Vblank { kind: u32 },
    /// A commit on so many CRTCs.
    Commit { crtcs: usize },
}

/// One of those who wait.
pub(super) struct Sleeper {
    pub(super) client: u64,
    pub(super) cell: Cell,
    pub(super) waits: Waits,
    /// For how many CRTCs still.
    pub(super) left: usize,
    /// The number of its operation, by which it is cancelled.
    pub(super) operation: u64,
    /// `None`: it is about to.
    pub(super) sleep: Option<Sleep>,
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sleep::Parked(_) => "Parked",
            Sleep::Bare(_) => "Bare",
        })
    }
}

impl Ticket {
    /// By what it is cancelled that never was an operation on the hardware.
    pub(super) fn operation(&self) -> u64 {
        self.number | super::vblank::NO_OPERATION
    }
}
