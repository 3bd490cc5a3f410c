//! Who watches the operations of a lab, and their numbers.

use crate::trial::Answered;
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

    /// Operation `number` got its answer. May be called by several threads at a time, and from within
    /// [`arrived`](Observer::arrived) if that unplugs a device: so `arrived` holds no lock then that this takes.
    fn answered(&self, number: u64, answer: Answered);
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

    pub(super) fn answered(&self, number: u64, answer: Answered) {
        if let Some(observer) = self.observer.get() {
            observer.answered(number, answer);
        }
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observed = self.observer.get().is_some();
        f.debug_struct("Operations").field("count", &self.count).field("observed", &observed).finish()
    }
}
