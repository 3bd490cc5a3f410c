//! An input device all of whose effects go to a far end.

use crate::on_front::{Class, Socket, on_plain, wires::Wires};
use outlive::Cause;
use outlive_classes::{
    Hardware,
    input::{
        Description, Driver, Effect, Error, Order, Sink, Value, Wiring,
        uapi::{ev, ff},
    },
};
use outlive_conformance::{Badge, FarEnd, Held};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the far end is connected, and where events go.
#[derive(Debug)]
pub(crate) struct Slot {
    wires: Arc<Wires>,
    sink: Mutex<Option<Sink>>,
}

impl Slot {
    pub(crate) fn new(far: &Arc<FarEnd>) -> Arc<Self> {
        Arc::new(Slot { wires: Wires::new(far), sink: Mutex::default() })
    }

    fn sink(&self) -> MutexGuard<'_, Option<Sink>> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket for Slot {
    fn connect(&self, far: &Arc<FarEnd>) {
        self.wires.connect(far);
    }

    fn notice(&self) {
        self.wires.notice();
    }

    fn send(&self) {
        let sink = self.sink().clone().expect("it is plugged in");
        drop(sink.send(&[Value::new(ev::REL, 0, 1), Value::SYNC]));
    }
}

/// The driver.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) slot: Arc<Slot>,
    pub(crate) _badge: Badge,
}

impl Driver for Board {
    fn description(&self) -> Description {
        // As many effects as there are numbers: each call of the suite makes one.
        let effects = usize::from(i16::MAX.unsigned_abs());
        let description = Description { name: "witness".to_owned(), effects, ..Description::default() };
        description.with(ev::REL, [0]).with(ev::FF, [ff::RUMBLE])
    }

    fn upload(&self, _: Effect, _: Option<Effect>, order: Order) {
        self.slot.wires.take(Box::new(InHand(order)));
    }

    fn plugged(&self, wiring: Wiring) {
        self.slot.wires.plugged(&wiring.noticer);
        *self.slot.sink() = Some(wiring.sink);
    }

    fn teardown(&mut self) {
        self.slot.wires.teardown();
    }

    fn unplugged(&mut self) {
        *self.slot.sink() = None;
    }
}

struct InHand(Order);

impl Held for InHand {
    fn finish(self: Box<Self>) {
        self.0.answer(Ok(()));
    }

    fn fail(self: Box<Self>) {
        self.0.answer(Err(Error::Io));
    }

    fn let_go(self: Box<Self>, cause: Cause) {
        self.0.let_go(cause);
    }

    fn on_cancel(&self, hook: Box<dyn FnOnce(Cause) + Send>) {
        self.0.on_cancel(hook);
    }
}
/// What the class has of its own.
#[derive(Clone, Copy)]
pub(crate) struct Input;

impl Class for Input {
    type Socket = Slot;

    const NAME: &'static str = "input";
    const PREFIX: &'static str = "input/event";
    const CALLS: &'static [&'static str] =
        &["effect", "events", "version", "unknown", "read", "nonblocking", "write", "empty"];
    const FAILED: &'static str = "EIO";
    const ALWAYS_READABLE: bool = false;
    const RECEIVES: &'static str = "events";
    const OBJECTS: Option<[&'static str; 2]> = Some(["effect", "forget"]);

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its effects and has nothing to wait on"),
            18 if on_plain() => {
                Some("without FUSE poll does not tell whether there is something to read of what has gone")
            }
            32 => Some("what a device owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Slot>, Hardware) {
        let slot = Slot::new(far);
        let board = Board { slot: slot.clone(), _badge: badge };
        (slot, Hardware::Input(Box::new(board)))
    }
}
