use super::Completion;
use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Where completions are [gathered](super::Descriptor::gather) for a consumer that waits for them. A clone is the same.
///
/// A consumer that keeps many descriptors in flight waits for several at a time: it is woken once for all of them.
#[derive(Clone, Default)]
pub struct Completions {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    enough: Condvar,
}

#[derive(Default)]
struct State {
    gathered: Vec<Completion>,
    /// For how many each of those waits who wait.
    wanted: Vec<usize>,
}

impl Completions {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until `number` of completions are there, at most `limit`, and moves all that are there, in their order, to
    /// the end of `into`. 0 is to take what is there.
    pub fn take(&self, number: usize, limit: Duration, into: &mut Vec<Completion>) {
        if number > 0 {
            outlive::about_to_wait();
        }
        let deadline = Instant::now().checked_add(limit);
        let mut state = self.queue.lock();
        while state.gathered.len() < number {
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            state.wanted.push(number);
            state = self.queue.enough.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            let mine = state.wanted.iter().position(|wanted| *wanted == number);
            state.wanted.swap_remove(mine.expect("it was pushed above"));
        }
        into.append(&mut state.gathered);
    }

    pub(super) fn push(&self, completion: Completion) {
        let mut state = self.queue.lock();
        state.gathered.push(completion);
        let gathered = state.gathered.len();
        // Once for those who have waited for this one: a notification is a system call.
        let enough = state.wanted.contains(&gathered);
        drop(state);
        if enough {
            self.queue.enough.notify_all();
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Completions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions").field("gathered", &self.queue.lock().gathered.len()).finish()
    }
}
