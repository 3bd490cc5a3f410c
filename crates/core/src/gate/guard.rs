use super::{
    Gate,
    account::Account,
    fence::Fence,
    line::{self, Slot},
};
use crate::sync::{Chosen, planted};
use core::{fmt, ops::Deref};

/// What an operation holds while it is inside: the hardware cannot go away before it is dropped.
///
/// A guard is `Send`. Do not sleep on a condition while you hold one (I14): unplugging waits for it. One that is
/// forgotten ([`core::mem::forget`]) stays inside for ever, and no unplug of the device will finish.
pub struct Guard<'a, H> {
    /// Where it stands; `None` if it is in the count.
    pub(super) slot: Option<&'static Slot>,
    pub(super) gate: &'a Gate<H>,
    /// In debug builds: on whose account it is.
    pub(super) account: Account,
}

impl<H> Guard<'_, H> {
    /// Makes it one that is counted, and frees the place that a guard takes up on its thread, of which each thread has
    /// few: for a guard that is kept for long, or sent to another thread. (Without a place, entering takes longer.)
    #[must_use = "dropping the guard leaves the gate"]
    pub fn into_counted(mut self) -> Self {
        self.account.close();
        if planted!(GuardMovesToSlot) {
            let other = line::further_slot().inspect(|other| other.hold(self.gate.address()));
            Chosen::poll();
            self.slot.inspect(|slot| slot.clear());
            Chosen::poll();
            self.slot = other;
        } else if let Some(slot) = self.slot.take() {
            self.gate.change_over(slot);
        }
        self
    }
}

impl<H> Deref for Guard<'_, H> {
    type Target = H;

    fn deref(&self) -> &H {
        // SAFETY: a guard is only handed out by an `enter` that succeeded, and exits when it is dropped, which the
        // borrow of `self` forbids for as long as the result lives.
        unsafe { self.gate.hardware() }
    }
}

impl<H> Drop for Guard<'_, H> {
    #[inline]
    fn drop(&mut self) {
        match self.slot {
            Some(slot) => self.gate.exit_by(slot),
            None => self.gate.exit(),
        }
    }
}

impl<H> fmt::Debug for Guard<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}
