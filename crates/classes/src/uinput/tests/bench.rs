//! /dev/uinput with a program that has it open, a place where what it makes is plugged in, and a clock that stands still.

use crate::{
    Access, Answer, Call, Contract, Errno, File, OpenFlags, Plugged,
    client::{Arena, BASE, Heard},
    input::{self, Axis, Clock, ClockId, Driver, InputDevice, Sink, events, uapi::ev},
    uinput::{
        Ports, Uinput,
        uapi::{ABS_SETUP_SIZE, SETUP_SIZE, USER_DEV_SIZE, ioctl},
    },
};
use outlive::{Numbers, Policy, Reason};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(super) const LONG: Duration = Duration::from_secs(10);
pub(super) const NAME: u32 = ioctl::GET_SYSNAME | 32 << 16;
pub(super) const ABS_SETUP: u32 = ioctl::ABS_SETUP | (ABS_SETUP_SIZE as u32) << 16;
const FLAGS: OpenFlags = OpenFlags { access: Access::ReadWrite, nonblock: true };

/// Time that goes when it is told to.
#[derive(Debug, Default)]
pub(super) struct Still(Mutex<Vec<Due>>);

struct Due(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Due")
    }
}

impl Still {
    /// All that was to happen some time happens.
    pub(super) fn pass(&self) {
        let due = std::mem::take(&mut *self.0.lock().unwrap());
        due.into_iter().for_each(|Due(then)| then());
    }
}

impl Clock for Still {
    fn time(&self, _: ClockId) -> Duration {
        Duration::from_micros(7_000_009)
    }

    fn after(&self, _: Duration, then: Box<dyn FnOnce() + Send>) {
        self.0.lock().unwrap().push(Due(then));
    }
}

/// Where devices are plugged in.
#[derive(Debug, Default)]
pub(super) struct Board {
    numbers: Numbers,
    pub(super) clock: Arc<Still>,
    devices: Mutex<BTreeMap<u32, Arc<InputDevice>>>,
    pub(super) refuses: Mutex<Option<Errno>>,
    /// How long each removal was waited for, at most.
    pub(super) removed: Mutex<Vec<(u32, Duration)>>,
}

impl Ports for Board {
    fn plug(&self, driver: Box<dyn Driver>) -> Result<u32, Errno> {
        if let Some(errno) = *self.refuses.lock().unwrap() {
            return Err(errno);
        }
        let number = self.numbers.claim_lowest(0, |_| true);
        let value = number.value();
        let device = InputDevice::plug_under(Contract::Strict, number, driver, self.clock.clone());
        self.devices.lock().unwrap().insert(value, Arc::new(device));
        Ok(value)
    }

    fn unplug(&self, number: u32, sink: &Sink, limit: Duration) {
        let device = self.devices.lock().unwrap().remove(&number).expect("it is there");
        assert!(Plugged::sink(&*device).is_some_and(|its| its.is(sink)));
        self.removed.lock().unwrap().push((number, limit));
        let gone = device.unplug(Reason::Pulled, Policy::Detach, limit);
        assert!(gone.expect("nobody stays inside").is_some());
    }
}

impl Board {
    /// The device of that number.
    pub(super) fn device(&self, number: u32) -> Arc<InputDevice> {
        self.devices.lock().unwrap()[&number].clone()
    }

    pub(super) fn count(&self) -> usize {
        self.devices.lock().unwrap().len()
    }
}

/// An open file and its owner's memory.
pub(super) struct Program {
    pub(super) file: Arc<dyn File>,
    pub(super) arena: Arc<Arena>,
}

pub(super) struct Bench {
    pub(super) uinput: Uinput,
    pub(super) board: Arc<Board>,
    pub(super) program: Program,
}

pub(super) type Said = Result<Vec<(u16, u16, i32)>, Errno>;

/// What was read, as events.
pub(super) fn said(answer: Result<Answer, Errno>) -> Said {
    answer.map(|answer| match answer {
        Answer::Data(data) => events(&data).into_iter().map(|it| (it.kind, it.code, it.value)).collect(),
        Answer::Value(value) => panic!("a read said {value}"),
    })
}

/// Events as a program writes them.
pub(super) fn written(values: &[(u16, u16, i32)]) -> Vec<u8> {
    let event = |(kind, code, value): &(u16, u16, i32)| {
        [&[0; 16][..], &kind.to_ne_bytes(), &code.to_ne_bytes(), &value.to_ne_bytes()].concat()
    };
    values.iter().flat_map(event).collect()
}

/// `struct uinput_setup`
pub(super) fn setup(name: &str, effects: u32) -> Vec<u8> {
    let mut bytes = vec![0; SETUP_SIZE];
    bytes[..8].copy_from_slice(&[3, 0, 9, 0x12, 7, 0, 1, 0]);
    bytes[8..8 + name.len()].copy_from_slice(name.as_bytes());
    bytes[88..].copy_from_slice(&effects.to_ne_bytes());
    bytes
}

/// `struct uinput_abs_setup`
pub(super) fn abs_setup(code: u16, axis: Axis) -> Vec<u8> {
    let words = [axis.value, axis.minimum, axis.maximum, axis.fuzz, axis.flat, axis.resolution];
    [&code.to_ne_bytes()[..], &[0; 2], &words.map(i32::to_ne_bytes).concat()].concat()
}

/// `struct uinput_user_dev`, of which one axis has a range.
pub(super) fn user_dev(name: &str, effects: u32, code: usize, axis: Axis) -> Vec<u8> {
    let mut bytes = vec![0; USER_DEV_SIZE];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes[80..88].copy_from_slice(&[3, 0, 9, 0x12, 7, 0, 1, 0]);
    bytes[88..92].copy_from_slice(&effects.to_ne_bytes());
    for (set, word) in [axis.maximum, axis.minimum, axis.fuzz, axis.flat].into_iter().enumerate() {
        let at = 92 + (set * 64 + code) * 4;
        bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

impl Program {
    pub(super) fn of(device: &dyn Plugged) -> Self {
        Program { file: device.open(FLAGS).unwrap(), arena: Arena::new() }
    }

    pub(super) fn begin(&self, call: Call) -> (Heard, Option<u64>) {
        let heard = Heard::default();
        let number = self.file.call(call, self.arena.clone(), heard.ticket(None));
        (heard, number)
    }

    pub(super) fn call(&self, call: Call) -> Result<Answer, Errno> {
        self.arena.take_fetched();
        let answer = self.begin(call).0.answer();
        assert_eq!(self.arena.take_double_fetch(), None);
        answer
    }

    /// What an ioctl returns.
    pub(super) fn ioctl(&self, command: u32, argument: u64) -> Result<i32, Errno> {
        self.call(Call::Ioctl { command, argument }).map(|answer| match answer {
            Answer::Value(value) => value,
            Answer::Data(data) => panic!("an ioctl said {data:?}"),
        })
    }

    /// The same with a structure.
    pub(super) fn say(&self, command: u32, bytes: &[u8]) -> Result<i32, Errno> {
        self.arena.put(BASE, bytes);
        self.ioctl(command, BASE)
    }

    pub(super) fn write(&self, values: &[(u16, u16, i32)]) -> Result<Answer, Errno> {
        self.call(Call::Write { data: written(values) })
    }

    pub(super) fn read(&self) -> Said {
        said(self.call(Call::Read { size: 4096 }))
    }

    /// What its device is called.
    pub(super) fn name(&self) -> Result<String, Errno> {
        let length = self.ioctl(NAME, BASE)?;
        let bytes = self.arena.get(BASE, length as usize);
        Ok(String::from_utf8(bytes[..bytes.len() - 1].to_vec()).unwrap())
    }

    /// A keyboard with a key and an LED.
    pub(super) fn make(&self) -> Result<i32, Errno> {
        self.ioctl(ioctl::SET_EVBIT, ev::KEY.into())?;
        self.ioctl(ioctl::SET_KEYBIT, 30)?;
        self.ioctl(ioctl::SET_EVBIT, ev::LED.into())?;
        self.ioctl(ioctl::SET_LEDBIT, 1)?;
        self.say(ioctl::DEV_SETUP, &setup("made", 0))?;
        self.ioctl(ioctl::DEV_CREATE, 0)
    }
}

impl Bench {
    pub(super) fn under(contract: Contract) -> Self {
        let board = Arc::new(Board::default());
        let number = Numbers::new().claim(0).unwrap();
        let uinput = Uinput::plug_under(contract, number, board.clone(), board.clock.clone());
        let program = Program::of(&uinput);
        Bench { uinput, board, program }
    }

    pub(super) fn new() -> Self {
        Self::under(Contract::Strict)
    }

    /// Another program with it open.
    pub(super) fn open(&self) -> Program {
        Program::of(&self.uinput)
    }

    /// A client of what has been made.
    pub(super) fn client(&self, number: u32) -> Program {
        Program::of(&*self.board.device(number))
    }
}

/// What an input device says of itself.
pub(super) fn description(bench: &Bench, number: u32) -> input::Description {
    let sink = Plugged::sink(&*bench.board.device(number)).unwrap();
    sink.description().clone()
}
