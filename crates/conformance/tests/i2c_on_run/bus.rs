//! An adapter all of whose transfers go to a far end.

use crate::on_front::wires::Wires;
use outlive::{Cause, Noticer};
use outlive_classes::i2c::{self, Error, Message, Transfer, uapi::func};
use outlive_conformance::{Badge, Held};
use std::sync::Arc;

/// The driver.
#[derive(Debug)]
pub(crate) struct Adapter {
    pub(crate) socket: Arc<Wires>,
    pub(crate) _badge: Badge,
}

impl i2c::Adapter for Adapter {
    fn functionality(&self) -> u32 {
        func::I2C_FUNC_I2C | func::I2C_FUNC_SMBUS_EMUL_ALL
    }

    fn transfer(&self, messages: Vec<Message>, transfer: Transfer) {
        self.socket.far().take(Box::new(InHand { messages, transfer }));
    }

    fn plugged(&self, noticer: &Noticer) {
        self.socket.plugged(noticer);
    }

    fn teardown(&mut self) {
        self.socket.far().teardown();
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
