//! Unplugging: a device with all that hangs on it.

use super::{Lab, UnplugError, Unplugged, bare, class::Class, holders::Killed, places::Attended};
use outlive::{Generation, Policy, REMOVAL_BUDGET, Reason};
use outlive_classes::{Hardware, Plugged, StillBusy};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What the unplug of a device said.
type Said = Result<Option<Hardware>, StillBusy>;

/// A removal that has begun: the device is marked.
struct Begun {
    name: String,
    generation: Generation,
    since: Instant,
    /// The device, and what its unplug said; `None` if it was behind its fence before.
    device: Option<(Arc<dyn Plugged>, Said)>,
    attended: Attended,
}

impl Lab {
    /// Removes the device of that name: `i2c-7`, or `/dev/i2c-7`. Returns behind the fence, or after `limit`. For a
    /// device that is gone already it waits for the fence, too (I13). With [`Policy::Drain`] nothing inside is
    /// cancelled; with [`Policy::Kill`] the processes that hold it are killed, before the fence is waited for.
    ///
    /// What hangs on it goes before it: all are marked, the deepest first, before any is waited for, and who is stuck
    /// holds nobody else up.
    ///
    /// # Errors
    /// [`UnplugError::Busy`] if the limit passed: the device is dead, and unplugging it again waits on.
    pub fn unplug(
        &self,
        name: &str,
        reason: Reason,
        policy: Policy,
        limit: Duration,
    ) -> Result<Unplugged, UnplugError> {
        let since = Instant::now();
        let name = bare(name);
        let below = self.begin_below(name, reason, policy, since);
        let card = self.cards.end(name);
        if let Some((generation, true)) = card {
            self.places.events.tell(name, generation, outlive::Change::Unplugged(reason));
        }
        let own = if card.is_some() { None } else { Some(self.begin(name, reason, policy, since)?) };
        let below = self.finish_below(below, reason, policy, limit);
        let own = own.map(|begun| self.finish(begun, reason, policy, limit)).transpose()?;
        let mut killed = Vec::new();
        let mut handles = 0;
        for one in below {
            let one = one?;
            killed.extend(one.killed);
            handles += one.handles;
        }
        Ok(match (own, card) {
            (Some(own), _) => Unplugged { killed: killed.into_iter().chain(own.killed).collect(), ..own },
            (None, card) => {
                let (generation, acted) = card.unwrap_or((Generation(0), false));
                let (name, took) = (name.to_owned(), since.elapsed());
                Unplugged { name, generation, took, handles, already: !acted, acted, killed }
            }
        })
    }

    /// Puts away what lives in a process of its own, in good order, at the end of a program whose devices nobody uses any more;
    /// what takes longer than the budget of a removal ends with us.
    pub fn put_away(&self) {
        for device in self.devices() {
            if device.class() != Class::Tpm.name() && !self.served.has(&device.node().name) {
                continue;
            }
            let _ = device.unplug(Reason::Orderly, Policy::Detach, REMOVAL_BUDGET);
        }
    }

    /// Marks all that hangs on `name`, the deepest first.
    fn begin_below(&self, name: &str, reason: Reason, policy: Policy, since: Instant) -> Vec<Begun> {
        let below = self.places.kin.below(name);
        below.iter().filter_map(|child| self.begin(child, reason, policy, since).ok()).collect()
    }

    /// Waits for those, until `limit` after they began in all. What a client has made does not come back.
    fn finish_below(
        &self,
        begun: Vec<Begun>,
        reason: Reason,
        policy: Policy,
        limit: Duration,
    ) -> Vec<Result<Unplugged, UnplugError>> {
        let finish = |begun: Begun| {
            let result = self.finish(begun, reason, policy, limit);
            if let Ok(Unplugged { name, .. }) = &result
                && !self.places.kin.is_lasting(name)
            {
                self.disown(name);
            }
            result
        };
        begun.into_iter().map(finish).collect()
    }

    /// Forgets what hangs on what, of a device that shall not come back, and of those below it.
    pub(super) fn disown(&self, name: &str) {
        let below = self.places.kin.below(name);
        self.places.kin.untie(name);
        for name in below.iter().map(String::as_str).chain([name]) {
            let _ = self.take_hardware(name);
        }
    }

    /// As [`disown`](Lab::disown), unless another life has begun there.
    pub(super) fn disown_life(&self, name: &str, generation: Generation) {
        self.places.prune();
        let mut table = self.places.lock();
        let kept = table.get_mut(name).filter(|place| place.generation == generation).map(|place| place.kept.take());
        drop(table);
        if kept.is_some() {
            self.places.kin.untie(name);
        }
    }

    /// Pulls what hangs on `name`, which stays, for a reset; waits for up to `limit`.
    pub(super) fn pull_below(&self, name: &str, limit: Duration) -> Vec<Result<Unplugged, UnplugError>> {
        let begun = self.begin_below(name, Reason::Reset, Policy::Detach, Instant::now());
        self.finish_below(begun, Reason::Reset, Policy::Detach, limit)
    }

    fn begin(&self, name: &str, reason: Reason, policy: Policy, since: Instant) -> Result<Begun, UnplugError> {
        let (device, generation, attended) = {
            let mut table = self.places.lock();
            let Some(place) = table.get_mut(name) else {
                drop(table);
                return Err(UnplugError::Unknown { name: name.to_owned(), known: self.known() });
            };
            let attended = self.places.attend(name, place);
            (place.live.clone().or_else(|| place.leaving()), place.generation, attended)
        };
        let device = device.map(|device| {
            let removal = device.unplug(reason, policy, Duration::ZERO);
            (device, removal)
        });
        Ok(Begun { name: name.to_owned(), generation, since, device, attended })
    }

    fn finish(&self, begun: Begun, reason: Reason, policy: Policy, limit: Duration) -> Result<Unplugged, UnplugError> {
        let Begun { name, generation, since, device, attended: _attended } = begun;
        let left = || limit.saturating_sub(since.elapsed());
        let Some((device, mut removal)) = device else {
            let handles = self.places.lock().get(&name).map_or(0, |place| place.zombies());
            let took = since.elapsed();
            return Ok(Unplugged { name, generation, took, handles, already: true, acted: false, killed: Vec::new() });
        };
        let mut killed: Vec<Killed> = Vec::new();
        if policy == Policy::Kill {
            killed = self.holders.get().map(|holders| holders.kill(&device)).unwrap_or_default();
        }
        if removal.is_err() {
            removal = device.unplug(reason, policy, left());
        }
        let removed = match removal {
            Ok(removed) => removed,
            Err(busy) => {
                let waited = since.elapsed();
                return Err(UnplugError::Busy { name, generation, waited, busy, killed });
            }
        };
        let acted = removed.is_some();
        match removed {
            Some(hardware) => self.places.keep(&*device, hardware),
            // Another unplug got the hardware; it is about to bring it.
            None => drop(self.places.wait_until_kept(&name, generation, left())),
        }
        let (took, handles) = (since.elapsed(), device.handles());
        Ok(Unplugged { name, generation, took, handles, already: false, acted, killed })
    }
}
