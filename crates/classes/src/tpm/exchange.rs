//! Commands and responses of one open file: the state of `struct file_priv` in `drivers/char/tpm/tpm-dev-common.c`.

use super::{
    Shared, Tpm,
    uapi::{self, KEPT_SECONDS},
};
use crate::Errno;
use outlive::{Parked, Request};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// A read that waits for a command to end.
pub(super) type Waiting = Request<Shared, Box<dyn Tpm>, ()>;
type Sleeper = Parked<Shared, Box<dyn Tpm>, ()>;
type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a command left to be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// Its response.
    Response(Vec<u8>),
    /// Of one that nobody waited for: why there is none.
    Failure(Errno),
}

/// What a read finds.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// A piece of a response.
    Data(Vec<u8>),
    /// A failure, told once.
    Failure(Errno),
    /// Nothing, and nothing will come.
    Nothing,
    /// Nothing yet.
    Running,
}

/// One open file's commands and responses.
#[derive(Default)]
pub(super) struct Exchange(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    left: Option<(Left, Instant)>,
    /// A read has begun, so that the next command may replace what is left: `response_read`.
    seen: bool,
    /// The command that runs, and whether its client has had its answer and will read how it ended.
    running: Option<(u64, bool)>,
    next: u64,
    /// Those who sleep in read; `None` for one that is about to.
    sleepers: BTreeMap<u64, Option<Sleeper>>,
    watchers: BTreeMap<u64, Wake>,
}

impl State {
    fn ticket(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Exchange {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state_at(Instant::now())
    }

    /// As it is at that moment: what nobody has read in time is no more.
    fn state_at(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = Duration::from_secs(KEPT_SECONDS);
        if state.left.as_ref().is_some_and(|(_, since)| now.saturating_duration_since(*since) >= kept) {
            state.left = None;
        }
        state
    }

    /// Begins with a command: from now on it runs, and what was left of the last one is no more. `queued`: nobody waits for
    /// it, and how it ends is told to the next read.
    ///
    /// # Errors
    /// EBUSY while one runs, or a response is there of which nothing has been read; EINVAL for one that is shorter than its
    /// header says (`tpm_common_write`).
    pub(super) fn begin(&self, command: &[u8], queued: bool) -> Result<u64, Errno> {
        let mut state = self.state();
        if state.running.is_some() || (state.left.is_some() && !state.seen) {
            return Err(Errno::BUSY);
        }
        if uapi::length(command).is_none_or(|length| command.len() < length as usize) {
            return Err(Errno::INVAL);
        }
        let ticket = state.ticket();
        (state.left, state.seen, state.running) = (None, false, Some((ticket, queued)));
        Ok(ticket)
    }

    /// The command of that ticket has ended, and this is left of it. Nothing happens if it is not the one that runs.
    pub(super) fn end(&self, ticket: u64, left: Option<Left>) {
        let mut state = self.state();
        if state.running.is_none_or(|(running, _)| running != ticket) {
            return;
        }
        state.running = None;
        state.left = left.map(|left| (left, Instant::now()));
        let asleep = state.sleepers.extract_if(.., |_, sleeper| sleeper.is_some());
        let woken: Vec<Sleeper> = asleep.filter_map(|(_, sleeper)| sleeper).collect();
        let watchers: Vec<Wake> = state.watchers.values().cloned().collect();
        drop(state);
        woken.into_iter().for_each(|sleeper| sleeper.answer(()));
        watchers.iter().for_each(|wake| wake());
    }

    /// The command that runs, if there is one, has ended by the removal; this is left of one that nobody waits for.
    pub(super) fn cut_off(&self, left: Option<Left>) {
        let running = self.state().running;
        if let Some((ticket, queued)) = running {
            self.end(ticket, left.filter(|_| queued));
        }
    }

    /// Reads up to `size` bytes (`tpm_common_read`). A read of nothing forgets what there is.
    pub(super) fn read(&self, size: usize) -> Found {
        self.read_at(size, Instant::now())
    }

    fn read_at(&self, size: usize, now: Instant) -> Found {
        let mut state = self.state_at(now);
        if state.running.is_some() {
            return Found::Running;
        }
        let Some((left, since)) = state.left.take() else { return Found::Nothing };
        state.seen = true;
        match left {
            Left::Failure(errno) => Found::Failure(errno),
            Left::Response(_) if size == 0 => Found::Nothing,
            Left::Response(mut data) => {
                let rest = data.split_off(data.len().min(size));
                if !rest.is_empty() {
                    state.left = Some((Left::Response(rest), since));
                }
                Found::Data(data)
            }
        }
    }

    /// Whether there is something to read.
    pub(super) fn has_something(&self) -> bool {
        self.state().left.is_some()
    }

    /// Whether a command runs.
    pub(super) fn is_running(&self) -> bool {
        self.state().running.is_some()
    }

    /// Whether there is a response to read.
    pub(super) fn has_response(&self) -> bool {
        matches!(self.state().left, Some((Left::Response(_), _)))
    }

    /// Answers `read` when the command that runs has ended; at once if none does.
    pub(super) fn wait(&self, read: Waiting) {
        let ticket = {
            let mut state = self.state();
            let ticket = state.ticket();
            state.sleepers.insert(ticket, None);
            ticket
        };
        let exchange = Arc::downgrade(&self.0);
        read.on_cancel(move |_| forget(&exchange, ticket));
        let sleeper = read.park();
        let mut state = self.state();
        let running = state.running.is_some();
        if let Some(place) = state.sleepers.get_mut(&ticket) {
            if running {
                *place = Some(sleeper);
                return;
            }
            state.sleepers.remove(&ticket);
            drop(state);
            return sleeper.answer(());
        }
        // Cancelled meanwhile.
        drop(state);
        drop(sleeper);
    }

    /// Calls `wake` whenever a command ends, until the result is dropped.
    pub(super) fn watch(&self, wake: Wake) -> Watching {
        let mut state = self.state();
        let ticket = state.ticket();
        state.watchers.insert(ticket, wake);
        Watching { exchange: Arc::downgrade(&self.0), ticket }
    }
}

impl Clone for Exchange {
    /// The same one.
    fn clone(&self) -> Self {
        Exchange(self.0.clone())
    }
}

fn forget(exchange: &Weak<Mutex<State>>, ticket: u64) {
    let Some(exchange) = exchange.upgrade() else { return };
    let sleeper = Exchange(exchange).state().sleepers.remove(&ticket);
    // Without the lock: it tells the client.
    drop(sleeper);
}

/// Somebody who wants to know when commands end, for as long as this lives.
pub(super) struct Watching {
    exchange: Weak<Mutex<State>>,
    ticket: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.upgrade() {
            let wake = Exchange(exchange).state().watchers.remove(&self.ticket);
            drop(wake);
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let (running, sleepers) = (state.running.is_some(), state.sleepers.len());
        f.debug_struct("Exchange").field("running", &running).field("sleepers", &sleepers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: &[u8] = &[0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x7b];

    fn answered(response: &[u8]) -> Exchange {
        let exchange = Exchange::default();
        let ticket = exchange.begin(COMMAND, false).unwrap();
        exchange.end(ticket, Some(Left::Response(response.to_vec())));
        exchange
    }

    #[test]
    fn a_response_that_nobody_reads_is_forgotten_after_two_minutes() {
        let exchange = answered(b"response");
        let soon = Instant::now() + Duration::from_secs(KEPT_SECONDS - 1);
        assert_eq!(exchange.read_at(3, soon), Found::Data(b"res".to_vec()));
        let late = Instant::now() + Duration::from_secs(KEPT_SECONDS + 1);
        assert_eq!(exchange.read_at(3, late), Found::Nothing, "a read of a part does not make it stay longer");
        assert!(exchange.begin(COMMAND, false).is_ok());
    }

    #[test]
    fn a_command_that_does_not_run_any_more_ends_nothing() {
        let exchange = Exchange::default();
        let first = exchange.begin(COMMAND, true).unwrap();
        exchange.cut_off(Some(Left::Failure(Errno::CANCELED)));
        exchange.end(first, Some(Left::Response(vec![1])));
        assert_eq!(exchange.read(9), Found::Failure(Errno::CANCELED));
        assert_eq!(exchange.read(9), Found::Nothing);
    }
}
