//! Who watches the operations of a lab, and their numbers.

use crate::trial::Answered;
use outlive::{Generation, HandleId, Reason, State};
use outlive_classes::{Payload, PollBits, drm};
use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Watches the operations of a lab.
pub trait Observer: Send + Sync {
    /// An operation has reached its device and is about to enter. The numbers arrive in order, one call at a time;
    /// the device may be unplugged in here.
    fn arrived(&self, arrival: &Arrival<'_>);

    /// Operation `number` got its answer; `gone`: what it was for, that life of the device, had gone by then. May be called
    /// by several threads at a time, and from within [`arrived`](Observer::arrived) if that unplugs a device: so `arrived`
    /// holds no lock then that this takes.
    fn answered(&self, number: u64, answer: Answered, gone: bool);

    /// Operation `number` is about to be answered with a success that brings nothing, since its device has gone and its contract
    /// has no error for it. Called as [`answered`](Observer::answered) is.
    fn hollow(&self, number: u64) {
        let _ = number;
    }

    /// Whether [`detail`](Observer::detail) is to be called.
    fn wants_detail(&self) -> bool {
        false
    }

    /// What else there is to see. May be called by several threads at a time, and with locks of the lab held: it must
    /// not wait, nor ask the lab for anything.
    fn detail(&self, detail: Detail<'_>) {
        let _ = detail;
    }
}

/// What there is to see besides operations and their answers.
#[derive(Debug)]
pub enum Detail<'a> {
    /// By which open file an operation came, right after its arrival.
    On {
        /// The operation.
        number: u64,
        /// The open file.
        handle: HandleId,
    },
    /// What the client sent with an operation, right after its arrival.
    Sent {
        /// The operation.
        number: u64,
        /// What it sent.
        payload: Payload,
    },
    /// What the device gave for an operation, before its answer; to be forgotten if the answer is an error.
    Brought {
        /// The operation.
        number: u64,
        /// What it gave.
        payload: Payload,
    },
    /// An open succeeded with this handle; before its answer.
    Opened {
        /// The operation.
        number: u64,
        /// The open file.
        handle: HandleId,
    },
    /// The last descriptor of an open file was closed.
    Closed {
        /// The device.
        device: &'a str,
        /// The open file.
        handle: HandleId,
    },
    /// An open file was polled.
    Polled {
        /// The device.
        device: &'a str,
        /// The open file.
        handle: HandleId,
        /// The thread that made the call.
        pid: u32,
        /// What it was told.
        bits: PollBits,
        /// Whether it waits now.
        waits: bool,
    },
    /// Something became of a device.
    Changed {
        /// The device.
        device: &'a str,
        /// Which life of it.
        generation: Generation,
        /// What became of it.
        change: DeviceChange,
    },
}

/// What may become of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceChange {
    /// It was plugged in.
    Plugged,
    /// It was marked as gone. What is inside and answered ENODEV from here on was cut short by that.
    Unplugged(Reason),
    /// It was set to this state.
    State(State),
    /// A cable of a card was put in, or pulled out.
    Connector(drm::Change),
}

/// An operation that has reached its device.
pub struct Arrival<'a> {
    /// Counts the operations of the lab, from 1.
    pub number: u64,
    /// The device: `i2c-7`.
    pub device: &'a str,
    /// The thread that made the call.
    pub pid: u32,
    /// The system call: `open`, `read`, `write`, `ioctl`.
    pub call: &'static str,
    /// As the class names it: `I2C_SMBUS read_byte_data 0x50 reg 0x1f`.
    pub what: &'a dyn fmt::Display,
}

/// The operations of a lab: how many there were, and who watches them.
#[derive(Default)]
pub(super) struct Operations {
    count: AtomicU64,
    observer: OnceLock<Arc<dyn Observer>>,
    /// Held while an arrival is told, so that the numbers arrive in order.
    telling: Mutex<()>,
}

impl Operations {
    pub(super) fn observe(&self, observer: Arc<dyn Observer>) -> Result<(), Arc<dyn Observer>> {
        self.observer.set(observer)
    }

    pub(super) fn arrived(&self, device: &str, pid: u32, call: &'static str, what: &dyn fmt::Display) -> u64 {
        let Some(observer) = self.observer.get() else {
            return self.next();
        };
        let _telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.next();
        observer.arrived(&Arrival { number, device, pid, call, what });
        number
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn is_watched_closely(&self) -> bool {
        self.observer.get().is_some_and(|observer| observer.wants_detail())
    }

    /// Tells what `detail` makes, if somebody wants to know.
    pub(super) fn detail<'a>(&self, detail: impl FnOnce() -> Option<Detail<'a>>) {
        let wanting = self.observer.get().filter(|observer| observer.wants_detail());
        if let Some(observer) = wanting
            && let Some(detail) = detail()
        {
            observer.detail(detail);
        }
    }

    pub(super) fn hollow(&self, number: u64) {
        if let Some(observer) = self.observer.get() {
            observer.hollow(number);
        }
    }

    pub(super) fn answered(&self, number: u64, answer: Answered, gone: bool) {
        if let Some(observer) = self.observer.get() {
            observer.answered(number, answer, gone);
        }
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observed = self.observer.get().is_some();
        f.debug_struct("Operations").field("count", &self.count).field("observed", &observed).finish()
    }
}
