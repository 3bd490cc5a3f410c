//! A class on a front: users are another process, which makes real system calls. On the run front it is of the tree.
#![allow(dead_code, reason = "each test is of one front")]

pub(crate) mod agent;
pub(crate) mod line;
mod owned;
#[path = "../tables/mod.rs"]
mod tables;
pub(crate) mod wires;

use agent::Agent;
use outlive::{Policy, Reason, State, Watcher};
use outlive_classes::{Hardware, Plugged};
use outlive_conformance::{
    Answer, Badge, FarEnd, Happened, MAPPED_WORDS, Mapped, Object, Poll, Rig, Said, Standing, Stuck, Subject, User,
};
use outlive_host::lab::{DeviceReport, Lab, Lookup, UnplugError};
use owned::{Mapping, Own};
use std::{
    any::Any,
    marker::PhantomData,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// What the classes have of their own.
pub(crate) trait Class: Copy + Send + Sync + 'static {
    /// What its drivers are connected to the far end by.
    type Socket: Socket;

    /// As in what is printed.
    const NAME: &'static str;
    /// The name of a node without its number.
    const PREFIX: &'static str;
    /// The system calls that a user has; the first reaches the driver.
    const CALLS: &'static [&'static str];
    /// The error of the driver's own.
    const FAILED: &'static str;
    /// Whether poll always says that a live device can be read (I19).
    const ALWAYS_READABLE: bool;
    /// Whether a second call by a user is refused while another of its calls is in flight.
    const ONE_CALL_AT_A_TIME: bool = false;
    /// The call by which a user asks for something that comes to be read then; `None` where the hardware sends it by itself.
    const ASKS: Option<&'static str> = None;
    /// The call that reads what has come, and does not wait.
    const RECEIVES: &'static str = "count";
    /// The calls that make an object of a user's own, and destroy it.
    const OBJECTS: Option<[&'static str; 2]> = None;

    /// The call that maps its memory.
    const MAPS: &'static str = "map";
    /// Whether that memory is its users' own.
    const MAPPINGS_ARE_ITS_USERS: bool = false;

    /// Why a statement does not apply.
    fn excuse(statement: u8) -> Option<&'static str>;

    /// Whether the driver is in another process.
    const DRIVER_IS_ELSEWHERE: bool = false;

    /// A driver that hands its calls to `far`.
    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Self::Socket>, Hardware);

    /// Plugs a device in that has such a driver; its name.
    fn plug(lab: &Lab, far: &Arc<FarEnd>, badge: Badge) -> (Arc<Self::Socket>, String) {
        let (socket, hardware) = Self::driver(far, badge);
        (socket, lab.plug_hardware(None, hardware).expect("the lowest free number"))
    }
}

/// Where the far end is connected, which may be another in the next life.
pub(crate) trait Socket: Send + Sync + 'static {
    /// From the next life on.
    fn connect(&self, far: &Arc<FarEnd>);

    /// The driver notices that its hardware is gone.
    fn notice(&self);

    /// Waits until nothing is left of hardware that is not kept for another life.
    fn scrapped(&self) {}

    /// The hardware sends something that nobody asked for.
    fn send(&self) {
        unreachable!("excused")
    }

    /// A word of the memory that the driver has.
    fn word(&self, number: usize) -> Option<u32> {
        let _ = number;
        None
    }

    /// The driver writes it.
    fn set_word(&self, number: usize, value: u32) {
        let _ = (number, value);
    }
}

/// A class on the run front, `called` so behind its name; what that column of the README claims is what is checked.
pub(crate) fn claimed<C: Class>(
    (column, called): (&str, &str),
    lab: &Arc<Lab>,
    agent: &Arc<Agent>,
) -> (String, Arc<dyn Subject>) {
    // What the road plain lacks is in docs/roads.md.
    if !on_plain() {
        tables::check_claims(column, C::NAME, C::excuse);
    }
    (format!("{} {called}", C::NAME), on_run::<C>(lab, agent))
}

/// A class in `lab`, whose users are `agent`'s.
fn on_run<C: Class>(lab: &Arc<Lab>, agent: &Arc<Agent>) -> Arc<dyn Subject> {
    let (lab, agent, calls) = (lab.clone(), agent.clone(), C::CALLS.to_vec());
    Arc::new(OnFront::<C> { lab, agent, calls, class: PhantomData })
}

/// A class on the serve front.
pub(crate) fn served<C: Class>(lab: &Arc<Lab>, agent: &Arc<Agent>) -> (String, Arc<dyn Subject>) {
    tables::check_claims("serve", C::NAME, C::excuse);
    // Of a read or write of no bytes the kernel does not tell us (docs/differences.md).
    let calls = C::CALLS.iter().copied().filter(|call| *call != "empty").collect();
    let (lab, agent) = (lab.clone(), agent.clone());
    (format!("{} on serve", C::NAME), Arc::new(OnFront::<C> { lab, agent, calls, class: PhantomData }))
}

struct OnFront<C> {
    lab: Arc<Lab>,
    agent: Arc<Agent>,
    calls: Vec<&'static str>,
    class: PhantomData<C>,
}

impl<C: Class> Subject for OnFront<C> {
    fn excuse(&self, statement: u8) -> Option<&'static str> {
        C::excuse(statement)
    }

    fn calls(&self) -> &[&'static str] {
        &self.calls
    }

    fn gone(&self) -> Said {
        Said::failed("ENODEV")
    }

    fn failed(&self) -> Said {
        Said::failed(C::FAILED)
    }

    fn received_at_once(&self) -> bool {
        true
    }

    fn one_call_at_a_time(&self) -> bool {
        C::ONE_CALL_AT_A_TIME
    }

    fn driver_is_elsewhere(&self) -> bool {
        C::DRIVER_IS_ELSEWHERE
    }

    fn mappings_are_its_users(&self) -> bool {
        C::MAPPINGS_ARE_ITS_USERS
    }

    fn plug(&self, far: &Arc<FarEnd>, badge: Badge) -> Arc<dyn Rig> {
        let watcher = self.lab.events().watch();
        let (socket, name) = C::plug(&self.lab, far, badge);
        let (lab, agent, heard) = (self.lab.clone(), self.agent.clone(), Mutex::new(0));
        let (given_up, lives) = Default::default();
        let place = Place::<C> { lab, agent, name, socket, watcher, heard, given_up, lives };
        place.has_another_life();
        Arc::new(place)
    }
}

/// A place, and the device that is plugged in there.
struct Place<C: Class> {
    lab: Arc<Lab>,
    agent: Arc<Agent>,
    name: String,
    socket: Arc<C::Socket>,
    watcher: Watcher,
    heard: Mutex<usize>,
    /// An unplug did not finish.
    given_up: AtomicBool,
    /// Its lives, and their numbers. When nothing is left of them, somebody else may have the name.
    lives: Mutex<Vec<(u64, Weak<dyn Plugged>)>>,
}

impl<C: Class> Place<C> {
    fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }

    fn has_another_life(&self) {
        if let Lookup::Here(device) = self.lab.find(&self.path()) {
            self.lives().push((device.generation().0, Arc::downgrade(&device)));
        }
    }

    fn lives(&self) -> MutexGuard<'_, Vec<(u64, Weak<dyn Plugged>)>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something of one of its lives, so that nobody else gets the name as long as this is kept.
    fn hold(&self) -> Option<Arc<dyn Plugged>> {
        self.lives().iter().find_map(|(_, life)| life.upgrade())
    }

    fn live(&self) -> Option<Arc<dyn Plugged>> {
        match self.lab.find(&self.path()) {
            Lookup::Here(device) if self.is_ours(device.generation().0) => Some(device),
            _ => None,
        }
    }

    fn is_ours(&self, generation: u64) -> bool {
        self.lives().iter().any(|(ours, _)| *ours == generation)
    }

    /// What is left of its lives.
    fn left(&self) -> Vec<DeviceReport> {
        let ours = |device: &DeviceReport| device.name == self.name && self.is_ours(device.generation);
        self.lab.list().into_iter().filter(ours).collect()
    }
}

impl<C: Class> Rig for Place<C> {
    fn number(&self) -> u32 {
        self.name.trim_start_matches(C::PREFIX).parse().expect("a number")
    }

    fn open(&self) -> Result<Arc<dyn User>, Said> {
        let device = self.live();
        let file = self.agent.ask(format_args!("open path {}", self.path())).number()?;
        // Only a check that expects no success opens what is not there.
        let device = device.map(|device| Arc::downgrade(&device)).expect("what could be opened was there");
        let generation = device.upgrade().map_or(0, |device| device.generation().0);
        let (agent, name, socket) = (self.agent.clone(), self.name.clone(), self.socket.clone());
        let closed = AtomicBool::new(false);
        Ok(Arc::new(Open::<C> { agent, name, generation, file, closed, socket }))
    }

    fn idle(&self, count: usize) -> Box<dyn Any + Send> {
        let process = self.agent.ask(format_args!("idle path {} {count}", self.path())).number().expect("a process");
        Box::new(Idle { agent: self.agent.clone(), process })
    }

    fn unplug(&self, reason: Reason, policy: Policy, limit: Duration) -> Result<bool, Stuck> {
        let Some(_name) = self.hold() else { return Ok(false) };
        match self.lab.unplug(&self.name, reason, policy, limit) {
            // One that was given up is finished by whoever comes first: it may be another check, which plugs something in.
            Ok(unplugged) => Ok(self.given_up.swap(false, Relaxed) || unplugged.acted),
            Err(UnplugError::Busy { busy, .. }) => {
                self.given_up.store(true, Relaxed);
                let culprits = busy.culprits.iter();
                let culprits = culprits.map(|it| (it.handle.0, it.number, it.kind.to_owned(), it.age)).collect();
                Err(Stuck { culprits, message: busy.message })
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn is_found(&self) -> bool {
        self.agent.ask(format_args!("stat path {}", self.path())).number().is_ok()
    }

    fn handles(&self) -> usize {
        self.left().iter().map(|device| device.handles).sum()
    }

    fn is_gone(&self) -> bool {
        self.live().is_none()
    }

    fn removals_heard(&self) -> usize {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(event) = self.watcher.next(Duration::ZERO) {
            let removed = matches!(event.change, outlive::Change::Unplugged(_));
            // Before it, another may have had the name.
            let of_ours = event.name == self.name && self.is_ours(event.generation.0);
            *heard += usize::from(removed && of_ours);
        }
        *heard
    }

    fn set_state(&self, state: State) {
        self.lab.set_state(&self.name, state).expect("from running");
    }

    fn prepare(&self, limit: Duration) -> bool {
        self.lab.prepare(&self.name, limit).expect("it is running or closing")
    }

    fn notice(&self) {
        self.socket.notice();
    }

    fn replug(&self, far: &Arc<FarEnd>) {
        self.socket.connect(far);
        self.lab.plug_name(&self.name).expect("it has been unplugged");
        self.has_another_life();
    }

    fn scrap(&self) {
        let Some(_name) = self.hold() else { return };
        if let Some(hardware) = self.lab.take_hardware(&self.name) {
            drop(hardware);
            self.socket.scrapped();
        }
    }

    fn word(&self, number: usize) -> Option<u32> {
        self.socket.word(number)
    }

    fn set_word(&self, number: usize, value: u32) {
        self.socket.set_word(number, value);
    }

    fn remains(&self) -> bool {
        // What holds the number is the memory of the handles' lifetime.
        self.left().iter().any(|device| device.holds_number)
    }
}

/// Processes that do nothing.
struct Idle {
    agent: Arc<Agent>,
    process: u64,
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.agent.ask(format_args!("end {}", self.process)).number().expect("it is the agent's child");
    }
}

/// Whether the run takes the road without FUSE.
pub(crate) fn on_plain() -> bool {
    std::env::var("OUTLIVE_ROAD").is_ok_and(|road| road == "plain")
}

/// An open file of the agent's.
struct Open<C: Class> {
    agent: Arc<Agent>,
    name: String,
    generation: u64,
    file: u64,
    closed: AtomicBool,
    socket: Arc<C::Socket>,
}

impl<C: Class> Drop for Open<C> {
    /// The agent outlives the check, and files that nobody uses any more would keep numbers from other devices.
    fn drop(&mut self) {
        if !self.closed.load(Relaxed) {
            drop(self.agent.ask(format_args!("close {}", self.file)));
        }
    }
}

const POLLIN: u64 = 1;
const POLLERR: u64 = 8;
const POLLHUP: u64 = 16;

impl<C: Class> Open<C> {
    fn ask(&self, verb: &str) -> Said {
        self.call(verb).within(Duration::from_secs(10)).expect("an answer")
    }
}

impl<C: Class> User for Open<C> {
    fn call(&self, name: &str) -> Answer {
        self.agent.ask(format_args!("{name} {}", self.file)).said()
    }

    fn poll(&self) -> Poll {
        let bits = self.agent.ask(format_args!("poll {}", self.file)).number().expect("poll works");
        let both = bits & (POLLHUP | POLLERR);
        assert!(both == 0 || both == POLLHUP | POLLERR, "HUP and ERR go together, not {bits:#x}");
        let (readable, alive) = (bits & POLLIN != 0, both == 0);
        // Sockets of what has gone say that they can be read, always.
        let as_sockets_do = on_plain() && !alive;
        if C::ALWAYS_READABLE {
            // Although it has nothing by itself (I19).
            assert_eq!(readable, alive || as_sockets_do, "it is ready as long as it lives: {bits:#x}");
        }
        Poll { readable: readable && !C::ALWAYS_READABLE && !as_sockets_do, hung_up: !alive }
    }

    fn sleep_in_poll(&self) -> Answer {
        self.agent.ask(format_args!("sleep {}", self.file)).said()
    }

    fn interrupt(&self, call: &Answer) {
        let _ = self.agent.ask(format_args!("interrupt {}", call.name)).number();
    }

    fn other_ways(&self) -> Vec<(&'static str, Said)> {
        let first = C::CALLS[0];
        let way = |verb: &str| self.ask(&format!("{verb}:{first}"));
        vec![("/proc/self/fd/N", way("reopened")), ("a descriptor that was passed", way("passed"))]
    }

    fn standing(&self) -> Standing {
        self.agent.standing(&self.name, self.generation)
    }

    fn map(&self) -> Result<Box<dyn Mapped>, Said> {
        let address = self.agent.ask(format_args!("{} {} {}", C::MAPS, self.file, 4 * MAPPED_WORDS)).number()?;
        Ok(Box::new(Mapping { agent: self.agent.clone(), address }))
    }

    fn make_object(&self) -> Box<dyn Object> {
        let [makes, destroys] = C::OBJECTS.expect("else it is excused");
        let number = self.agent.ask(format_args!("{makes} {}", self.file)).number().expect("an object");
        Box::new(Own { agent: self.agent.clone(), destroys, file: self.file, number })
    }

    fn receive(&self) {
        match C::ASKS {
            // A second one may be refused until the first has been read.
            Some(call) => drop(self.ask(call)),
            None => self.socket.send(),
        }
    }

    fn read_received(&self) -> Said {
        self.ask(C::RECEIVES)
    }

    fn events(&self) -> Vec<Happened> {
        Vec::new()
    }

    fn close(&self) -> Said {
        self.closed.store(true, Relaxed);
        self.ask("close")
    }
}
