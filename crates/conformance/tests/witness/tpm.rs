//! A TPM all of whose commands go to a far end.

use crate::on_front::{Class, on_plain, wires::Wires};
use outlive::{Cause, Noticer};
use outlive_classes::{
    Hardware,
    tpm::{self, Error, Order},
};
use outlive_conformance::{Badge, FarEnd, Held};
use std::sync::Arc;

/// The driver. The law speaks of many handles, so several may have it open.
#[derive(Debug)]
struct Chip {
    wires: Arc<Wires>,
    _badge: Badge,
}

impl tpm::Tpm for Chip {
    fn is_shared(&self) -> bool {
        true
    }

    fn begin(&self, _: Vec<u8>, order: Order) {
        self.wires.take(Box::new(InHand(order)));
    }

    fn plugged(&self, noticer: &Noticer) {
        self.wires.plugged(noticer);
    }

    fn teardown(&mut self) {
        self.wires.teardown();
    }
}

/// A response without parameters: it went well.
const DONE: [u8; 10] = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0, 0];

struct InHand(Order);

impl Held for InHand {
    fn finish(self: Box<Self>) {
        self.0.answer(Ok(DONE.to_vec()));
    }

    fn fail(self: Box<Self>) {
        self.0.answer(Err(Error::TimedOut));
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
pub(crate) struct Tpm;

impl Class for Tpm {
    type Socket = Wires;

    const NAME: &'static str = "tpm";
    const PREFIX: &'static str = "tpm";
    const CALLS: &'static [&'static str] = &["order", "unknown", "read", "nonblocking", "write", "empty"];
    const FAILED: &'static str = "ETIME";
    const ALWAYS_READABLE: bool = false;
    const ONE_CALL_AT_A_TIME: bool = true;
    const ASKS: Option<&'static str> = Some("asks");
    const RECEIVES: &'static str = "response";

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its commands and has nothing to wait on"),
            18 if on_plain() => {
                Some("without FUSE poll does not tell whether there is something to read of what has gone")
            }
            23 => Some("a user of a TPM has no objects of its own but those in it, which go with it"),
            32 => Some("what a TPM owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Wires>, Hardware) {
        let wires = Wires::new(far);
        (wires.clone(), Self::witness(wires, badge))
    }
}

impl Tpm {
    /// The driver on those wires.
    pub(crate) fn witness(wires: Arc<Wires>, badge: Badge) -> Hardware {
        Hardware::Tpm(Box::new(Chip { wires, _badge: badge }))
    }
}
