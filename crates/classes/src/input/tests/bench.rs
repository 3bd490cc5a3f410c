//! A device that does as it is told, clients of it, and a clock that stands still.

use crate::{
    Access, Answer, Call, Contract, Errno, File, Hardware, OpenFlags, Plugged,
    client::{Arena, BASE, Heard},
    input::{
        Axis, Clock, ClockId, Description, Driver, Effect, Error, Id, InputDevice, Order, Sink, Value, Wiring, queue,
        uapi::{abs, ev, ff},
    },
};
use outlive::{Numbers, Policy, Reason};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

pub(super) const LONG: Duration = Duration::from_secs(10);
pub(super) const A: u16 = 30;
pub(super) const B: u16 = 48;
pub(super) const SYNC: (u16, u16, i32) = (0, 0, 0);
/// One that the class itself puts there.
pub(super) const OWN_SYNC: (u16, u16, i32) = (0, 0, 1);

pub(super) const fn key(code: u16, value: i32) -> (u16, u16, i32) {
    (ev::KEY, code, value)
}

/// Time that goes when it is told to.
#[derive(Debug, Default)]
pub(super) struct Still {
    now: Mutex<Duration>,
    due: Mutex<Vec<Due>>,
}

struct Due(Duration, Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Still {
    /// So much time passes.
    pub(super) fn pass(&self, millis: u64) {
        let until = *self.now.lock().unwrap() + Duration::from_millis(millis);
        loop {
            let next = {
                let mut due = self.due.lock().unwrap();
                let first = (0..due.len()).filter(|index| due[*index].0 <= until).min_by_key(|index| due[*index].0);
                first.map(|index| due.remove(index))
            };
            let Some(Due(at, then)) = next else { break };
            *self.now.lock().unwrap() = at;
            then();
        }
        *self.now.lock().unwrap() = until;
    }
}

impl Clock for Still {
    fn time(&self, clock: ClockId) -> Duration {
        let epoch = match clock {
            ClockId::Real => 1_000_000,
            ClockId::Monotonic => 1000,
            ClockId::Boot => 2000,
        };
        Duration::from_secs(epoch) + *self.now.lock().unwrap()
    }

    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        let at = *self.now.lock().unwrap() + delay;
        self.due.lock().unwrap().push(Due(at, then));
    }
}

/// What the device does with effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behaviour {
    Takes,
    Refuses,
    /// Keeps the order until it is told to let go.
    Holds,
}

/// What is known of the device, which outlives it.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) behaviour: Mutex<Behaviour>,
    /// Everything that it was told, in words.
    pub(super) told: Mutex<Vec<String>>,
    wiring: Mutex<Option<Wiring>>,
    held: Mutex<Vec<Order>>,
}

#[derive(Debug)]
struct Stub(Arc<Notes>, Description);

impl Stub {
    fn tell(&self, what: impl Into<String>) {
        self.0.told.lock().unwrap().push(what.into());
    }

    fn order(&self, order: Order) {
        match *self.0.behaviour.lock().unwrap() {
            Behaviour::Takes => order.answer(Ok(())),
            Behaviour::Refuses => order.answer(Err(Error::Full)),
            Behaviour::Holds => {
                let notes = self.0.clone();
                order.on_cancel(move |cause| {
                    let held = notes.held.lock().unwrap().pop();
                    held.into_iter().for_each(|held| held.let_go(cause));
                });
                self.0.held.lock().unwrap().push(order);
            }
        }
    }
}

impl Driver for Stub {
    fn description(&self) -> Description {
        self.1.clone()
    }
    fn output(&self, value: Value) {
        self.tell(format!("{:#x} {} {}", value.kind, value.code, value.value));
    }
    fn upload(&self, effect: Effect, old: Option<Effect>, order: Order) {
        self.tell(format!("upload {}{}", effect.number(), if old.is_some() { " again" } else { "" }));
        self.order(order);
    }
    fn erase(&self, number: u16, order: Order) {
        self.tell(format!("erase {number}"));
        self.order(order);
    }
    fn plugged(&self, wiring: Wiring) {
        *self.0.wiring.lock().unwrap() = Some(wiring);
    }
    fn opened(&self) {
        self.tell("opened");
    }
    fn closed(&self) {
        self.tell("closed");
    }
    fn unplugged(&mut self) {
        self.tell("unplugged");
    }
}

/// A keyboard that is a touchscreen and rumbles.
pub(super) fn everything() -> Description {
    let id = Id { bus: 3, vendor: 0x1209, product: 7, version: 0x100 };
    Description { name: "Everything".into(), phys: Some("here".into()), id, effects: 2, ..Description::default() }
        .with(ev::KEY, [A, B])
        .with(ev::REL, [0, 1])
        .with(ev::MSC, [4])
        .with(ev::LED, [0, 1])
        .with(ev::SND, [2])
        .with(ev::SW, [0])
        .with(ev::REP, [])
        .with(ev::FF, [ff::RUMBLE])
        .with_axis(abs::X, Axis { resolution: 9, ..Axis::from_to(-5, 5) })
        .with_axis(abs::MT_SLOT, Axis::from_to(0, 3))
        .with_axis(abs::MT_POSITION_X, Axis::from_to(0, 99))
}

/// An open file and its owner's memory.
pub(super) struct Client {
    pub(super) file: Arc<dyn File>,
    pub(super) arena: Arc<Arena>,
}

pub(super) struct Bench {
    pub(super) device: Arc<InputDevice>,
    pub(super) client: Client,
    pub(super) notes: Arc<Notes>,
    pub(super) clock: Arc<Still>,
}

pub(super) type Said = Result<Vec<(u16, u16, i32)>, Errno>;

/// What was read, as events.
pub(super) fn events(answer: Result<Answer, Errno>) -> Said {
    answer.map(|answer| match answer {
        Answer::Data(data) => queue::events(&data).into_iter().map(|it| (it.kind, it.code, it.value)).collect(),
        Answer::Value(value) => panic!("a read said {value}"),
    })
}

/// Events as a client writes them.
pub(super) fn written(values: &[(u16, u16, i32)]) -> Vec<u8> {
    let event = |(kind, code, value): &(u16, u16, i32)| {
        [&[0; 16][..], &kind.to_ne_bytes(), &code.to_ne_bytes(), &value.to_ne_bytes()].concat()
    };
    values.iter().flat_map(event).collect()
}

pub(super) const fn flags(nonblock: bool) -> OpenFlags {
    OpenFlags { access: Access::ReadWrite, nonblock }
}

impl Client {
    pub(super) fn begin(&self, call: Call) -> (Heard, Option<u64>) {
        let heard = Heard::default();
        let number = self.file.call(call, self.arena.clone(), heard.ticket(None));
        (heard, number)
    }

    pub(super) fn call(&self, call: Call) -> Result<Answer, Errno> {
        let answer = self.begin(call).0.answer();
        assert_eq!(self.arena.take_double_fetch(), None);
        answer
    }

    pub(super) fn begin_read(&self) -> Heard {
        self.begin(Call::Read { size: 4096 }).0
    }

    pub(super) fn read(&self) -> Said {
        events(self.call(Call::Read { size: 4096 }))
    }

    pub(super) fn write(&self, values: &[(u16, u16, i32)]) -> Result<Answer, Errno> {
        self.call(Call::Write { data: written(values) })
    }

    /// What an ioctl returns.
    pub(super) fn ioctl(&self, command: u32, argument: u64) -> Result<i32, Errno> {
        self.call(Call::Ioctl { command, argument }).map(|answer| match answer {
            Answer::Value(value) => value,
            Answer::Data(data) => panic!("an ioctl said {data:?}"),
        })
    }

    /// What an ioctl that gives `size` bytes returns, and brings.
    pub(super) fn ask(&self, command: u32, size: usize) -> Result<(i32, Vec<u8>), Errno> {
        self.arena.put(BASE, &[0xee; 256]);
        let value = self.ioctl(command, BASE)?;
        assert_eq!(self.arena.get(BASE + size as u64, 1), [0xee], "more was written than {size} bytes");
        Ok((value, self.arena.get(BASE, size)))
    }
}

impl Bench {
    pub(super) fn with(contract: Contract, description: Description) -> Self {
        let notes = Arc::new(Notes {
            behaviour: Mutex::new(Behaviour::Takes),
            told: Mutex::default(),
            wiring: Mutex::default(),
            held: Mutex::default(),
        });
        let number = Numbers::new().claim(3).unwrap();
        let clock = Arc::new(Still::default());
        let stub = Box::new(Stub(notes.clone(), description));
        let device = Arc::new(InputDevice::plug_under(contract, number, stub, clock.clone()));
        let client = Client { file: device.open(flags(true)).unwrap(), arena: Arena::new() };
        Bench { device, client, notes, clock }
    }

    pub(super) fn under(contract: Contract) -> Self {
        Self::with(contract, everything())
    }

    pub(super) fn new() -> Self {
        Self::under(Contract::Strict)
    }

    pub(super) fn open(&self) -> Client {
        Client { file: self.device.open(flags(true)).unwrap(), arena: Arena::new() }
    }

    pub(super) fn sink(&self) -> Sink {
        self.notes.wiring.lock().unwrap().as_ref().expect("it is plugged in").sink.clone()
    }

    pub(super) fn notice(&self) {
        let noticer = self.notes.wiring.lock().unwrap().as_ref().expect("it is plugged in").noticer.clone();
        noticer.gone(Reason::Pulled);
    }

    /// Events of the device's own.
    pub(super) fn send(&self, values: &[(u16, u16, i32)]) {
        let values: Vec<_> = values.iter().map(|(kind, code, value)| Value::new(*kind, *code, *value)).collect();
        drop(self.sink().send(&values));
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.notes.behaviour.lock().unwrap() = behaviour;
    }

    /// What the device was told since the last time.
    pub(super) fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.told.lock().unwrap())
    }

    pub(super) fn pull(&self) {
        let hardware = self.device.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap();
        assert!(matches!(hardware, Some(Hardware::Input(_))));
    }
}
