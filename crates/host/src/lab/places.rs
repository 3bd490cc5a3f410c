//! Where the devices of a lab come and go: one place a name, kept for as long as the lab lives.

use super::{
    connectors::names_of,
    entries::Entries,
    hotplug::Told,
    kin::Kinship,
    observe::{Detail, DeviceChange, Operations},
    report::DeviceReport,
};
use outlive::{Change, Events, Generation, Gone, Policy, Reason};
use outlive_classes::{Hardware, Plugged, drm};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// The places of a lab.
///
/// The table's lock is never held while a device is asked to do something: unplugging one comes back here to take its
/// name away.
pub(super) struct Places {
    table: Mutex<BTreeMap<String, Place>>,
    /// Notified when hardware comes back.
    settled: Condvar,
    pub(super) events: Events,
    pub(super) kin: Kinship,
    pub(super) told: Told,
    /// Changed under the table's lock, so that the last one to come is the one that is shown.
    pub(super) entries: Entries,
    at_mark: RwLock<Vec<Box<dyn Fn() + Send + Sync>>>,
    /// Who watches the operations hears of the devices as well, in the order in which both come.
    operations: Arc<Operations>,
}

/// What is, and was, under one name.
pub(super) struct Place {
    pub(super) class: &'static str,
    pub(super) number: u32,
    /// The latest life that began here.
    pub(super) generation: Generation,
    /// The device that has the name.
    pub(super) live: Option<Arc<dyn Plugged>>,
    /// Those that had it, while they have handles or their hardware has not come back. They hold the number.
    former: Vec<Former>,
    /// What the last of them gave back.
    pub(super) kept: Option<Kept>,
    /// How many unplugs of what is here go on, and will bring its hardware back.
    attended: usize,
}

/// An unplug that goes on, as long as this is kept.
pub(super) struct Attended {
    places: Arc<Places>,
    name: String,
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(place) = self.places.lock().get_mut(&self.name) {
            place.attended -= 1;
        }
    }
}

/// What a device is plugged in with again.
pub(super) enum Kept {
    /// What came back from behind its fence.
    Hardware(Hardware),
    /// It is a part of another, and is made anew: what came back would hold on to the life that the other was in.
    Part,
}

struct Former {
    device: Arc<dyn Plugged>,
    /// Whether its hardware has been given back: it is behind its fence.
    fenced: bool,
}

impl Place {
    /// The life whose removal has begun and not finished. There is at most one: neither the number nor the hardware
    /// can be had before.
    pub(super) fn leaving(&self) -> Option<Arc<dyn Plugged>> {
        self.former.iter().find(|former| !former.fenced).map(|former| former.device.clone())
    }

    /// How many open files there are to what was here.
    pub(super) fn zombies(&self) -> usize {
        self.former.iter().map(|former| former.device.handles()).sum()
    }
}

impl Places {
    pub(super) fn new(operations: Arc<Operations>) -> Self {
        Places {
            table: Mutex::default(),
            settled: Condvar::new(),
            events: Events::new(),
            kin: Kinship::default(),
            told: Told::default(),
            entries: Entries::default(),
            at_mark: RwLock::default(),
            operations,
        }
    }

    /// Tells what became of `device`, besides its coming and going.
    pub(super) fn changed(&self, device: &Arc<dyn Plugged>, change: DeviceChange) {
        let name = &device.node().name;
        self.tell_observer(name, device.generation(), change);
        let table = self.lock();
        // Unless its end has overtaken it.
        let live = table.get(name).and_then(|place| place.live.as_ref());
        if live.is_some_and(|live| Arc::ptr_eq(live, device)) {
            self.told.tell(device, change);
        }
    }

    /// Tells what became of a connector of that life of a card, if that is there.
    pub(super) fn hung(&self, name: &str, generation: Generation, change: drm::Change) {
        let live = self.lock().get(name).and_then(|place| place.live.clone());
        if let Some(card) = live.filter(|live| live.generation() == generation) {
            if let Some(connector) = names_of(&*card).get(change.connector) {
                let what = if change.connected { Change::Connected } else { Change::Disconnected };
                self.events.tell(connector, generation, what);
            }
            self.changed(&card, DeviceChange::Connector(change));
        }
    }

    fn tell_observer(&self, device: &str, generation: Generation, change: DeviceChange) {
        self.operations.detail(|| Some(Detail::Changed { device, generation, change }));
    }

    /// An unplug of what is in that place begins.
    pub(super) fn attend(self: &Arc<Self>, name: &str, place: &mut Place) -> Attended {
        place.attended += 1;
        Attended { places: self.clone(), name: name.to_owned() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `device` its name, and takes it away again at the mark.
    pub(super) fn settle(self: &Arc<Self>, number: u32, device: Arc<dyn Plugged>) {
        let (name, generation) = (device.node().name.clone(), device.generation());
        let replaced = {
            let mut table = self.lock();
            let place = table.entry(name.clone()).or_insert_with(|| Place {
                class: device.class(),
                number,
                generation,
                live: None,
                former: Vec::new(),
                kept: None,
                attended: 0,
            });
            // Somebody else may have plugged another in meanwhile, whose last owner this is.
            let live = place.live.replace(device.clone());
            place.generation = generation;
            self.entries.add(&device);
            self.events.tell(&name, generation, Change::Plugged);
            self.told.tell(&device, DeviceChange::Plugged);
            self.tell_observer(&name, generation, DeviceChange::Plugged);
            (live, place.kept.take())
        };
        // With no lock held: it comes back here to take its name away.
        drop(replaced);
        let places = Arc::downgrade(self);
        device.on_names(Box::new(move |gone| {
            if let Some(places) = places.upgrade() {
                places.retire(&name, generation, gone);
                places.follow(&name, gone);
            }
        }));
    }

    /// What hangs on a device that has gone by itself goes with it. In an unplug it has gone before.
    fn follow(&self, name: &str, gone: Gone) {
        for child in self.kin.below(name) {
            let live = self.lock().get(&child).and_then(|place| place.live.clone());
            let Some(device) = live else { continue };
            if let Ok(Some(hardware)) = device.unplug(gone.reason, Policy::Detach, Duration::ZERO) {
                self.keep(&*device, hardware);
            }
        }
    }

    pub(super) fn on_mark(&self, hook: Box<dyn Fn() + Send + Sync>) {
        self.at_mark.write().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    /// The mark: the name is taken away, and watchers hear of it (I21).
    fn retire(&self, name: &str, generation: Generation, gone: Gone) {
        let mut flash = None;
        let mut table = self.lock();
        let Some(place) = table.get_mut(name) else { return };
        if let Some(device) = place.live.take_if(|live| live.generation() == generation) {
            self.entries.remove(&device);
            self.told.tell(&device, DeviceChange::Unplugged(gone.reason));
            place.former.push(Former { device, fenced: false });
            self.events.tell(name, generation, Change::Unplugged(gone.reason));
            self.tell_observer(name, generation, DeviceChange::Unplugged(gone.reason));
            flash = self.kin.end_flash(name);
        }
        drop(table);
        // With no lock held: it may be the last of its device.
        drop(flash);
        self.at_mark.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|hook| hook());
    }

    /// Takes the hardware that unplugging `device` gave back.
    pub(super) fn keep(&self, device: &dyn Plugged, hardware: Hardware) {
        let (name, generation) = (&device.node().name, device.generation());
        if let Some(gone) = device.gone() {
            // It may have been unplugged before `settle` had registered for its mark.
            self.retire(name, generation, gone);
        }
        let (kept, rest) = match self.kin.part(name) {
            Some(_) => (Kept::Part, Some(hardware)),
            None => (Kept::Hardware(hardware), None),
        };
        // With no lock held.
        drop(rest);
        let mut table = self.lock();
        if let Some(place) = table.get_mut(name) {
            place.fence(generation);
            place.kept = Some(kept);
        }
        drop(table);
        self.settled.notify_all();
    }

    /// Takes back what could not be plugged in.
    pub(super) fn put_back(&self, name: &str, kept: Kept) {
        if let Some(place) = self.lock().get_mut(name) {
            place.kept = Some(kept);
        }
    }

    /// Waits until whoever got the hardware of that life has brought it here. `false` after `limit`.
    pub(super) fn wait_until_kept(&self, name: &str, generation: Generation, limit: Duration) -> bool {
        let deadline = Instant::now().checked_add(limit);
        let mut table = self.lock();
        while table.get(name).and_then(Place::leaving).is_some_and(|device| device.generation() == generation) {
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            table = self.settled.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Lets go of those that hold their number for nobody: their last handle has been closed. What they share with
    /// their handles holds the number, so this comes before a number is asked for.
    pub(super) fn prune(&self) {
        // An unplug that gave up at its limit left the hardware inside; it is fetched once everybody has left. Where one goes
        // on, that does it: the driver may have a last word that takes its time, which nobody else waits for (I4).
        let given_up = |place: &&Place| place.attended == 0;
        let leaving: Vec<_> = self.lock().values().filter(given_up).filter_map(Place::leaving).collect();
        for device in leaving {
            let reason = device.gone().map_or(Reason::Pulled, |gone| gone.reason);
            if let Ok(Some(hardware)) = device.unplug(reason, Policy::Detach, Duration::ZERO) {
                self.keep(&*device, hardware);
            }
        }
        let mut forgotten = Vec::new();
        for place in self.lock().values_mut() {
            forgotten.extend(place.former.extract_if(.., |former| former.fenced && former.device.handles() == 0));
        }
        drop(forgotten);
    }

    /// One line for each life that is there or has handles, in the order of class, number and generation.
    /// `is_held` says of a class's number whether anybody holds it.
    pub(super) fn report(&self, is_held: impl Fn(&str, u32) -> bool) -> Vec<DeviceReport> {
        let mut lives = Vec::new();
        for place in self.lock().values() {
            lives.extend(place.live.iter().map(|live| (live.clone(), place.number, false)));
            lives.extend(place.former.iter().map(|former| (former.device.clone(), place.number, former.fenced)));
        }
        lives.sort_by_key(|(device, number, _)| (device.class(), *number, device.generation()));
        let line = |(device, number, fenced): &(Arc<dyn Plugged>, u32, bool)| {
            DeviceReport::new(&**device, *number, *fenced, is_held(device.class(), *number))
        };
        lives.iter().map(line).collect()
    }

    /// The names that there are or were.
    pub(super) fn names(&self) -> Vec<String> {
        let table = self.lock();
        let mut names: Vec<_> = table.iter().map(|(name, place)| (place.class, place.number, name.clone())).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, _, name)| name).collect()
    }
}

impl Place {
    fn fence(&mut self, generation: Generation) {
        for former in &mut self.former {
            former.fenced |= former.device.generation() == generation;
        }
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
