//! A flash all of whose commands go to a far end.

use crate::on_front::wires::Wires;
use outlive::{Cause, Noticer};
use outlive_classes::mtd::{Command, Done, Fault, Flash, Found, Geometry, Kind, Order};
use outlive_conformance::{Badge, Held};
use std::sync::Arc;

/// The driver.
#[derive(Debug)]
pub(crate) struct Chip {
    pub(crate) wires: Arc<Wires>,
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
        self.wires.far().take(Box::new(InHand { command, order }));
    }

    fn plugged(&self, noticer: &Noticer) {
        self.wires.plugged(noticer);
    }

    fn teardown(&mut self) {
        self.wires.far().teardown();
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
