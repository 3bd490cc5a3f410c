//! A clock that stands still.

use crate::drm::Clock;
use std::{sync::Mutex, time::Duration};

type Then = Box<dyn FnOnce() + Send>;

/// Time that goes when it is told to.
#[derive(Default)]
pub(super) struct Still {
    now: Mutex<Duration>,
    due: Mutex<Vec<(Duration, Then)>>,
}

impl std::fmt::Debug for Still {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.now.lock().unwrap().fmt(f)
    }
}

impl Still {
    pub(super) fn pass(&self, by: Duration) {
        let until = *self.now.lock().unwrap() + by;
        loop {
            let next = {
                let mut due = self.due.lock().unwrap();
                let first = (0..due.len()).filter(|index| due[*index].0 <= until).min_by_key(|index| due[*index].0);
                first.map(|index| due.remove(index))
            };
            let Some((at, then)) = next else { break };
            *self.now.lock().unwrap() = at;
            then();
        }
        *self.now.lock().unwrap() = until;
    }

    /// Whether nobody waits for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.due.lock().unwrap().is_empty()
    }
}

impl Clock for Still {
    fn monotonic(&self) -> Duration {
        Duration::from_secs(1000) + *self.now.lock().unwrap()
    }

    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        let at = *self.now.lock().unwrap() + delay;
        self.due.lock().unwrap().push((at, then));
    }
}
