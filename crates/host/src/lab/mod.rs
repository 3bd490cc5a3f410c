//! A lab: the set of devices that a command line or a file describes, while it runs.

mod announcer;
mod cards;
mod class;
mod client_partitions;
mod clock;
mod config;
mod connectors;
mod display;
pub(crate) mod entries;
mod family;
mod ground;
pub(crate) mod hardware;
mod holders;
mod hotplug;
mod input;
mod kin;
mod lab_file;
mod lines;
mod model;
mod observe;
mod owner;
mod partitions;
mod permissions;
mod places;
mod plugging;
mod removal;
mod report;
mod served;
mod spec;
mod suggest;
#[cfg(test)]
pub(crate) mod tests;
mod tpm;
mod user_inputs;

pub use crate::driver_server::{Reach, ServerSettings};
pub(crate) use announcer::Announcer;
pub use cards::CardEntry;
pub use clock::WallClock;
pub use config::{BusConfig, ChipEntry, ConfigError, DeviceConfig, LabConfig, ServerEntry, Source};
pub use connectors::{ConnectorError, ConnectorReport};
pub(crate) use connectors::{Seen, is_part_of};
pub use family::Reset;
pub use holders::{Holders, Killed};
pub(crate) use hotplug::Hotplug;
pub use input::{Deeds, InputError};
pub use model::ModelEntry;
pub use observe::{Arrival, Detail, DeviceChange, Observer};
pub use outlive::{Policy, State as DeviceState};
pub use outlive_drivers::value;
pub use partitions::PartitionEntry;
pub use permissions::Permissions;
pub use report::{
    DeviceReport, LabError, OperationReport, PlugError, ResetError, SetError, State, UnplugError, Unplugged,
};
pub use spec::parse as parse_spec;
pub(crate) use suggest::known;

use crate::trial::Answered;
use cards::Cards;
use class::ClassNumbers;
use client_partitions::ClientPartitions;
use entries::Entries;
use ground::Buffers;
use observe::Operations;
use outlive::Events;
use outlive_classes::{Contract, Plugged};
use outlive_drivers::clock::Clock;
use places::Places;
use served::Served;
use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use user_inputs::UserInputs;

/// A running lab.
///
/// Making one starts no thread, so a process may make its lab and fork afterwards.
pub struct Lab {
    name: String,
    clock: Arc<dyn Clock>,
    places: Arc<Places>,
    cards: Cards,
    client_partitions: Arc<ClientPartitions>,
    served: Served,
    user_inputs: Arc<UserInputs>,
    buffers: Arc<Buffers>,
    numbers: ClassNumbers,
    operations: Arc<Operations>,
    /// What becomes of the users of each device, unless an unplug says otherwise.
    policies: Mutex<BTreeMap<String, Policy>>,
    policy: Policy,
    /// Who may open the node of each device.
    permissions: Mutex<BTreeMap<String, Permissions>>,
    announcer: OnceLock<Arc<dyn Announcer>>,
    /// What was said of it; where nothing was, each class has its own.
    contract: Option<Contract>,
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
        self.devices.iter().try_for_each(|device| hardware::check(device, &clock))
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
            cards: Cards::default(),
            client_partitions: Arc::default(),
            served: Served::default(),
            user_inputs: Arc::default(),
            buffers: Arc::default(),
            numbers: ClassNumbers::new(),
            operations,
            policies: Mutex::default(),
            policy: config.policy.unwrap_or_default(),
            permissions: Mutex::default(),
            announcer: OnceLock::new(),
            contract: config.contract,
            holders: OnceLock::new(),
        };
        let mut devices: Vec<_> = config.devices.iter().collect();
        devices.sort_by_key(|device| !device.has_numbers());
        for device in devices {
            lab.plug(device).map_err(|error| match error {
                PlugError::Config(error) => LabError::Config(error),
                error => LabError::Plug(error),
            })?;
        }
        let lab = Arc::new(lab);
        lab.client_partitions.are_of(&lab);
        lab.served.are_of(&lab);
        lab.user_inputs.are_of(&lab);
        Ok(lab)
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

    /// The memory of its cards' buffers.
    pub(crate) fn buffers(&self) -> &Buffers {
        &self.buffers
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

    /// What becomes of the users of a device when it is unplugged, unless the unplug says otherwise.
    pub fn policy_of(&self, name: &str) -> Policy {
        let policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        policies.get(bare(name)).copied().unwrap_or(self.policy)
    }

    /// What was said of that device itself.
    fn own_policy_of(&self, name: &str) -> Option<Policy> {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    fn set_policy(&self, name: &str, policy: Policy) {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), policy);
    }

    /// Who may open the node of the device of that name.
    pub(crate) fn permissions_of(&self, name: &str) -> Permissions {
        self.permissions.lock().unwrap_or_else(PoisonError::into_inner).get(bare(name)).cloned().unwrap_or_default()
    }

    /// Has `announcer` make the node of every device that is plugged in from now on. Once.
    pub(crate) fn set_announcer(&self, announcer: Arc<dyn Announcer>) {
        let _ = self.announcer.set(announcer);
    }

    /// Lets [`Policy::Kill`] find whom to kill. Once.
    pub(crate) fn set_holders(&self, holders: Arc<dyn Holders>) {
        let _ = self.holders.set(holders);
    }

    /// Has `hotplug` told what becomes of devices from now on, in the place of who was told before.
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

    /// The names of all devices that are or were here.
    pub fn names(&self) -> Vec<String> {
        self.places.names()
    }

    /// The names of all devices and cards that are or were here.
    fn known(&self) -> Vec<String> {
        self.cards.names().into_iter().chain(self.names()).collect()
    }

    /// Whether a device or card of that name is or was here.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        self.cards.knows(name) || self.places.lock().contains_key(name)
    }

    /// One line for each life of a device that is there or still has handles; each before what hangs on it.
    pub fn list(&self) -> Vec<DeviceReport> {
        self.places.prune();
        let mut lines = self.cards.report();
        lines.extend(self.places.report(|class, number| self.numbers.is_held(class, number)));
        let own = |line: &DeviceReport| (line.class.clone(), line.number, line.name.clone());
        let keys: BTreeMap<_, _> = lines.iter().map(|line| (line.name.clone(), own(line))).collect();
        for line in &mut lines {
            line.parent = self.places.kin.parent(&line.name);
        }
        lines.sort_by_cached_key(|line| {
            let above = self.places.kin.above(&line.name);
            let key = |name: &String| keys.get(name).cloned().unwrap_or_else(|| (String::new(), 0, name.clone()));
            (above.iter().map(key).collect::<Vec<_>>(), line.generation)
        });
        lines
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

    /// Operation `number` got its answer; `gone`: what it was for, that life of the device, had gone by then.
    pub fn answered(&self, number: u64, answer: Answered, gone: bool) {
        self.operations.answered(number, answer, gone);
    }

    /// Operation `number` is about to be told a success that brings nothing, since its device has gone.
    pub(crate) fn hollow(&self, number: u64) {
        self.operations.hollow(number);
    }

    /// Whether whoever watches wants more than operations and their answers.
    pub(crate) fn is_watched_closely(&self) -> bool {
        self.operations.is_watched_closely()
    }

    /// Tells whoever watches what `detail` makes; it is only made if somebody wants to know.
    pub(crate) fn detail<'a>(&self, detail: impl FnOnce() -> Option<Detail<'a>>) {
        self.operations.detail(detail);
    }
}

/// The name of a device, which may be given as the path of its node.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix("/dev/").unwrap_or(name)
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
