//! What a card has of this machine: the time, and the memory of buffers.

use crate::sys::shared_memory::Region;
use outlive_classes::{
    Access, Errno, SharedMemory,
    drm::{self, Change, Ground, MemoryMaker},
};
use outlive_drivers::clock::Clock;
use rustix::{
    fs::fstat,
    time::{ClockId, clock_gettime},
};
use std::{
    collections::BTreeMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

/// That of a card whose later things come by `clock`, and whose buffers are known to `buffers`. `told` hears of its connectors,
/// and must not block.
pub(super) fn of(
    clock: Arc<dyn Clock>,
    buffers: Arc<Buffers>,
    told: impl Fn(Change) + Send + Sync + 'static,
) -> Ground {
    Ground { clock: Arc::new(Beat(clock)), memory: buffers, told: Arc::new(told) }
}

/// The machine's clock for times that clients see, and the lab's for what comes later.
#[derive(Debug)]
struct Beat(Arc<dyn Clock>);

impl drm::Clock for Beat {
    fn monotonic(&self) -> Duration {
        let now = clock_gettime(ClockId::Monotonic);
        let [seconds, nanos] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).unwrap_or_default());
        Duration::from_secs(seconds) + Duration::from_nanos(nanos)
    }

    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        self.0.after(delay, then);
    }
}

/// The memory of the buffers of all cards: memfds, as of everything that clients map. They are known again by the file
/// system and the inode of those.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<BTreeMap<(u64, u64), Weak<Region>>>);

impl Buffers {
    fn known(&self) -> MutexGuard<'_, BTreeMap<(u64, u64), Weak<Region>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory that `descriptor` is of, if it is a buffer's.
    pub(crate) fn known_by(&self, descriptor: &OwnedFd) -> Option<Arc<dyn SharedMemory>> {
        let id = id_of(descriptor.as_fd())?;
        let region = self.known().get(&id)?.upgrade()?;
        Some(region)
    }
}

fn id_of(descriptor: BorrowedFd<'_>) -> Option<(u64, u64)> {
    fstat(descriptor).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

impl MemoryMaker for Buffers {
    fn make(&self, size: u64) -> Result<Arc<dyn SharedMemory>, Errno> {
        // Whatever the machine has too little of: the client has asked for too much.
        let region = Arc::new(Region::new("outlive-dumb", size).map_err(|_| Errno::NOMEM)?);
        let id = region.descriptor(Access::Read).and_then(id_of).ok_or(Errno::NOMEM)?;
        let mut known = self.known();
        known.retain(|_, region| region.strong_count() > 0);
        known.insert(id, Arc::downgrade(&region));
        Ok(region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::WallClock;

    #[test]
    fn buffers_are_memory_of_their_own() {
        let buffers = Arc::<Buffers>::default();
        let ground = of(Arc::new(WallClock::new()), buffers.clone(), |_| ());
        let [first, second] = [0, 1].map(|_| ground.memory.make(8192).unwrap());
        first.store(4096, 7);
        assert_eq!((first.size(), first.load(4096), second.load(4096)), (8192, 7, 0));
        assert_eq!(ground.memory.make(u64::MAX).err(), Some(Errno::NOMEM));
        let before = ground.clock.monotonic();
        assert!(ground.clock.monotonic() >= before);
        let descriptor = |memory: &Arc<dyn SharedMemory>| memory.descriptor(Access::Read).unwrap().try_clone_to_owned();
        let (lent, other) = (descriptor(&first).unwrap(), std::fs::File::open("/dev/null").unwrap().into());
        assert_eq!(buffers.known_by(&lent).unwrap().load(4096), 7);
        assert!(buffers.known_by(&other).is_none());
        drop(first);
        assert!(buffers.known_by(&lent).is_none(), "nobody has it as a buffer any more");
    }
}
