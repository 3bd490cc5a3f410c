//! A board all of whose calls go to a far end.

use crate::on_front::{Class, Socket, on_plain};
use outlive::{Cause, Reason};
use outlive_classes::{
    Hardware,
    uio::{Control, Driver, Error, Wiring},
};
use outlive_conformance::{Badge, FarEnd, Held, MAPPED_WORDS};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Copy)]
pub(crate) struct Uio;

impl Class for Uio {
    type Socket = Slot;

    const NAME: &'static str = "uio";
    const PREFIX: &'static str = "uio";
    const CALLS: &'static [&'static str] = &["irq", "count", "unknown", "read", "nonblocking", "write", "empty"];
    const FAILED: &'static str = "EIO";
    const ALWAYS_READABLE: bool = false;

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its calls and has nothing to wait on"),
            18 if on_plain() => {
                Some("without FUSE poll does not tell whether there is something to read of what has gone")
            }
            23 => Some("a user of a board has no objects of its own but its mappings, which the kernel unmaps"),
            32 => Some("what a board owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Slot>, Hardware) {
        let slot = Slot::new(far);
        let board = Board { slot: slot.clone(), _badge: badge };
        (slot, Hardware::Uio(Box::new(board)))
    }
}

/// Where the far end is connected.
#[derive(Debug)]
pub(crate) struct Slot(Mutex<Ends>);

struct Ends {
    far: Arc<FarEnd>,
    /// What the board has of its life.
    wiring: Option<Wiring>,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Slot {
    pub(crate) fn new(far: &Arc<FarEnd>) -> Arc<Self> {
        Arc::new(Slot(Mutex::new(Ends { far: far.clone(), wiring: None })))
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn far(&self) -> Arc<FarEnd> {
        self.ends().far.clone()
    }

    fn wiring(&self) -> Option<Wiring> {
        self.ends().wiring.clone()
    }
}

impl Socket for Slot {
    fn connect(&self, far: &Arc<FarEnd>) {
        self.ends().far = far.clone();
    }

    fn notice(&self) {
        self.wiring().expect("it is plugged in").noticer.gone(Reason::Pulled);
    }

    fn send(&self) {
        self.wiring().expect("it is plugged in").line.raise();
    }

    fn word(&self, number: usize) -> Option<u32> {
        Some(self.wiring()?.memory[0].load(4 * number as u64))
    }

    fn set_word(&self, number: usize, value: u32) {
        if let Some(wiring) = self.wiring() {
            wiring.memory[0].store(4 * number as u64, value);
        }
    }
}

/// The driver.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) slot: Arc<Slot>,
    pub(crate) _badge: Badge,
}

impl Driver for Board {
    fn regions(&self) -> Vec<u64> {
        vec![4 * MAPPED_WORDS as u64]
    }

    fn control(&self, _: u32, control: Control) {
        self.slot.far().take(Box::new(InHand(control)));
    }

    fn plugged(&self, wiring: Wiring) {
        self.slot.ends().wiring = Some(wiring);
    }

    fn unplugged(&mut self) {
        self.slot.ends().wiring = None;
    }

    fn teardown(&mut self) {
        self.slot.far().teardown();
    }
}

struct InHand(Control);

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
