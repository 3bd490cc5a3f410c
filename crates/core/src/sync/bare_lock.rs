use super::condvar::Condvar;
use crate::gate::mutex::Mutex;

/// The lock and the condition variable of builds without std, for models.
pub struct BareLock<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> BareLock<T> {
    /// One that is open.
    pub fn new(value: T) -> Self {
        BareLock { value: Mutex::new(value), changed: Condvar::new() }
    }

    /// Reaches the value with the lock held.
    pub fn with<R>(&self, reach: impl FnOnce(&mut T) -> R) -> R {
        reach(&mut self.value.lock())
    }

    /// Waits until the value is as wanted.
    pub fn until(&self, wanted: impl Fn(&T) -> bool) {
        let mut value = self.value.lock();
        while !wanted(&value) {
            value = self.changed.wait(value, None);
        }
    }

    /// Lets those who wait look again.
    pub fn tell(&self) {
        self.changed.notify_all();
    }
}
