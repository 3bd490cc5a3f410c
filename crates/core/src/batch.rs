//! Many devices at once, for the price of one heavy fence.

use crate::{Busy, Device, Gone, Policy, Reason, Unplug, device::Part, gate, sync::Instant};
use std::{fmt, time::Duration};

/// Begins the removal of many devices, as [`Device::unplug`] does for one: they are all marked, then comes one heavy
/// fence for all, and then each takes its steps, in the given order. (Unplugging a hundred thousand one by one costs a
/// hundred thousand heavy fences, each an interrupt for every processor that runs this process.)
pub fn unplug_all<'a, S: Part, H: Part>(
    devices: impl IntoIterator<Item = &'a Device<S, H>>,
    reason: Reason,
) -> Batch<S, H> {
    let gone = Gone::now(reason);
    let marked: Vec<_> = devices
        .into_iter()
        .map(|device| {
            let acts = !device.life().gate.is_copy() && device.life().mark(gone, Policy::Detach);
            (device.begun(), acts)
        })
        .collect();
    gate::heavy_fence();
    let take_steps = |(unplug, acts): (Unplug<S, H>, bool)| {
        if acts {
            unplug.life().take_steps(gone);
        } else if !unplug.life().gate.is_copy() {
            unplug.life().cancel_inside();
        }
        unplug
    };
    Batch { unplugs: marked.into_iter().map(take_steps).collect() }
}

/// The removals that [`unplug_all`] has begun.
#[must_use = "the fences hold only after `wait`"]
pub struct Batch<S: Part, H: Part> {
    unplugs: Vec<Unplug<S, H>>,
}

impl<S: Part, H: Part> Batch<S, H> {
    /// Waits for up to `limit` for all of them together. The hardware of each, in the order of the devices: `Ok(None)`
    /// where another unplug has taken it, [`Busy`] where somebody was still inside, who delays no other device (I4).
    pub fn wait(self, limit: Duration) -> Vec<Result<Option<H>, Busy<S, H>>> {
        let deadline = Instant::now().checked_add(limit);
        let held = gate::held();
        let finished = self.unplugs.into_iter().map(|unplug| unplug.finish_unless_held(&held)).collect::<Vec<_>>();
        let left = || deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        finished.into_iter().map(|finished| finished.or_else(|busy| busy.wait(left()))).collect()
    }
}

impl<S: Part, H: Part> fmt::Debug for Batch<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("devices", &self.unplugs.len()).finish()
    }
}
