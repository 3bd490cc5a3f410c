//! A flash all of whose commands go to a far end.

use crate::on_front::Socket;
use outlive::{Cause, Noticer, Reason};
use outlive_classes::mtd::{Command, Done, Fault, Flash, Found, Geometry, Kind, Order};
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

/// The driver.
#[derive(Debug)]
pub(crate) struct Chip {
    pub(crate) pins: Arc<Pins>,
    pub(crate) _badge: Badge,
}

impl Flash for Chip {
    fn geometry(&self) -> Geometry {
        Geometry {
            kind: Kind::Nor,
            size: 0x1_0000,
            erase_size: 0x1000,
            write_size: 1,
            buffer_size: 1,
            spare_size: 0,
            free: Vec::new(),
            ecc: Vec::new(),
            ecc_step: 0,
            ecc_strength: 0,
            bitflip_threshold: 0,
            writable: true,
            lockable: false,
            locked_at_power_up: false,
            bad_blocks: false,
        }
    }

    fn name(&self) -> String {
        "witness".to_owned()
    }

    fn begin(&self, command: Command, order: Order) {
        self.pins.far().take(Box::new(InHand { command, order }));
    }

    fn plugged(&self, noticer: &Noticer) {
        self.pins.ends().noticer = noticer.clone();
    }

    fn teardown(&mut self) {
        self.pins.far().teardown();
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
