//! flock(2) among the open files of one device. Each open file has an inode of its own, so the kernel, which locks
//! inodes, cannot tell that they are one device's; it asks us (`FUSE_FLOCK_LOCKS` of `linux/fuse.h`).
//!
//! A removal changes nothing about locks: they are the clients' among themselves.

use crate::fuse::channel::Reply;
use outlive_classes::Errno;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// One life of one device: its name and its generation.
pub(super) type Key = (String, u64);

/// How a file is locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Shared,
    Exclusive,
}

/// The locks of all devices.
#[derive(Default)]
pub(super) struct Locks {
    devices: Mutex<HashMap<Key, Device<Reply>>>,
}

impl Locks {
    /// LOCK_SH or LOCK_EX of open file `fh`: answers now, or when the lock is free. With `wait` it may take its time;
    /// `unique` is the kernel's number of the request.
    pub(super) fn lock(&self, key: Key, fh: u64, kind: Kind, wait: bool, (unique, reply): (u64, Reply)) {
        let waiter = Waiter { fh, kind, unique, asker: reply };
        let (granted, refused) = self.with(key, |device| device.lock(waiter, wait));
        granted.into_iter().for_each(|reply| reply.bytes(&[]));
        refused.into_iter().for_each(|reply| reply.error(Errno::AGAIN));
    }

    /// LOCK_UN, or the last close.
    pub(super) fn unlock(&self, key: Key, fh: u64) {
        let granted = self.with(key, |device| device.unlock(fh));
        granted.into_iter().for_each(|reply| reply.bytes(&[]));
    }

    /// The client that waits in request `unique` got a signal: its call is interrupted, and the kernel starts it again
    /// where it should be. `false` if nobody waits in it.
    pub(super) fn interrupt(&self, unique: u64) -> bool {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let waiter = devices.values_mut().find_map(|device| device.withdraw(unique));
        drop(devices);
        let found = waiter.is_some();
        waiter.into_iter().for_each(|reply| reply.error(Errno::INTR));
        found
    }

    fn with<T>(&self, key: Key, change: impl FnOnce(&mut Device<Reply>) -> T) -> T {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let device = devices.entry(key.clone()).or_default();
        let result = change(device);
        if device.held.is_empty() && device.waiting.is_empty() {
            devices.remove(&key);
        }
        result
    }
}

/// Who has a device locked, and who waits. `A` is who is told.
struct Device<A> {
    held: HashMap<u64, Kind>,
    waiting: Vec<Waiter<A>>,
}

struct Waiter<A> {
    fh: u64,
    kind: Kind,
    unique: u64,
    asker: A,
}

impl<A> Default for Device<A> {
    fn default() -> Self {
        Device { held: HashMap::new(), waiting: Vec::new() }
    }
}

impl<A> Device<A> {
    fn has_room_for(&self, kind: Kind) -> bool {
        self.held.values().all(|held| (*held, kind) == (Kind::Shared, Kind::Shared))
    }

    /// Those who have got their lock, and the one that is refused. What the file had is given up first, also if it gets
    /// nothing for it (flock(2): a conversion is not atomic).
    fn lock(&mut self, waiter: Waiter<A>, wait: bool) -> (Vec<A>, Option<A>) {
        if self.held.get(&waiter.fh) == Some(&waiter.kind) {
            return (vec![waiter.asker], None);
        }
        let mut granted = self.unlock(waiter.fh);
        if self.has_room_for(waiter.kind) {
            self.held.insert(waiter.fh, waiter.kind);
            granted.push(waiter.asker);
        } else if wait {
            self.waiting.push(waiter);
        } else {
            return (granted, Some(waiter.asker));
        }
        (granted, None)
    }

    /// Those who have got their lock by it, in the order in which they came.
    fn unlock(&mut self, fh: u64) -> Vec<A> {
        if self.held.remove(&fh).is_none() {
            return Vec::new();
        }
        let mut granted = Vec::new();
        for waiter in std::mem::take(&mut self.waiting) {
            if self.has_room_for(waiter.kind) {
                self.held.insert(waiter.fh, waiter.kind);
                granted.push(waiter.asker);
            } else {
                self.waiting.push(waiter);
            }
        }
        granted
    }

    fn withdraw(&mut self, unique: u64) -> Option<A> {
        let place = self.waiting.iter().position(|waiter| waiter.unique == unique)?;
        Some(self.waiting.remove(place).asker)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Kind::{Exclusive, Shared},
        *,
    };

    fn waiter(fh: u64, kind: Kind, name: &'static str) -> Waiter<&'static str> {
        Waiter { fh, kind, unique: fh, asker: name }
    }

    #[test]
    fn one_writer_or_many_readers() {
        let mut device = Device::default();
        assert_eq!(device.lock(waiter(1, Shared, "a"), false), (vec!["a"], None));
        assert_eq!(device.lock(waiter(2, Shared, "b"), false), (vec!["b"], None));
        assert_eq!(device.lock(waiter(3, Exclusive, "c"), false), (vec![], Some("c")));
        assert_eq!(device.lock(waiter(3, Exclusive, "d"), true), (vec![], None));
        assert_eq!(device.unlock(1), [""; 0]);
        assert_eq!(device.unlock(2), ["d"]);
        assert_eq!(device.lock(waiter(3, Exclusive, "again"), false), (vec!["again"], None));
        assert_eq!(device.lock(waiter(4, Shared, "e"), true), (vec![], None));
        assert_eq!(device.lock(waiter(5, Shared, "f"), true), (vec![], None));
        assert_eq!(device.withdraw(5), Some("f"));
        assert_eq!(device.withdraw(5), None);
        // A conversion lets in those whom it makes room for.
        assert_eq!(device.lock(waiter(3, Shared, "g"), false), (vec!["e", "g"], None));
        assert_eq!((device.unlock(3), device.unlock(3), device.unlock(4)), (vec![], vec![], vec![]));
        assert!(device.held.is_empty() && device.waiting.is_empty());
    }

    /// A file that waits for a conversion has nothing meanwhile, or two of them would wait for each other.
    #[test]
    fn two_conversions_do_not_block_each_other() {
        let mut device = Device::default();
        device.lock(waiter(1, Shared, "a"), false);
        device.lock(waiter(2, Shared, "b"), false);
        assert_eq!(device.lock(waiter(1, Exclusive, "first"), true), (vec![], None));
        assert_eq!(device.lock(waiter(2, Exclusive, "second"), true), (vec!["first"], None));
        assert_eq!(device.unlock(1), ["second"]);
    }
}
