//! A flash all of whose commands go to a far end.

use crate::on_front::{Class, wires::Wires};
use outlive::{Cause, Noticer};
use outlive_classes::{
    Hardware,
    mtd::{Command, Done, Fault, Flash, Found, Geometry, Kind, Order},
};
use outlive_conformance::{Badge, FarEnd, Held};
use std::sync::Arc;

/// The driver.
#[derive(Debug)]
struct Chip {
    wires: Arc<Wires>,
    _badge: Badge,
}

impl Flash for Chip {
    fn geometry(&self) -> Geometry {
        Geometry::without_pages(Kind::Nor, 0x1_0000, 0x1000)
    }

    fn name(&self) -> String {
        "witness".to_owned()
    }

    fn begin(&self, command: Command, order: Order) {
        self.wires.take(Box::new(InHand { command, order }));
    }

    fn plugged(&self, noticer: &Noticer) {
        self.wires.plugged(noticer);
    }

    fn teardown(&mut self) {
        self.wires.teardown();
    }
}

struct InHand {
    command: Command,
    order: Order,
}

impl Held for InHand {
    fn finish(self: Box<Self>) {
        let done = match &self.command {
            Command::Read { length, spare, .. } => {
                let (data, spare) = (vec![0; *length], vec![0; spare.length as usize]);
                Done::Read(Found { data, spare, ..Found::default() })
            }
            _ => Done::Nothing,
        };
        self.order.answer(Ok(done));
    }

    fn fail(self: Box<Self>) {
        self.order.answer(Err(Fault::TimedOut.into()));
    }

    fn let_go(self: Box<Self>, cause: Cause) {
        self.order.let_go(cause);
    }

    fn on_cancel(&self, hook: Box<dyn FnOnce(Cause) + Send>) {
        self.order.on_cancel(hook);
    }
}

/// What the class has of its own.
#[derive(Clone, Copy)]
pub(crate) struct Mtd;

impl Class for Mtd {
    type Socket = Wires;

    const NAME: &'static str = "mtd";
    const PREFIX: &'static str = "mtd";
    const CALLS: &'static [&'static str] =
        &["erase", "info", "unknown", "read", "nonblocking", "write", "empty", "pread", "pwrite", "beyond"];
    const FAILED: &'static str = "ETIMEDOUT";
    const ALWAYS_READABLE: bool = true;

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its commands and has nothing to wait on"),
            18 => Some("a flash receives nothing that was not asked for"),
            23 => Some("a user of a flash has no objects of its own but partitions, which are devices"),
            32 => Some("what a flash owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Wires>, Hardware) {
        let wires = Wires::new(far);
        (wires.clone(), Self::witness(wires, badge))
    }
}

impl Mtd {
    /// The driver on those wires.
    pub(crate) fn witness(wires: Arc<Wires>, badge: Badge) -> Hardware {
        Hardware::Mtd(Box::new(Chip { wires, _badge: badge }))
    }
}
