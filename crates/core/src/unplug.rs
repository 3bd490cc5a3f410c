use crate::{
    Inside, Step,
    device::Life,
    sync::{Arc, lock, wait},
};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The removal budget T: how long an unplug is waited for unless its owner says otherwise.
pub const REMOVAL_BUDGET: Duration = Duration::from_secs(1);

/// A removal that has begun. The device is dead already; what is left is to wait until nobody is inside.
#[must_use = "the fence holds only after `wait` has returned Ok"]
pub struct Unplug<S, H> {
    life: Arc<Life<S, H>>,
}

impl<S, H> Unplug<S, H> {
    pub(crate) fn new(life: Arc<Life<S, H>>) -> Self {
        Unplug { life }
    }

    /// Waits for the fence and gives the hardware back; whoever gets it has it alone. `Ok(None)` means that another
    /// unplug has taken it: the fence holds all the same.
    ///
    /// # Errors
    /// [`Busy`] after `limit`: the device is dead, the fence is not there yet, and [`Busy::wait`] waits on.
    pub fn wait(self, limit: Duration) -> Result<Option<H>, Busy<S, H>> {
        // A limit too large for the clock is no limit.
        let deadline = Instant::now().checked_add(limit);
        let mut book = lock(&self.life.book);
        while book.step < Step::Woken {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                drop(book);
                return Err(Busy { unplug: self });
            }
            book = wait(&self.life.moved, book, deadline);
        }
        drop(book);
        match self.life.gate.drain(deadline) {
            Ok(hardware) => {
                if hardware.is_some() {
                    self.life.reach(Step::Drained);
                }
                Ok(hardware)
            }
            Err(_) => Err(Busy { unplug: self }),
        }
    }
}

impl<S, H> fmt::Debug for Unplug<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unplug")
    }
}

/// The limit passed while somebody was inside. The device stays dead; nothing is claimed about the fence (I6).
pub struct Busy<S, H> {
    unplug: Unplug<S, H>,
}

impl<S, H> Busy<S, H> {
    /// The recorded operations that are still inside.
    pub fn culprits(&self) -> Vec<Inside> {
        self.unplug.life.inside()
    }

    /// How many are inside in all, bare guards included.
    pub fn inside(&self) -> usize {
        self.unplug.life.gate.inside()
    }

    /// Waits on.
    ///
    /// # Errors
    /// [`Busy`] again, after `limit`.
    pub fn wait(self, limit: Duration) -> Result<Option<H>, Busy<S, H>> {
        self.unplug.wait(limit)
    }
}

impl<S, H> fmt::Display for Busy<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let culprits = self.culprits();
        let bare = self.inside().saturating_sub(culprits.len());
        f.write_str("the device is dead, but not everybody has left it: ")?;
        for (i, culprit) in culprits.iter().enumerate() {
            write!(f, "{}{culprit}", if i == 0 { "" } else { "; " })?;
        }
        match (culprits.is_empty(), bare) {
            (_, 0) => Ok(()),
            (true, n) => write!(f, "{n} without a record"),
            (false, n) => write!(f, "; and {n} without a record"),
        }
    }
}

impl<S, H> fmt::Debug for Busy<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Busy").field("culprits", &self.culprits()).field("inside", &self.inside()).finish()
    }
}

impl<S, H> std::error::Error for Busy<S, H> {}
