//! A client: its memory, and what it hears. Both check what the class promises about them.

use super::chip::{Behaviour, Chip};
use crate::{
    Access, Answer, Call, Completion, Contract, Errno, Fault, File, Memory, OpenFlags, Payload, Plugged,
    i2c::{
        Bus,
        uapi::{Msg, RdwrData, SmbusData},
    },
};
use outlive::{Numbers, Policy, Reason};
use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Where the client's memory begins.
pub(super) const BASE: u64 = 0x1000;
/// How much there is of it.
pub(super) const SIZE: usize = 0x6000;
/// From here on it cannot be written.
pub(super) const READ_ONLY: u64 = BASE + 0x5000;
/// An address that is nobody's.
pub(super) const WILD: u64 = 0x9_0000;

/// The client's memory. Notes each fetch during a call, so that a second one of the same byte is found.
#[derive(Debug)]
pub(super) struct Arena {
    bytes: Mutex<Vec<u8>>,
    fetched: Mutex<Vec<Range<u64>>>,
}

impl Arena {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Arena { bytes: Mutex::new(vec![0; SIZE]), fetched: Mutex::default() })
    }

    fn range(address: u64, size: usize) -> Result<Range<usize>, Fault> {
        let end = address.checked_add(size as u64).ok_or(Fault)?;
        let inside = address >= BASE && end <= BASE + SIZE as u64;
        if inside { Ok((address - BASE) as usize..(end - BASE) as usize) } else { Err(Fault) }
    }

    pub(super) fn put(&self, address: u64, bytes: &[u8]) {
        let range = Self::range(address, bytes.len()).unwrap();
        self.bytes.lock().unwrap()[range].copy_from_slice(bytes);
    }

    pub(super) fn get(&self, address: u64, size: usize) -> Vec<u8> {
        self.bytes.lock().unwrap()[Self::range(address, size).unwrap()].to_vec()
    }

    /// A byte that was fetched twice since the last time, if there is one: what it was checked for may not hold for
    /// what was used.
    pub(super) fn take_double_fetch(&self) -> Option<u64> {
        let mut fetched = std::mem::take(&mut *self.fetched.lock().unwrap());
        fetched.sort_by_key(|range| range.start);
        fetched.windows(2).find(|pair| pair[0].end > pair[1].start).map(|pair| pair[1].start)
    }
}

impl Memory for Arena {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        let range = Self::range(address, into.len())?;
        into.copy_from_slice(&self.bytes.lock().unwrap()[range]);
        self.fetched.lock().unwrap().push(address..address + into.len() as u64);
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        let range = Self::range(address, from.len())?;
        if address + from.len() as u64 > READ_ONLY {
            return Err(Fault);
        }
        self.bytes.lock().unwrap()[range].copy_from_slice(from);
        Ok(())
    }
}

/// What a client heard of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<Event>>>, Arc<Mutex<Data>>);

/// What went over with it, for those who watch.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Data {
    pub(super) sent: Option<Payload>,
    pub(super) brought: Option<Payload>,
}

#[derive(Clone, PartialEq, Debug)]
enum Event {
    Arrived(String),
    Answered(Result<Answer, Errno>),
    Dropped,
}

type OnArrival = Box<dyn FnOnce() + Send>;

/// The completion of one call.
struct Ticket {
    heard: Heard,
    on_arrival: Option<OnArrival>,
    answered: bool,
}

impl Completion for Ticket {
    fn arrived(&mut self, what: &dyn fmt::Display) {
        self.heard.push(Event::Arrived(what.to_string()));
        if let Some(hook) = self.on_arrival.take() {
            hook();
        }
    }

    fn sent(&mut self, payload: &dyn Fn() -> Option<Payload>) {
        self.heard.1.lock().unwrap().sent = payload();
    }

    fn brought(&mut self, payload: &dyn Fn() -> Option<Payload>) {
        self.heard.1.lock().unwrap().brought = payload();
    }

    fn complete(mut self: Box<Self>, answer: Result<Answer, Errno>) {
        self.answered = true;
        self.heard.push(Event::Answered(answer));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.answered {
            self.heard.push(Event::Dropped);
        }
    }
}

impl Heard {
    fn push(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    /// A completion that reports here.
    pub(super) fn ticket(&self, on_arrival: Option<OnArrival>) -> Box<dyn Completion> {
        Box::new(Ticket { heard: self.clone(), on_arrival, answered: false })
    }

    /// Whether nothing but the arrival has been heard.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(&self.0.lock().unwrap()[..], [Event::Arrived(_)])
    }

    /// What arrived, and its answer, if there was exactly one arrival and after it exactly one answer.
    pub(super) fn once(&self) -> Result<(String, Result<Answer, Errno>), String> {
        match &self.0.lock().unwrap()[..] {
            [Event::Arrived(what), Event::Answered(answer)] => Ok((what.clone(), answer.clone())),
            events => Err(format!("{events:?}")),
        }
    }

    /// What went over.
    pub(super) fn data(&self) -> Data {
        self.1.lock().unwrap().clone()
    }

    /// The one answer, once it is there.
    pub(super) fn answer(&self) -> Result<Answer, Errno> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.is_waiting() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.once().expect("one arrival and one answer").1
    }
}

/// A bus with one chip, a client that has it open, and the client's memory.
pub(super) struct Bench {
    pub(super) bus: Arc<Bus>,
    pub(super) chip: Chip,
    pub(super) file: Arc<dyn File>,
    pub(super) arena: Arc<Arena>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Behaviour::Prompt)
    }

    pub(super) fn with(behaviour: Behaviour) -> Self {
        Self::under(Contract::Strict, behaviour)
    }

    pub(super) fn under(contract: Contract, behaviour: Behaviour) -> Self {
        let chip = Chip::new(behaviour);
        let number = Numbers::new().claim(7).unwrap();
        let bus = Arc::new(Bus::plug_under(contract, number, Box::new(chip.clone())));
        let file = bus.open(OpenFlags { access: Access::ReadWrite, nonblock: false }).unwrap();
        Bench { bus, chip, file, arena: Arena::new() }
    }

    /// Begins a call.
    pub(super) fn begin(&self, call: Call) -> (Option<u64>, Heard) {
        self.begin_with(call, None)
    }

    pub(super) fn begin_with(&self, call: Call, on_arrival: Option<OnArrival>) -> (Option<u64>, Heard) {
        let heard = Heard::default();
        let number = self.file.call(call, self.arena.clone(), heard.ticket(on_arrival));
        assert_eq!(self.arena.take_double_fetch(), None, "fetched twice");
        (number, heard)
    }

    /// What a call is named, and its answer.
    pub(super) fn call(&self, call: Call) -> (String, Result<Answer, Errno>) {
        self.begin(call).1.once().expect("one arrival and one answer")
    }

    /// The result of an ioctl.
    pub(super) fn ioctl(&self, command: u32, argument: u64) -> Result<i32, Errno> {
        self.call(Call::Ioctl { command, argument }).1.map(|answer| match answer {
            Answer::Value(value) => value,
            Answer::Data(data) => panic!("an ioctl answered {data:?}"),
        })
    }

    pub(super) fn pull(&self) {
        self.remove(Reason::Pulled);
    }

    pub(super) fn remove(&self, reason: Reason) {
        self.bus.unplug(reason, Policy::Detach, Duration::from_secs(10)).expect("nobody stays inside");
    }
}

/// `struct i2c_msg` as a client has it.
pub(super) fn msg(message: &Msg) -> Vec<u8> {
    let head = [message.addr, message.flags, message.len, 0xdead];
    [head.map(u16::to_ne_bytes).as_flattened(), &message.buf.to_ne_bytes()].concat()
}

/// `struct i2c_rdwr_ioctl_data` as a client has it.
pub(super) fn rdwr_data(data: RdwrData) -> Vec<u8> {
    [&data.msgs.to_ne_bytes()[..], &data.nmsgs.to_ne_bytes(), &[0xad; 4]].concat()
}

/// `struct i2c_smbus_ioctl_data` as a client has it.
pub(super) fn smbus_data(data: SmbusData) -> Vec<u8> {
    [&[data.read_write, data.command, 0xde, 0xad][..], &data.size.to_ne_bytes(), &data.data.to_ne_bytes()].concat()
}

#[test]
fn the_checker_finds_a_double_completion() {
    let heard = Heard::default();
    let (mut first, second) = (heard.ticket(None), heard.ticket(None));
    first.arrived(&"read 1 from 0x50");
    first.complete(Ok(Answer::Value(0)));
    assert!(heard.once().is_ok());
    second.complete(Ok(Answer::Value(0)));
    assert!(heard.once().is_err(), "the canary lives");
}

#[test]
fn the_checker_finds_a_missing_completion_and_a_missing_arrival() {
    let dropped = Heard::default();
    dropped.ticket(None).arrived(&"read 1 from 0x50");
    assert!(dropped.once().is_err(), "the canary lives");
    let unannounced = Heard::default();
    unannounced.ticket(None).complete(Err(Errno::IO));
    assert!(unannounced.once().is_err(), "the canary lives");
}

#[test]
fn the_checker_finds_a_double_fetch() {
    let arena = Arena::new();
    let mut byte = [0];
    arena.read(BASE, &mut byte).unwrap();
    arena.read(BASE + 1, &mut byte).unwrap();
    assert_eq!(arena.take_double_fetch(), None);
    arena.read(BASE, &mut [0; 8]).unwrap();
    arena.read(BASE + 4, &mut byte).unwrap();
    assert_eq!(arena.take_double_fetch(), Some(BASE + 4), "the canary lives");
}
