//! A client: its memory, and what it hears. Both check what the class promises about them.

use crate::{Answer, Caller, Completion, Errno, Fault, Memory, Payload};
use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Where the client's memory begins.
pub(crate) const BASE: u64 = 0x1000;
/// How much there is of it.
pub(crate) const SIZE: usize = 0x6000;
/// From here on it cannot be written.
pub(crate) const READ_ONLY: u64 = BASE + 0x5000;
/// An address that is nobody's.
pub(crate) const WILD: u64 = 0x9_0000;

/// The client's memory. Notes each fetch during a call, so that a second one of the same byte is found.
#[derive(Debug)]
pub(crate) struct Arena {
    bytes: Mutex<Vec<u8>>,
    fetched: Mutex<Vec<Range<u64>>>,
    caller: Mutex<Option<Caller>>,
}

impl Arena {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Arena { bytes: Mutex::new(vec![0; SIZE]), fetched: Mutex::default(), caller: Mutex::default() })
    }

    fn range(address: u64, size: usize) -> Result<Range<usize>, Fault> {
        let end = address.checked_add(size as u64).ok_or(Fault)?;
        let inside = address >= BASE && end <= BASE + SIZE as u64;
        if inside { Ok((address - BASE) as usize..(end - BASE) as usize) } else { Err(Fault) }
    }

    pub(crate) fn put(&self, address: u64, bytes: &[u8]) {
        let range = Self::range(address, bytes.len()).unwrap();
        self.bytes.lock().unwrap()[range].copy_from_slice(bytes);
    }

    pub(crate) fn get(&self, address: u64, size: usize) -> Vec<u8> {
        self.bytes.lock().unwrap()[Self::range(address, size).unwrap()].to_vec()
    }

    /// Says whose it is.
    pub(crate) fn belong_to(&self, caller: Caller) {
        *self.caller.lock().unwrap() = Some(caller);
    }

    /// What was fetched since the last time, in order.
    pub(crate) fn take_fetched(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut *self.fetched.lock().unwrap())
    }

    /// A byte that was fetched twice since the last time, if there is one: what it was checked for may not hold for
    /// what was used.
    pub(crate) fn take_double_fetch(&self) -> Option<u64> {
        let mut fetched = self.take_fetched();
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

    fn caller(&self) -> Option<Caller> {
        *self.caller.lock().unwrap()
    }
}

/// What a client heard of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Event>>>, Arc<Mutex<Data>>);

/// What went over with it, for those who watch.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Data {
    pub(crate) sent: Option<Payload>,
    pub(crate) brought: Option<Payload>,
}

#[derive(Clone, PartialEq, Debug)]
enum Event {
    Arrived(String),
    Answered(Result<Answer, Errno>),
    Dropped,
}

pub(crate) type OnArrival = Box<dyn FnOnce() + Send>;

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
    pub(crate) fn ticket(&self, on_arrival: Option<OnArrival>) -> Box<dyn Completion> {
        Box::new(Ticket { heard: self.clone(), on_arrival, answered: false })
    }

    /// Whether nothing but the arrival has been heard.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(&self.0.lock().unwrap()[..], [Event::Arrived(_)])
    }

    /// What arrived, and its answer, if there was exactly one arrival and after it exactly one answer.
    pub(crate) fn once(&self) -> Result<(String, Result<Answer, Errno>), String> {
        match &self.0.lock().unwrap()[..] {
            [Event::Arrived(what), Event::Answered(answer)] => Ok((what.clone(), answer.clone())),
            events => Err(format!("{events:?}")),
        }
    }

    /// What went over.
    pub(crate) fn data(&self) -> Data {
        self.1.lock().unwrap().clone()
    }

    /// The one answer, once it is there.
    pub(crate) fn answer(&self) -> Result<Answer, Errno> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.is_waiting() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.once().expect("one arrival and one answer").1
    }
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
