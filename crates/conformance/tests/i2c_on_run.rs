//! The i2c class on the run front: users are a process of the tree, which makes real system calls.

#[path = "i2c_on_run/agent.rs"]
mod agent;
#[path = "i2c_on_run/bus.rs"]
mod bus;

use agent::Agent;
use bus::{Adapter, Socket};
use outlive::{Policy, Reason, State, Watcher};
use outlive_classes::{Hardware, Plugged};
use outlive_conformance::{
    Answer, Badge, FarEnd, Happened, Object, Poll, Rig, Said, Standing, Stuck, Subject, User, run,
};
use outlive_host::lab::{Lab, LabConfig, Lookup, UnplugError};
use std::{
    any::Any,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The system calls that a user of a bus has; the first reaches the adapter.
const CALLS: [&str; 9] =
    ["I2C_RDWR", "I2C_SMBUS", "I2C_FUNCS", "I2C_SLAVE", "unknown", "read", "nonblocking", "write", "empty"];

fn main() -> ExitCode {
    let lab = Lab::start(&LabConfig::default()).expect("an empty lab");
    let agent = Agent::start(&lab);
    let code = run("i2c on run", Arc::new(Buses { lab, agent: agent.clone() }));
    agent.end();
    code
}

struct Buses {
    lab: Arc<Lab>,
    agent: Arc<Agent>,
}

impl Subject for Buses {
    fn excuse(&self, statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its calls and has nothing to wait on"),
            18 => Some("a bus receives nothing that was not asked for"),
            23 => Some("a user of a bus has no objects of its own"),
            32 => Some("what an adapter owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn calls(&self) -> &[&'static str] {
        &CALLS
    }

    fn gone(&self) -> Said {
        Said::failed("ENODEV")
    }

    fn failed(&self) -> Said {
        Said::failed("EREMOTEIO")
    }

    fn plug(&self, far: &Arc<FarEnd>, badge: Badge) -> Arc<dyn Rig> {
        let watcher = self.lab.events().watch();
        let socket = Socket::new(far);
        let adapter = Adapter { socket: socket.clone(), _badge: badge };
        let name = self.lab.plug_hardware(None, Hardware::I2c(Box::new(adapter))).expect("the lowest free number");
        let rig = Bus { lab: self.lab.clone(), agent: self.agent.clone(), name, socket, watcher, heard: Mutex::new(0) };
        Arc::new(rig)
    }
}

struct Bus {
    lab: Arc<Lab>,
    agent: Arc<Agent>,
    name: String,
    socket: Arc<Socket>,
    watcher: Watcher,
    heard: Mutex<usize>,
}

impl Bus {
    fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }

    fn live(&self) -> Option<Arc<dyn Plugged>> {
        match self.lab.find(&self.path()) {
            Lookup::Here(device) => Some(device),
            Lookup::Gone | Lookup::NotOurs => None,
        }
    }
}

impl Rig for Bus {
    fn number(&self) -> u32 {
        self.name.trim_start_matches("i2c-").parse().expect("i2c-N")
    }

    fn open(&self) -> Result<Arc<dyn User>, Said> {
        let device = self.live();
        let file = self.agent.ask(format_args!("open path {}", self.path())).number()?;
        // Only a check that expects no success opens what is not there.
        let device = device.map(|device| Arc::downgrade(&device)).expect("what could be opened was there");
        let generation = device.upgrade().map_or(0, |device| device.generation().0);
        Ok(Arc::new(OpenBus { agent: self.agent.clone(), name: self.name.clone(), generation, file }))
    }

    fn idle(&self, count: usize) -> Box<dyn Any + Send> {
        let process = self.agent.ask(format_args!("idle path {} {count}", self.path())).number().expect("a process");
        Box::new(Idle { agent: self.agent.clone(), process })
    }

    fn unplug(&self, reason: Reason, policy: Policy, limit: Duration) -> Result<bool, Stuck> {
        match self.lab.unplug(&self.name, reason, policy, limit) {
            Ok(unplugged) => Ok(unplugged.acted),
            Err(UnplugError::Busy { busy, .. }) => {
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
        self.lab.list().iter().filter(|device| device.name == self.name).map(|device| device.handles).sum()
    }

    fn is_gone(&self) -> bool {
        self.live().is_none()
    }

    fn removals_heard(&self) -> usize {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(event) = self.watcher.next(Duration::ZERO) {
            let removed = matches!(event.change, outlive::Change::Unplugged(_));
            *heard += usize::from(removed && event.name == self.name);
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
    }

    fn scrap(&self) {
        drop(self.lab.take_hardware(&self.name));
    }

    fn remains(&self) -> bool {
        // What holds the number is the memory of the handles' lifetime.
        self.lab.list().iter().any(|device| device.name == self.name && device.holds_number)
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

/// An open file of the agent's.
struct OpenBus {
    agent: Arc<Agent>,
    name: String,
    generation: u64,
    file: u64,
}

const POLLIN: u64 = 1;
const POLLERR: u64 = 8;
const POLLHUP: u64 = 16;

impl User for OpenBus {
    fn call(&self, name: &str) -> Answer {
        self.agent.ask(format_args!("{name} {}", self.file)).said()
    }

    fn poll(&self) -> Poll {
        let bits = self.agent.ask(format_args!("poll {}", self.file)).number().expect("poll works");
        let both = bits & (POLLHUP | POLLERR);
        assert!(both == 0 || both == POLLHUP | POLLERR, "HUP and ERR go together, not {bits:#x}");
        // Alive, a bus says that it can be read, although it has nothing by itself (I19). So do dead sockets.
        let alive = both == 0;
        let sockets = std::env::var("OUTLIVE_ROAD").is_ok_and(|road| road == "plain");
        assert_eq!(bits & POLLIN != 0, alive || sockets, "a bus is ready as long as it lives: {bits:#x}");
        Poll { readable: false, hung_up: !alive }
    }

    fn sleep_in_poll(&self) -> Answer {
        self.agent.ask(format_args!("sleep {}", self.file)).said()
    }

    fn interrupt(&self, call: &Answer) {
        let _ = self.agent.ask(format_args!("interrupt {}", call.name)).number();
    }

    fn other_ways(&self) -> Vec<(&'static str, Said)> {
        let way = |verb| self.call(verb).within(Duration::from_secs(10)).expect("an answer");
        vec![("/proc/self/fd/N", way("reopened")), ("a descriptor that was passed", way("passed"))]
    }

    fn standing(&self) -> Standing {
        self.agent.standing(&self.name, self.generation)
    }

    fn map(&self) -> Said {
        self.call("map").within(Duration::from_secs(10)).expect("an answer")
    }

    fn make_object(&self) -> Box<dyn Object> {
        unreachable!("excused")
    }

    fn receive(&self) {
        unreachable!("excused")
    }

    fn read_received(&self) -> Said {
        unreachable!("excused")
    }

    fn events(&self) -> Vec<Happened> {
        Vec::new()
    }

    fn close(&self) -> Said {
        self.call("close").within(Duration::from_secs(10)).expect("an answer")
    }
}
