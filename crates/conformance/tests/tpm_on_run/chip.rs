//! A TPM all of whose commands go to a far end.

use crate::on_front::Socket;
use outlive::{Cause, Noticer, Reason};
use outlive_classes::tpm::{Error, Order, Tpm};
use outlive_conformance::{Badge, FarEnd, Held};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the far end is connected, which may be another in the next life.
#[derive(Debug)]
pub(crate) struct Pins(Mutex<Ends>);

struct Ends {
    far: Arc<FarEnd>,
    noticer: Noticer,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Pins {
    pub(crate) fn new(far: &Arc<FarEnd>) -> Arc<Self> {
        Arc::new(Pins(Mutex::new(Ends { far: far.clone(), noticer: Noticer::new() })))
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn far(&self) -> Arc<FarEnd> {
        self.ends().far.clone()
    }
}

impl Socket for Pins {
    fn connect(&self, far: &Arc<FarEnd>) {
        self.ends().far = far.clone();
    }

    fn notice(&self) {
        let noticer = self.ends().noticer.clone();
        noticer.gone(Reason::Pulled);
    }
}

/// The driver. The law speaks of many handles, so several may have it open.
#[derive(Debug)]
pub(crate) struct Chip {
    pub(crate) pins: Arc<Pins>,
    pub(crate) _badge: Badge,
}

impl Tpm for Chip {
    fn is_shared(&self) -> bool {
        true
    }

    fn begin(&self, _: Vec<u8>, order: Order) {
        self.pins.far().take(Box::new(InHand(order)));
    }

    fn plugged(&self, noticer: &Noticer) {
        self.pins.ends().noticer = noticer.clone();
    }

    fn teardown(&mut self) {
        self.pins.far().teardown();
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
