//! An adapter all of whose transfers go to a far end.

use crate::on_front::{Class, wires::Wires};
use outlive::{Cause, Noticer};
use outlive_classes::{
    Hardware,
    i2c::{self, Error, Message, Transfer, uapi::func},
};
use outlive_conformance::{Badge, FarEnd, Held};
use std::sync::Arc;

/// The driver.
#[derive(Debug)]
struct Adapter {
    wires: Arc<Wires>,
    _badge: Badge,
}

impl i2c::Adapter for Adapter {
    fn functionality(&self) -> u32 {
        func::I2C_FUNC_I2C | func::I2C_FUNC_SMBUS_EMUL_ALL
    }

    fn transfer(&self, messages: Vec<Message>, transfer: Transfer) {
        self.wires.take(Box::new(InHand { messages, transfer }));
    }

    fn plugged(&self, noticer: &Noticer) {
        self.wires.plugged(noticer);
    }

    fn teardown(&mut self) {
        self.wires.teardown();
    }
}

struct InHand {
    messages: Vec<Message>,
    transfer: Transfer,
}

impl Held for InHand {
    fn finish(self: Box<Self>) {
        self.transfer.answer(Ok(self.messages));
    }

    fn fail(self: Box<Self>) {
        self.transfer.answer(Err(Error::DataRefused));
    }

    fn let_go(self: Box<Self>, cause: Cause) {
        self.transfer.let_go(cause);
    }

    fn on_cancel(&self, hook: Box<dyn FnOnce(Cause) + Send>) {
        self.transfer.on_cancel(hook);
    }
}

/// What the class has of its own.
#[derive(Clone, Copy)]
pub(crate) struct I2c;

impl Class for I2c {
    type Socket = Wires;

    const NAME: &'static str = "i2c";
    const PREFIX: &'static str = "i2c-";
    const CALLS: &'static [&'static str] =
        &["I2C_RDWR", "I2C_SMBUS", "I2C_FUNCS", "I2C_SLAVE", "unknown", "read", "nonblocking", "write", "empty"];
    const FAILED: &'static str = "EREMOTEIO";
    const ALWAYS_READABLE: bool = true;

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its calls and has nothing to wait on"),
            18 => Some("a bus receives nothing that was not asked for"),
            23 => Some("a user of a bus has no objects of its own"),
            32 => Some("what an adapter owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Wires>, Hardware) {
        let wires = Wires::new(far);
        (wires.clone(), Self::witness(wires, badge))
    }
}

impl I2c {
    /// The driver on those wires.
    pub(crate) fn witness(wires: Arc<Wires>, badge: Badge) -> Hardware {
        Hardware::I2c(Box::new(Adapter { wires, _badge: badge }))
    }
}
