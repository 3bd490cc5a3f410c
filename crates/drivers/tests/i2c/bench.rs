//! A bus in a time of its own, and a client that has it open.

pub(crate) use crate::time::Time;
use outlive::{Numbers, Policy, Reason};
use outlive_classes::{
    Access, Answer, Call, Completion, Errno, Fault, File, Hardware, Memory, OpenFlags, Plugged,
    i2c::{self, uapi::ioctl::*},
};
use outlive_drivers::i2c::{Bus, ChipConfig};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// `24c02@0x50,twr=5ms`
pub(crate) fn chip(spec: &str) -> ChipConfig {
    let mut parts = spec.split(',');
    let (model, address) = parts.next().unwrap().split_once('@').unwrap();
    let address = outlive_drivers::value::parse_integer(address).unwrap() as u16;
    let key = |part: &str| part.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
    ChipConfig { model: model.to_owned(), address, keys: parts.map(key).collect::<BTreeMap<_, _>>() }
}

/// A message of a transfer: what is written, or how much is read, with flags besides.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Write(u16, Vec<u8>),
    Read(u16, usize),
}

/// The client's memory: sixteen pages from address 0x1000 on.
#[derive(Debug)]
struct Pages(Mutex<Vec<u8>>);

const BASE: u64 = 0x1000;

impl Pages {
    fn with<T>(&self, address: u64, size: usize, then: impl FnOnce(&mut [u8]) -> T) -> Result<T, Fault> {
        let start = address.checked_sub(BASE).ok_or(Fault)? as usize;
        self.0.lock().unwrap().get_mut(start..start.saturating_add(size)).map(then).ok_or(Fault)
    }
}

impl Memory for Pages {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        self.with(address, into.len(), |bytes| into.copy_from_slice(bytes))
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        self.with(address, from.len(), |bytes| bytes.copy_from_slice(from))
    }
}

/// The answers to one call, in the order in which they came; more than one would be a bug.
#[derive(Clone, Default, Debug)]
pub(crate) struct Answers(Arc<Mutex<Vec<Result<Answer, Errno>>>>);

impl Answers {
    /// Whether there is none yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }

    /// The one there is.
    #[track_caller]
    pub(crate) fn one(&self) -> Result<Answer, Errno> {
        match &self.0.lock().unwrap()[..] {
            [answer] => answer.clone(),
            answers => panic!("not one answer: {answers:?}"),
        }
    }
}

struct Ticket(Answers);

impl Completion for Ticket {
    fn arrived(&mut self, _: &dyn fmt::Display) {}

    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        self.0.0.lock().unwrap().push(answer);
    }
}

pub(crate) struct Bench {
    pub(crate) time: Arc<Time>,
    pub(crate) bus: Arc<i2c::Bus>,
    pub(crate) file: Arc<dyn File>,
    memory: Arc<Pages>,
}

impl Bench {
    pub(crate) fn new(chips: &[&str]) -> Self {
        let time = Arc::new(Time::default());
        let chips: Vec<_> = chips.iter().map(|spec| chip(spec)).collect();
        let bus = Bus::new(&chips, time.clone()).unwrap();
        Self::plug(time, Box::new(bus), &Numbers::new())
    }

    /// A bus on any adapter.
    pub(crate) fn plug(time: Arc<Time>, adapter: Box<dyn i2c::Adapter>, numbers: &Numbers) -> Self {
        Self::open(time, Arc::new(i2c::Bus::plug(numbers.claim_again(7), adapter)))
    }

    fn open(time: Arc<Time>, bus: Arc<i2c::Bus>) -> Self {
        let file = bus.open(OpenFlags { access: Access::ReadWrite, nonblock: false }).unwrap();
        Bench { time, bus, file, memory: Arc::new(Pages(Mutex::new(vec![0; 0x10000]))) }
    }

    /// Another client of the same bus.
    pub(crate) fn another(&self) -> Self {
        Self::open(self.time.clone(), self.bus.clone())
    }

    /// Pulls the bus and plugs the same thing in again.
    pub(crate) fn replug(self) -> Self {
        let hardware = self.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap();
        let Some(Hardware::I2c(adapter)) = hardware else { panic!("an i2c bus gives an adapter back") };
        Self::plug(self.time, adapter, &Numbers::new())
    }

    /// Begins a call: its number, if it went inside, and where its answer comes.
    pub(crate) fn begin(&self, call: Call) -> (Option<u64>, Answers) {
        let answers = Answers::default();
        let number = self.file.call(call, self.memory.clone(), Box::new(Ticket(answers.clone())));
        (number, answers)
    }

    pub(crate) fn ioctl(&self, command: u32, argument: u64) -> Result<Answer, Errno> {
        self.begin(Call::Ioctl { command, argument }).1.one()
    }

    pub(crate) fn select(&self, address: u64) {
        self.ioctl(I2C_SLAVE, address).unwrap();
    }

    fn put(&self, address: u64, bytes: &[u8]) {
        self.memory.write(address, bytes).unwrap();
    }

    fn get(&self, address: u64, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        self.memory.read(address, &mut bytes).unwrap();
        bytes
    }

    /// I2C_RDWR: what was read, message by message.
    pub(crate) fn rdwr(&self, address: u16, parts: &[Part]) -> Result<Vec<Vec<u8>>, Errno> {
        let buffer = |i: usize| BASE + 0x1000 + 0x200 * i as u64;
        for (i, part) in parts.iter().enumerate() {
            let (flags, size) = match part {
                Part::Write(flags, data) => {
                    self.put(buffer(i), data);
                    (*flags, data.len())
                }
                Part::Read(flags, size) => (*flags | 1, *size),
            };
            let head = [address, flags, size as u16, 0].map(u16::to_ne_bytes);
            let message = [head.as_flattened(), &buffer(i).to_ne_bytes()].concat();
            self.put(BASE + 0x100 + 16 * i as u64, &message);
        }
        self.put(BASE, &(BASE + 0x100).to_ne_bytes());
        self.put(BASE + 8, &(parts.len() as u64).to_ne_bytes());
        let answer = self.ioctl(I2C_RDWR, BASE)?;
        assert_eq!(answer, Answer::Value(parts.len() as i32));
        let read = |(i, part): (usize, &Part)| match part {
            Part::Read(_, size) => Some(self.get(buffer(i), *size)),
            Part::Write(..) => None,
        };
        Ok(parts.iter().enumerate().filter_map(read).collect())
    }

    pub(crate) fn write(&self, address: u16, data: &[u8]) -> Result<(), Errno> {
        self.rdwr(address, &[Part::Write(0, data.to_vec())]).map(drop)
    }

    /// Writes `pointer`, then reads.
    pub(crate) fn read(&self, address: u16, pointer: &[u8], size: usize) -> Result<Vec<u8>, Errno> {
        let read = self.rdwr(address, &[Part::Write(0, pointer.to_vec()), Part::Read(0, size)])?;
        Ok(read.concat())
    }

    /// I2C_SMBUS on the selected address: the client's union afterwards.
    pub(crate) fn smbus(&self, read: bool, command: u8, size: u32, data: &[u8]) -> Result<Vec<u8>, Errno> {
        let union = BASE + 0x1000;
        self.put(union, &[0; 34]);
        self.put(union, data);
        let head = [[u8::from(read), command, 0, 0], size.to_ne_bytes()];
        self.put(BASE, &[head.as_flattened(), &union.to_ne_bytes()].concat());
        self.ioctl(I2C_SMBUS, BASE)?;
        Ok(self.get(union, 34))
    }
}
