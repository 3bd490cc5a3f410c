//! A lab: the set of devices that a command line or a file describes, while it runs.

mod class;
mod clock;
mod config;
pub(crate) mod entries;
mod hardware;
mod holders;
mod hotplug;
mod lab_file;
mod observe;
mod places;
mod report;
mod spec;
mod suggest;
#[cfg(test)]
pub(crate) mod tests;

pub use clock::WallClock;
pub use config::{BoardEntry, BusConfig, ChipEntry, ConfigError, DeviceConfig, LabConfig, Source};
pub use holders::{Holders, Killed};
pub(crate) use hotplug::Hotplug;
pub use observe::{Arrival, Detail, DeviceChange, Observer};
pub use outlive::{Policy, State as DeviceState};
pub use outlive_drivers::value;
pub use report::{DeviceReport, LabError, OperationReport, PlugError, SetError, State, UnplugError, Unplugged};
pub use spec::parse as parse_spec;

use crate::trial::Answered;
use class::{Class, ClassNumbers, Means};
use entries::Entries;
use observe::Operations;
use outlive::{Events, Reason};
use outlive_classes::{Contract, Hardware, Plugged};
use outlive_drivers::clock::Clock;
use places::Places;
use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// A running lab.
///
/// Making one starts no thread, so a process may make its lab and fork afterwards.
pub struct Lab {
    name: String,
    clock: Arc<dyn Clock>,
    places: Arc<Places>,
    numbers: ClassNumbers,
    operations: Arc<Operations>,
    /// What becomes of the users of each device, unless an unplug says otherwise.
    policies: Mutex<BTreeMap<String, Policy>>,
    policy: Policy,
    contract: Contract,
    holders: OnceLock<Arc<dyn Holders>>,
}

/// What a path is to a lab.
pub enum Lookup {
    /// A device that is there.
    Here(Arc<dyn Plugged>),
    /// It was a device of this lab and is not there now: ENOENT, never the machine's own node of that name (I26).
    Gone,
    /// Not this lab's.
    NotOurs,
}

impl LabConfig {
    /// Whether the drivers would take it, which they say only when they are asked: makes the hardware and drops it.
    /// A file that is to keep a chip's content is opened, and made if it is not there.
    ///
    /// # Errors
    /// What [`Lab::start`] would say.
    pub fn check(&self) -> Result<(), ConfigError> {
        let clock: Arc<dyn Clock> = Arc::new(WallClock::new());
        self.devices.iter().try_for_each(|device| hardware::make(device, clock.clone()).map(drop))
    }
}

impl Lab {
    /// Plugs in everything that `config` names. Devices without a number get theirs after those with one.
    ///
    /// # Errors
    /// What cannot be, and where it was asked for. Then nothing is plugged in.
    pub fn start(config: &LabConfig) -> Result<Arc<Lab>, LabError> {
        let operations: Arc<Operations> = Arc::default();
        let lab = Lab {
            name: config.name.clone().unwrap_or_else(|| format!("lab-{}", std::process::id())),
            clock: Arc::new(WallClock::new()),
            places: Arc::new(Places::new(operations.clone())),
            numbers: ClassNumbers::new(),
            operations,
            policies: Mutex::default(),
            policy: config.policy.unwrap_or_default(),
            contract: config.contract,
            holders: OnceLock::new(),
        };
        let numbered = |device: &&DeviceConfig| device.number().is_some();
        let (first, second): (Vec<_>, Vec<_>) = config.devices.iter().partition(numbered);
        for device in first.into_iter().chain(second) {
            lab.plug(device).map_err(|error| match error {
                PlugError::Config(error) => LabError::Config(error),
                error => LabError::Plug(error),
            })?;
        }
        Ok(Arc::new(lab))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What comes and goes: told after a plug, and at the mark of an unplug.
    pub fn events(&self) -> &Events {
        &self.places.events
    }

    /// The clock that its models live by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What its devices have in /dev, /sys and /proc.
    pub(crate) fn entries(&self) -> &Entries {
        &self.places.entries
    }

    /// Calls `hook` at each mark, when the names of a device have been taken away. It must not block.
    pub(crate) fn on_mark(&self, hook: Box<dyn Fn() + Send + Sync>) {
        self.places.on_mark(hook);
    }

    /// What the absolute, normalised `path` (`/dev/i2c-7`) is.
    pub fn find(&self, path: &str) -> Lookup {
        let Some(name) = path.strip_prefix("/dev/") else { return Lookup::NotOurs };
        match self.places.lock().get(name) {
            None => Lookup::NotOurs,
            Some(place) => match &place.live {
                Some(device) if device.gone().is_none() => Lookup::Here(device.clone()),
                _ => Lookup::Gone,
            },
        }
    }

    /// Removes the device of that name: `i2c-7`, or `/dev/i2c-7`. Returns behind the fence, or after `limit`. For a
    /// device that is gone already it waits for the fence, too (I13). With [`Policy::Drain`] nothing inside is
    /// cancelled; with [`Policy::Kill`] the processes that hold it are killed, before the fence is waited for.
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
        let begin = Instant::now();
        let name = bare(name);
        let (device, generation) = {
            let table = self.places.lock();
            let Some(place) = table.get(name) else {
                drop(table);
                return Err(UnplugError::Unknown { name: name.to_owned(), known: self.places.names() });
            };
            (place.live.clone().or_else(|| place.leaving()), place.generation)
        };
        let Some(device) = device else {
            let handles = self.places.lock().get(name).map_or(0, |place| place.zombies());
            let (name, took) = (name.to_owned(), begin.elapsed());
            return Ok(Unplugged { name, generation, took, handles, already: true, acted: false, killed: Vec::new() });
        };
        let mut killed = Vec::new();
        let mut removal = device.unplug(reason, policy, if policy == Policy::Kill { Duration::ZERO } else { limit });
        if policy == Policy::Kill {
            killed = self.holders.get().map(|holders| holders.kill(&device)).unwrap_or_default();
            if removal.is_err() {
                removal = device.unplug(reason, policy, limit.saturating_sub(begin.elapsed()));
            }
        }
        let removed = match removal {
            Ok(removed) => removed,
            Err(busy) => {
                let (name, waited) = (name.to_owned(), begin.elapsed());
                return Err(UnplugError::Busy { name, generation, waited, busy, killed });
            }
        };
        let acted = removed.is_some();
        match removed {
            Some(hardware) => self.places.keep(&*device, hardware),
            // Another unplug got the hardware; it is about to bring it.
            None => drop(self.places.wait_until_kept(name, generation, limit.saturating_sub(begin.elapsed()))),
        }
        let (name, took, handles) = (name.to_owned(), begin.elapsed(), device.handles());
        Ok(Unplugged { name, generation, took, handles, already: false, acted, killed })
    }

    /// What becomes of the users of a device when it is unplugged, unless the unplug says otherwise.
    pub fn policy_of(&self, name: &str) -> Policy {
        let policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        policies.get(bare(name)).copied().unwrap_or(self.policy)
    }

    /// Lets [`Policy::Kill`] find whom to kill. Once.
    pub(crate) fn set_holders(&self, holders: Arc<dyn Holders>) {
        let _ = self.holders.set(holders);
    }

    /// Has `hotplug` told what becomes of devices from now on. Once.
    pub(crate) fn set_hotplug(&self, hotplug: Arc<dyn Hotplug>) {
        self.places.told.set(hotplug);
    }

    /// Every device that is there.
    pub(crate) fn devices(&self) -> Vec<Arc<dyn Plugged>> {
        let table = self.places.lock();
        table.values().filter_map(|place| place.live.clone()).filter(|device| device.gone().is_none()).collect()
    }

    /// The device of that name that is there.
    ///
    /// # Errors
    /// [`UnplugError::Unknown`] if there is none.
    fn live(&self, name: &str) -> Result<Arc<dyn Plugged>, UnplugError> {
        let live = self.places.lock().get(bare(name)).and_then(|place| place.live.clone());
        live.ok_or_else(|| UnplugError::Unknown { name: bare(name).to_owned(), known: self.places.names() })
    }

    /// Sets what the device of that name is doing: calls that were parked are carried out, or fail, on this thread.
    ///
    /// # Errors
    /// [`SetError`].
    pub fn set_state(&self, name: &str, state: DeviceState) -> Result<(), SetError> {
        let device = self.live(name).map_err(SetError::Unknown)?;
        device.set_state(state).map_err(SetError::Illegal)?;
        self.places.changed(&device, DeviceChange::State(state));
        Ok(())
    }

    /// Prepares the removal of the device of that name: new users are refused, and for up to `limit` it is waited until
    /// those who are there have closed it (I33). `true` if they have.
    ///
    /// # Errors
    /// [`SetError`].
    pub fn prepare(&self, name: &str, limit: Duration) -> Result<bool, SetError> {
        let device = self.live(name).map_err(SetError::Unknown)?;
        if device.status().state != DeviceState::Closing {
            self.places.events.tell(&device.node().name, device.generation(), outlive::Change::Closing);
            self.places.changed(&device, DeviceChange::State(DeviceState::Closing));
        }
        device.prepare(limit).map_err(SetError::Illegal)
    }

    /// Plugs in a new device, as `--device SPEC` does, and gives its name.
    ///
    /// # Errors
    /// [`PlugError::Held`] (EBUSY) as long as handles to a former owner of its number live (I27);
    /// [`PlugError::Plugged`] if there is such a device; [`PlugError::Config`].
    pub fn plug_spec(&self, text: &str) -> Result<String, PlugError> {
        self.plug(&spec::parse(text, text).map_err(PlugError::Config)?)
    }

    /// Plugs in a new device and gives its name.
    ///
    /// # Errors
    /// As [`plug_spec`](Lab::plug_spec).
    pub fn plug(&self, device: &DeviceConfig) -> Result<String, PlugError> {
        self.places.prune();
        // Asked before anything is made, since making a chip may open its file; claimed after, since a claim begins a
        // generation.
        let class = device.class();
        if let Some(number) = device.number().filter(|number| self.numbers.of(class).is_held(*number)) {
            return Err(self.held(&class.node_name(number)));
        }
        let hardware = hardware::make(device, self.clock.clone()).map_err(PlugError::Config)?;
        let name = self.plug_hardware(device.number(), hardware)?;
        if let Some(policy) = device.policy() {
            self.policies.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), policy);
        }
        Ok(name)
    }

    /// Plugs in hardware with a driver of the caller's own, under `number` or the lowest one that is free, and gives the
    /// device's name.
    ///
    /// # Errors
    /// [`PlugError::Held`] (EBUSY) as long as handles to a former owner of the number live (I27);
    /// [`PlugError::Plugged`] if there is such a device; [`PlugError::NoMemory`].
    pub fn plug_hardware(&self, number: Option<u32>, hardware: Hardware) -> Result<String, PlugError> {
        self.places.prune();
        let class = Class::of(&hardware);
        let means = self.means(&hardware, class.name())?;
        let numbers = self.numbers.of(class);
        let number = match number {
            Some(number) => numbers.claim(number).map_err(|_| self.held(&class.node_name(number)))?,
            None => numbers.claim_lowest(0, |number| !is_the_machines(&class.node_name(number))),
        };
        let value = number.value();
        self.places.settle(value, class::plug(self.contract, number, hardware, means));
        Ok(class.node_name(value))
    }

    fn means(&self, hardware: &Hardware, name: &str) -> Result<Means, PlugError> {
        Means::of(hardware, name).map_err(|errno| PlugError::NoMemory { name: name.to_owned(), why: errno.to_string() })
    }

    /// The hardware that the last unplug of `name` gave back, for the caller to keep: the device cannot be plugged in
    /// again by its name then. `None` if there is none, or it is plugged in.
    pub fn take_hardware(&self, name: &str) -> Option<Hardware> {
        self.places.prune();
        self.places.lock().get_mut(bare(name))?.hardware.take()
    }

    /// Plugs the hardware that an unplug gave back in again, in the same place: the next generation of that device.
    /// Handles to former ones stay dead (I26). Gives the device's name.
    ///
    /// # Errors
    /// [`PlugError::Plugged`], [`PlugError::Unknown`], [`PlugError::StillBusy`] if its removal has not finished, or
    /// [`PlugError::NoMemory`].
    pub fn plug_name(&self, name: &str) -> Result<String, PlugError> {
        self.places.prune();
        let name = bare(name).to_owned();
        let mut table = self.places.lock();
        let Some(place) = table.get_mut(&name) else {
            drop(table);
            return Err(PlugError::Unknown { name, known: self.places.names() });
        };
        if place.live.is_some() {
            return Err(PlugError::Plugged { name });
        }
        let (number, leaving) = (place.number, place.leaving());
        let hardware = if leaving.is_none() { place.hardware.take() } else { None };
        drop(table);
        match (hardware, leaving) {
            (Some(hardware), _) => {
                let means = match self.means(&hardware, &name) {
                    Ok(means) => means,
                    Err(error) => {
                        self.places.put_back(&name, hardware);
                        return Err(error);
                    }
                };
                let again = self.numbers.of(Class::of(&hardware)).claim_again(number);
                self.places.settle(number, class::plug(self.contract, again, hardware, means));
                Ok(name)
            }
            (_, Some(device)) => self.plug_leaving(name, &*device),
            _ => Err(PlugError::BeingPlugged { name }),
        }
    }

    /// The names of all devices that are or were here.
    pub fn names(&self) -> Vec<String> {
        self.places.names()
    }

    /// One line for each life of a device that is there or still has handles.
    pub fn list(&self) -> Vec<DeviceReport> {
        self.places.prune();
        self.places.report(|class, number| self.numbers.is_held(class, number))
    }

    /// Lets `observer` watch all operations. Once, and before the first.
    ///
    /// # Errors
    /// The observer again, if there is one already.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> Result<(), Arc<dyn Observer>> {
        self.operations.observe(observer)
    }

    /// An operation has reached `device`; gives its number, from 1, which counts for the whole lab. `what` is written
    /// out only if somebody watches.
    pub fn arrived(&self, device: &str, pid: u32, call: &'static str, what: &dyn Display) -> u64 {
        self.operations.arrived(device, pid, call, what)
    }

    /// Operation `number` got its answer.
    pub fn answered(&self, number: u64, answer: Answered) {
        self.operations.answered(number, answer);
    }

    /// Whether whoever watches wants more than operations and their answers.
    pub(crate) fn is_watched_closely(&self) -> bool {
        self.operations.is_watched_closely()
    }

    /// Tells whoever watches what `detail` makes; it is only made if somebody wants to know.
    pub(crate) fn detail<'a>(&self, detail: impl FnOnce() -> Option<Detail<'a>>) {
        self.operations.detail(detail);
    }

    /// For a device whose removal had not finished when somebody wanted it back.
    fn plug_leaving(&self, name: String, device: &dyn Plugged) -> Result<String, PlugError> {
        let reason = device.gone().map_or(Reason::Pulled, |gone| gone.reason);
        match device.unplug(reason, Policy::Detach, Duration::ZERO) {
            Err(busy) => Err(PlugError::StillBusy { name, busy }),
            // It finished this very moment ...
            Ok(Some(hardware)) => {
                self.places.keep(device, hardware);
                self.plug_name(&name)
            }
            // ... and another unplug has the hardware in hand.
            Ok(None) => Err(PlugError::BeingPlugged { name }),
        }
    }

    fn held(&self, name: &str) -> PlugError {
        let name = name.to_owned();
        match self.places.lock().get(&name) {
            Some(place) if place.live.is_none() => PlugError::Held { handles: place.zombies(), name },
            _ => PlugError::Plugged { name },
        }
    }
}

/// The name of a device, which may be given as the path of its node.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix("/dev/").unwrap_or(name)
}

/// Whether the machine has a node of that name, which a number given out by ourselves should not hide.
fn is_the_machines(name: &str) -> bool {
    std::path::Path::new("/dev").join(name).symlink_metadata().is_ok()
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab").field("name", &self.name).field("places", &self.places).finish_non_exhaustive()
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lookup::Here(device) => f.debug_tuple("Here").field(device.node()).finish(),
            Lookup::Gone => f.write_str("Gone"),
            Lookup::NotOurs => f.write_str("NotOurs"),
        }
    }
}
