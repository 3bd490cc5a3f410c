//! What a card has of this machine: the time, and the memory of buffers.

use crate::sys::shared_memory::Region;
use outlive_classes::{
    Errno, SharedMemory,
    drm::{self, Change, Ground, MemoryMaker},
};
use outlive_drivers::clock::Clock;
use rustix::time::{ClockId, clock_gettime};
use std::{sync::Arc, time::Duration};

/// That of a card whose later things come by `clock`. `told` hears of its connectors, and must not block.
pub(super) fn of(clock: Arc<dyn Clock>, told: impl Fn(Change) + Send + Sync + 'static) -> Ground {
    Ground { clock: Arc::new(Beat(clock)), memory: Arc::new(Buffers), told: Arc::new(told) }
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

/// The memory of buffers is memfds, as of everything that clients map.
#[derive(Debug)]
struct Buffers;

impl MemoryMaker for Buffers {
    fn make(&self, size: u64) -> Result<Arc<dyn SharedMemory>, Errno> {
        // Whatever the machine has too little of: the client has asked for too much.
        let region = Region::new("outlive-dumb", size).map_err(|_| Errno::NOMEM)?;
        Ok(Arc::new(region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::WallClock;

    #[test]
    fn buffers_are_memory_of_their_own() {
        let ground = of(Arc::new(WallClock::new()), |_| ());
        let [first, second] = [0, 1].map(|_| ground.memory.make(8192).unwrap());
        first.store(4096, 7);
        assert_eq!((first.size(), first.load(4096), second.load(4096)), (8192, 7, 0));
        assert_eq!(ground.memory.make(u64::MAX).err(), Some(Errno::NOMEM));
        let before = ground.clock.monotonic();
        assert!(ground.clock.monotonic() >= before);
    }
}
