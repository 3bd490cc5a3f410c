//! An adapter all of whose transfers go to a far end.

use crate::on_front::Socket;
use outlive::{Cause, Noticer, Reason};
use outlive_classes::i2c::{self, Error, Message, Transfer, uapi::func};
use outlive_conformance::{Badge, FarEnd, Held};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the far end is connected, which may be another in the next life.
#[derive(Debug)]
pub(crate) struct Wires(Mutex<Ends>);

struct Ends {
    far: Arc<FarEnd>,
    noticer: Noticer,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Wires {
    pub(crate) fn new(far: &Arc<FarEnd>) -> Arc<Self> {
        Arc::new(Wires(Mutex::new(Ends { far: far.clone(), noticer: Noticer::new() })))
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn far(&self) -> Arc<FarEnd> {
        self.ends().far.clone()
    }
}

impl Socket for Wires {
    fn connect(&self, far: &Arc<FarEnd>) {
        self.ends().far = far.clone();
    }

    fn notice(&self) {
        let noticer = self.ends().noticer.clone();
        noticer.gone(Reason::Pulled);
    }
}

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
        self.socket.ends().noticer = noticer.clone();
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
