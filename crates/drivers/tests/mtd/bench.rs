//! A flash in a time of its own, plugged into a device, and a client that has that open.

pub(crate) use crate::time::Time;
use outlive::{Cause, Device, Handle, Numbers, Outcome, Reason, Request};
use outlive_classes::{
    Contract,
    mtd::{Command, Done, Error, Fault, Flash, Found, Mode, Region, Shared},
};
use outlive_drivers::mtd::{ConfigError, FlashConfig};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// `nor,size=8MiB,erase=64KiB`
pub(crate) fn config(spec: &str) -> FlashConfig {
    let (model, keys) = spec.split_once(',').unwrap_or((spec, ""));
    let pair = |key: &str| key.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    FlashConfig { model: model.to_owned(), keys: keys.split(',').filter_map(pair).collect() }
}

pub(crate) fn build(spec: &str, time: &Arc<Time>) -> Result<Box<dyn Flash>, ConfigError> {
    config(spec).build(time.clone())
}

/// A spec with a file.
pub(crate) fn with_file(spec: &str, path: &Path) -> String {
    format!("{spec},file={}", path.display())
}

type Plug = Device<Shared, Box<dyn Flash>>;
pub(crate) type End = Outcome<Result<Done, Error>>;

/// The end of one command; more than one would be a bug.
#[derive(Clone, Default, Debug)]
pub(crate) struct Ends(Arc<Mutex<Vec<End>>>);

impl Ends {
    pub(crate) fn is_waiting(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }

    #[track_caller]
    pub(crate) fn one(&self) -> End {
        match &self.0.lock().unwrap()[..] {
            [end] => end.clone(),
            ends => panic!("not one end: {ends:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn done(&self) -> Result<Done, Error> {
        match self.one() {
            Outcome::Done(done) => done,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) struct Bench {
    pub(crate) time: Arc<Time>,
    device: Plug,
    handle: Handle<Shared, Box<dyn Flash>>,
}

impl Bench {
    pub(crate) fn new(spec: &str) -> Self {
        let time = Arc::new(Time::default());
        let flash = build(spec, &time).unwrap();
        Bench::plug(time, flash)
    }

    pub(crate) fn plug(time: Arc<Time>, flash: Box<dyn Flash>) -> Self {
        let numbers = Numbers::new();
        let shared = Shared::new(numbers.claim_again(0), Contract::Strict, &*flash);
        flash.plugged(&outlive::Noticer::new());
        let device = Device::new(shared, flash);
        let handle = device.open().unwrap();
        Bench { time, device, handle }
    }

    /// Pulls it: what is inside is cancelled. The flash comes back.
    pub(crate) fn pull(self) -> (Arc<Time>, Box<dyn Flash>) {
        let flash = self.pull_here();
        (self.time, flash)
    }

    /// Pulls it, while others still use it.
    pub(crate) fn pull_here(&self) -> Box<dyn Flash> {
        self.device.unplug(Reason::Pulled).wait(Duration::from_secs(10)).unwrap().unwrap()
    }

    /// Pulls it, and plugs the same thing in again.
    pub(crate) fn replug(self) -> Self {
        let (time, flash) = self.pull();
        Bench::plug(time, flash)
    }

    /// What would take its place.
    pub(crate) fn stand_in(&self) -> Self {
        let flash = self.handle.enter().unwrap().stand_in().unwrap();
        Bench::plug(self.time.clone(), flash)
    }

    /// Begins a command: its number, and where its end comes.
    pub(crate) fn begin(&self, command: Command) -> (u64, Ends) {
        self.try_begin(command).unwrap()
    }

    /// Begins a command, unless it has been pulled.
    pub(crate) fn try_begin(&self, command: Command) -> Option<(u64, Ends)> {
        let ends = Ends::default();
        let there = ends.clone();
        let number = self.begin_with(command, move |end| there.0.lock().unwrap().push(end))?;
        Some((number, ends))
    }

    /// Begins a command, unless it has been pulled. `reply` is called when it ends, outside the gate.
    pub(crate) fn begin_with(&self, command: Command, reply: impl FnOnce(End) + Send + 'static) -> Option<u64> {
        let operation = self.handle.begin("command").ok()?;
        let number = operation.number();
        let request = Request::new(operation, reply);
        match self.handle.enter() {
            Ok(flash) => flash.begin(command, request),
            Err(gone) => request.let_go(Cause::Gone(gone)),
        }
        Some(number)
    }

    /// Whether it has not been pulled.
    pub(crate) fn is_here(&self) -> bool {
        self.handle.gone().is_none()
    }

    /// Its client gives up.
    pub(crate) fn cancel(&self, number: u64) {
        self.handle.cancel(number);
    }

    #[track_caller]
    pub(crate) fn run(&self, command: Command) -> Result<Done, Error> {
        self.begin(command).1.done()
    }

    /// How many blocks of the whole flash are bad.
    pub(crate) fn bad_blocks(&self) -> Result<Done, Error> {
        let length = self.handle.shared().geometry().size;
        self.run(Command::BadBlocks { at: 0, length })
    }

    pub(crate) fn pass(&self, microseconds: u64) {
        self.time.pass(Duration::from_micros(microseconds));
    }

    #[track_caller]
    pub(crate) fn find(&self, at: u64, length: usize, spare: Region, mode: Mode) -> Result<Found, Error> {
        match self.run(Command::Read { at, length, spare, mode })? {
            Done::Read(found) => Ok(found),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn read(&self, at: u64, length: usize) -> Vec<u8> {
        self.find(at, length, NONE, Mode::Place).unwrap().data
    }

    /// The spare bytes of the page at `at`, as they are.
    #[track_caller]
    pub(crate) fn spare(&self, at: u64, length: u32) -> Vec<u8> {
        self.find(at, 0, Region { offset: 0, length }, Mode::Raw).unwrap().spare
    }
}

pub(crate) const NONE: Region = Region { offset: 0, length: 0 };

pub(crate) fn program(at: u64, data: &[u8]) -> Command {
    Command::Program { at, data: data.to_vec(), spare_from: 0, spare: Vec::new(), mode: Mode::Place }
}

pub(crate) fn program_spare(at: u64, data: &[u8], spare_from: u32, spare: &[u8], mode: Mode) -> Command {
    Command::Program { at, data: data.to_vec(), spare_from, spare: spare.to_vec(), mode }
}

pub(crate) fn erase(at: u64, length: u64) -> Command {
    Command::Erase { at, length }
}

pub(crate) fn fails(fault: Fault, at: u64) -> Result<Done, Error> {
    Err(Error { fault, at: Some(at) })
}

/// Bytes without a pattern.
pub(crate) fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut byte = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345) & 0x7fff_ffff;
        (state >> 16) as u8
    };
    (0..length).map(|_| byte()).collect()
}
