//! Drivers, which come and go.

use crate::{
    Builder, Device, Part, Probe, Reason,
    sync::{Condvar, Instant, Mutex, MutexGuard, PlainArc, lock, planted, wait},
    unplug_all,
};
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{error::Error, fmt, time::Duration};

type ProbeError = Box<dyn Error + Send + Sync>;

/// A driver: it makes a device of what it finds (a bus address, a file, a description).
pub trait Driver<F, S, H>: Send + Sync {
    /// Looks at what was found, and makes the two parts of a device of it. What it puts into `probe` is released if it
    /// fails, or with the device.
    ///
    /// # Errors
    /// The driver's own, for its user: not this driver's, no answer, no memory.
    fn probe(&self, probe: &Probe, found: F) -> Result<(S, H), ProbeError>;
}

impl<F, S, H, D: Driver<F, S, H> + ?Sized> Driver<F, S, H> for PlainArc<D> {
    fn probe(&self, probe: &Probe, found: F) -> Result<(S, H), ProbeError> {
        (**self).probe(probe, found)
    }
}

/// Names a driver of one registry. It is never given out again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DriverId(u64);

/// The drivers of a kind of device, and what they are bound to. A clone is the same registry.
///
/// Binding and unbinding is possible at any time. Holding a driver's code is not holding its devices: whoever keeps a
/// clone of an `Arc` of a driver keeps no device from going. And a driver can be [withdrawn](Registry::withdraw) with
/// handles open (I30): after that none of its code runs, and the registry has let go of it.
///
/// ```
/// use outlive::{Driver, Probe, Reason, Registry, REMOVAL_BUDGET};
///
/// struct Lamps;
/// impl Driver<u8, (), u8> for Lamps {
///     fn probe(&self, _: &Probe, socket: u8) -> Result<((), u8), Box<dyn std::error::Error + Send + Sync>> {
///         if socket > 9 { Err("there is no such socket".into()) } else { Ok(((), socket)) }
///     }
/// }
///
/// let registry = Registry::new();
/// let lamps = registry.register("lamps", Lamps);
/// let device = registry.bind(lamps, 7)?;
/// let handle = device.open()?;
/// registry.withdraw(lamps, REMOVAL_BUDGET)?;
/// assert!(handle.enter().is_err() && registry.bind(lamps, 8).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Registry<F, S: Part, H: Part> {
    drivers: PlainArc<Drivers<F, S, H>>,
}

struct Drivers<F, S: Part, H: Part> {
    state: Mutex<State<F, S, H>>,
    /// Notified when a probe has ended.
    probed: Condvar,
}

struct State<F, S: Part, H: Part> {
    next: u64,
    entries: BTreeMap<DriverId, Entry<F, S, H>>,
}

struct Entry<F, S: Part, H: Part> {
    name: String,
    driver: PlainArc<dyn Driver<F, S, H>>,
    devices: Vec<PlainArc<Device<S, H>>>,
    /// How many probes are running.
    probing: usize,
    /// No more is bound.
    leaving: bool,
}

/// Why a driver was not bound, or not withdrawn.
#[derive(Debug)]
#[non_exhaustive]
pub enum DriverError {
    /// There is no such driver, any more, or it is being withdrawn.
    Withdrawn,
    /// Its probe failed.
    Probe(ProbeError),
    /// The limit passed with somebody still inside of its devices, or a probe running: they are named. Its devices are
    /// dead, nothing more is bound to it; withdrawing it again waits on.
    Busy(Vec<String>),
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DriverError::Withdrawn => f.write_str("the driver has been withdrawn"),
            DriverError::Probe(error) => write!(f, "the driver does not take it: {error}"),
            DriverError::Busy(culprits) => write!(f, "the driver is still in use: {}", culprits.join("; ")),
        }
    }
}

impl Error for DriverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            DriverError::Probe(error) => Some(&**error),
            DriverError::Withdrawn | DriverError::Busy(_) => None,
        }
    }
}

impl<F, S: Part, H: Part> Registry<F, S, H> {
    /// Without a driver.
    pub fn new() -> Self {
        let state = State { next: 1, entries: BTreeMap::new() };
        Registry { drivers: PlainArc::new(Drivers { state: Mutex::new(state), probed: Condvar::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State<F, S, H>> {
        lock(&self.drivers.state)
    }

    /// Registers a driver.
    pub fn register(&self, name: &str, driver: impl Driver<F, S, H> + 'static) -> DriverId {
        let mut state = self.lock();
        let id = DriverId(state.next);
        state.next += 1;
        let (name, driver) = (name.to_owned(), PlainArc::new(driver));
        state.entries.insert(id, Entry { name, driver, devices: Vec::new(), probing: 0, leaving: false });
        id
    }

    /// Lets a driver probe what was found. One that fails leaves nothing behind.
    ///
    /// # Errors
    /// [`DriverError::Withdrawn`], also if it is withdrawn meanwhile; [`DriverError::Probe`].
    pub fn bind(&self, id: DriverId, found: F) -> Result<PlainArc<Device<S, H>>, DriverError> {
        let driver = {
            let mut state = self.lock();
            let entry = state.entries.get_mut(&id).filter(|entry| !entry.leaving).ok_or(DriverError::Withdrawn)?;
            entry.probing += 1;
            entry.driver.clone()
        };
        let running = Probing { registry: self, id };
        self.finish_gone(id);
        let device = Builder::new().probe(|probe| driver.probe(probe, found)).map_err(DriverError::Probe);
        // Before the probe counts as ended: this is a reference to the driver's code.
        drop(driver);
        let device = PlainArc::new(device?);
        let withdrawn = {
            let mut state = self.lock();
            let entry = state.entries.get_mut(&id).expect("it stays while a probe is running");
            if !entry.leaving || planted!(BoundWhileWithdrawn) {
                entry.devices.push(device.clone());
            }
            entry.leaving
        };
        if withdrawn && !planted!(BoundWhileWithdrawn) {
            // Nobody has seen it: it goes here, with the probe still counted as running.
            let _ = device.unplug(Reason::Orderly).wait(Duration::MAX);
            drop(device);
            drop(running);
            return Err(DriverError::Withdrawn);
        }
        drop(running);
        Ok(device)
    }

    /// Forgets the devices of a driver that have gone by themselves and that nobody else holds, once they are fenced. What
    /// somebody is still inside of stays: the driver's code runs there, and a withdrawal waits for it.
    fn finish_gone(&self, id: DriverId) {
        let devices = self.lock().entries.get(&id).map(|entry| entry.devices.clone()).unwrap_or_default();
        // One by the registry, one here.
        let gone = devices.iter().filter(|device| device.gone().is_some() && PlainArc::strong_count(device) == 2);
        let is_over = |device: &&PlainArc<Device<S, H>>| device.begun().wait(Duration::ZERO).is_ok();
        let fenced: Vec<_> = gone.filter(|device| is_over(device) || planted!(GoneForgotten)).cloned().collect();
        let is_fenced = |device: &PlainArc<_>| fenced.iter().any(|fenced| PlainArc::ptr_eq(fenced, device));
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            entry.devices.retain(|device| !is_fenced(device));
        }
    }

    /// Withdraws a driver: nothing more is bound to it, its devices are unplugged in good order (as one batch), and it is
    /// waited for up to `limit` until none of its code runs. Then the registry drops it, and the hardware that it gave
    /// back.
    ///
    /// # Errors
    /// [`DriverError::Withdrawn`] if it has been; [`DriverError::Busy`] after the limit.
    pub fn withdraw(&self, id: DriverId, limit: Duration) -> Result<(), DriverError> {
        let deadline = Instant::now().checked_add(limit);
        let left = || deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let (name, devices, probing) = self.stop_binding(id, deadline)?;
        let ends = unplug_all(devices.iter().map(|device| &**device), Reason::Orderly).wait(left());
        let mut culprits: Vec<_> = ends.into_iter().filter_map(|end| end.err().map(|busy| busy.to_string())).collect();
        if probing {
            culprits.push(format!("a probe of {name} has not returned"));
        }
        if !culprits.is_empty() {
            return Err(DriverError::Busy(culprits));
        }
        let entry = self.lock().entries.remove(&id);
        drop(devices);
        drop(entry);
        Ok(())
    }

    /// The driver's name and devices, and whether a probe was still running at the deadline.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn stop_binding(
        &self,
        id: DriverId,
        deadline: Option<Instant>,
    ) -> Result<(String, Vec<PlainArc<Device<S, H>>>, bool), DriverError> {
        let mut state = self.lock();
        state.entries.get_mut(&id).ok_or(DriverError::Withdrawn)?.leaving = true;
        loop {
            let entry = state.entries.get(&id).ok_or(DriverError::Withdrawn)?;
            let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if entry.probing == 0 || over || planted!(BoundWhileWithdrawn) {
                let probing = entry.probing > 0 && !planted!(BoundWhileWithdrawn);
                return Ok((entry.name.clone(), entry.devices.clone(), probing));
            }
            crate::about_to_wait();
            state = wait(&self.drivers.probed, state, deadline);
        }
    }

    /// The drivers that are there, by name.
    pub fn drivers(&self) -> Vec<(DriverId, String)> {
        self.lock().entries.iter().map(|(id, entry)| (*id, entry.name.clone())).collect()
    }

    /// The devices that a driver is bound to and that live.
    pub fn devices(&self, id: DriverId) -> Vec<PlainArc<Device<S, H>>> {
        let state = self.lock();
        let devices = state.entries.get(&id).into_iter().flat_map(|entry| &entry.devices);
        devices.filter(|device| device.gone().is_none()).cloned().collect()
    }
}

/// A probe that is running.
struct Probing<'a, F, S: Part, H: Part> {
    registry: &'a Registry<F, S, H>,
    id: DriverId,
}

impl<F, S: Part, H: Part> Drop for Probing<'_, F, S, H> {
    fn drop(&mut self) {
        if let Some(entry) = self.registry.lock().entries.get_mut(&self.id) {
            entry.probing -= 1;
        }
        self.registry.drivers.probed.notify_all();
    }
}

impl<F, S: Part, H: Part> Clone for Registry<F, S, H> {
    fn clone(&self) -> Self {
        Registry { drivers: self.drivers.clone() }
    }
}

impl<F, S: Part, H: Part> Default for Registry<F, S, H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F, S: Part, H: Part> fmt::Debug for Registry<F, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.drivers().iter().map(|(_, name)| name)).finish()
    }
}
