//! Where the threads run that serve FUSE: on the processor of the client that was seen last.
//!
//! A client that waits for FUSE leaves its processor to whoever answers; a server that sleeps on another one has to be woken
//! across processors, and to wake the client the same way back, which on many machines takes ten times as long as the
//! work (`cargo xtask bench run-front`, unpinned). The kernel does not tell us of a request where it comes from. Of a
//! notification it does, in a way: whoever takes one is woken where its client runs (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP).
//! So a thread that takes notifications notes its processor, and one that serves FUSE goes there before it waits again.
//! Each client opens its device by a notification.

use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Nothing has been seen.
const NOWHERE: usize = usize::MAX;

/// Where clients have been seen.
pub(super) struct Placement {
    follows: bool,
    processor: AtomicUsize,
}

impl Placement {
    /// `OUTLIVE_PLACE` switches it: `free` leaves the threads to the scheduler.
    pub(super) fn new() -> Self {
        let follows = std::env::var_os("OUTLIVE_PLACE").is_none_or(|place| place != "free");
        Placement { follows, processor: AtomicUsize::new(NOWHERE) }
    }

    /// Called by whoever has taken a notification.
    pub(super) fn client_is_here(&self) {
        if self.follows {
            let here = sched_getcpu();
            if self.processor.load(Relaxed) != here {
                self.processor.store(here, Relaxed);
            }
        }
    }

    /// Takes the calling thread to where clients are.
    pub(super) fn follow(&self) {
        thread_local! {
            static HERE: Cell<usize> = const { Cell::new(NOWHERE) };
        }
        let there = self.processor.load(Relaxed);
        if there == NOWHERE || HERE.replace(there) == there || there >= CpuSet::MAX_CPU {
            return;
        }
        let mut processors = CpuSet::new();
        processors.set(there);
        // One that is not ours to run on, or has gone: then we stay where we are.
        let _ = sched_setaffinity(None, &processors);
    }
}
