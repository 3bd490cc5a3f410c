//! Many devices at once, for the price of one heavy fence.

use crate::{
    Busy, Device, Gone, Policy, Reason, Unplug,
    device::Part,
    gate,
    sync::{Instant, process_id},
};
use alloc::vec::Vec;
use core::{fmt, time::Duration};

/// Begins the removal of many devices, as [`Device::unplug`] does for one: they are all marked, then comes one heavy
/// fence for all, and then each takes its steps, in the given order. (Unplugging a hundred thousand one by one costs a
/// hundred thousand heavy fences, each an interrupt for every processor that runs this process.)
pub fn unplug_all<'a, S: Part, H: Part>(
    devices: impl IntoIterator<Item = &'a Device<S, H>>,
    reason: Reason,
) -> Batch<S, H> {
    let (gone, process) = (Gone::now(reason), process_id());
    let mark = |device: &Device<S, H>| {
        let is_copy = device.life().gate.is_copy_in(process);
        (device.begun(), is_copy, !is_copy && device.life().mark(gone, Policy::Detach))
    };
    let marked: Vec<_> = devices.into_iter().map(mark).collect();
    gate::heavy_fence();
    let take_steps = |(unplug, is_copy, acts): (Unplug<S, H>, bool, bool)| {
        match (is_copy, acts) {
            (true, _) => {}
            (false, true) => unplug.life().take_steps(gone),
            (false, false) => unplug.life().cancel_inside(),
        }
        (unplug, is_copy)
    };
    Batch { unplugs: marked.into_iter().map(take_steps).collect() }
}

/// The removals that [`unplug_all`] has begun.
#[must_use = "the fences hold only after `wait`"]
pub struct Batch<S: Part, H: Part> {
    /// With each, whether it is another process's.
    unplugs: Vec<(Unplug<S, H>, bool)>,
}

impl<S: Part, H: Part> Batch<S, H> {
    /// Waits for up to `limit` for all of them together. The hardware of each, in the order of the devices: `Ok(None)`
    /// where another unplug has taken it, [`Busy`] where somebody was still inside, who delays no other device (I4).
    pub fn wait(self, limit: Duration) -> Vec<Result<Option<H>, Busy<S, H>>> {
        let now = Instant::now();
        let deadline = now.checked_add(limit);
        let held = gate::held();
        // First those that nobody is inside of, whatever becomes of the others.
        let first_look = |(unplug, is_copy): (Unplug<S, H>, bool)| match is_copy {
            true => unplug.wait(Duration::ZERO),
            false => unplug.finish_unless_held(&held, now),
        };
        let mut ends: Vec<_> = self.unplugs.into_iter().map(first_look).collect();
        let left = || deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        for end in &mut ends {
            if end.is_err() {
                *end = core::mem::replace(end, Ok(None)).or_else(|busy| busy.wait(left()));
            }
        }
        ends
    }
}

impl<S: Part, H: Part> fmt::Debug for Batch<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("devices", &self.unplugs.len()).finish()
    }
}
