//! Calls in flight: from the moment the class has one to the moment its client has the answer, whichever front it came by.

use super::deliveries::Deliveries;
use crate::{
    lab::{Detail, Lab},
    trial::Answered,
};
use outlive::HandleId;
use outlive_classes::{Answer, Call, Completion, Errno, File, Memory, Payload};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, ThreadId},
    time::Duration,
};

/// How often a call that takes its time is looked at again: a client that is being killed must not wait for a slow
/// device.
const KILL_CHECK: Duration = Duration::from_millis(50);

/// The answer that a client is owed, by the road that its call came by. Given once; dropped without, it answers EIO, so
/// that no client ever waits for one that was forgotten.
pub(super) trait Owed: Send + Sized + 'static {
    /// What names a call on that road.
    type Id: Copy + Eq + Hash + Send + Sync + 'static;

    /// Whether the kernel tells of a signal to its client; if not, the call is looked at from the beginning.
    fn hears_of_signals(&self) -> bool {
        true
    }

    /// Whether what a read brings is ours to copy to the client's memory, which may stall us. Of FUSE the kernel copies it.
    fn copies_reads(&self) -> bool {
        false
    }

    /// Whether the client, thread `pid`, is being killed, or does not wait any more.
    fn is_dying(&self, pid: u32) -> bool {
        is_being_killed(pid)
    }

    /// Gives the answer to a call of that name; a read has room for `room` bytes.
    fn give(self, name: &str, room: usize, answer: Result<Answer, Errno>);
}

/// A call about to begin.
pub(super) struct Start<O: Owed> {
    pub(super) id: O::Id,
    pub(super) owed: O,
    /// The thread that calls.
    pub(super) pid: u32,
    pub(super) file: Arc<dyn File>,
    /// The name of its device.
    pub(super) device: String,
    pub(super) call: Call,
    pub(super) memory: Arc<dyn Memory>,
}

/// The calls that came by one road, or one channel, and have not been answered.
pub(super) struct Flights<O: Owed> {
    lab: Arc<Lab>,
    table: Mutex<HashMap<O::Id, Flight<O>>>,
    deliveries: Arc<Deliveries>,
    this: Weak<Flights<O>>,
}

/// A call that has not been answered. Whoever takes it out of the table answers it.
struct Flight<O> {
    owed: O,
    file: Arc<dyn File>,
    pid: u32,
    /// Its number on its device, once it is inside.
    number: Option<u64>,
    /// It is to be looked at from time to time: the kernel has told us that its client got a signal, or would not.
    watched: bool,
    /// How often it has been looked at since its client was found being killed.
    stalled: u32,
}

impl<O: Owed> Flights<O> {
    /// Those that come by one more channel; `deliveries` may be another's, too.
    pub(super) fn new(lab: Arc<Lab>, deliveries: Arc<Deliveries>) -> Arc<Self> {
        Arc::new_cyclic(|this| Flights { lab, table: Mutex::default(), deliveries, this: this.clone() })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<O::Id, Flight<O>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out a call.
    pub(super) fn begin(&self, start: Start<O>) {
        let Start { id, owed, pid, file, device, call, memory } = start;
        let completion = CallCompletion {
            flights: self.this.upgrade().expect("whoever serves holds the flights"),
            id,
            pid,
            name: call.name(),
            room: call.room(),
            caller: thread::current().id(),
            copies: owed.copies_reads(),
            device,
            handle: file.id(),
            arrived: None,
            hollow: false,
        };
        let watched = !owed.hears_of_signals();
        let flight = Flight { owed, file: file.clone(), pid, number: None, watched, stalled: 0 };
        self.table().insert(id, flight);
        let number = file.call(call, memory, Box::new(completion));
        let watched = match self.table().get_mut(&id) {
            Some(flight) => {
                flight.number = number;
                flight.watched
            }
            None => return,
        };
        if watched {
            self.look_after(id);
        }
    }

    fn is_for_what_has_gone(&self, id: &O::Id) -> bool {
        self.table().get(id).is_some_and(|flight| flight.file.gone().is_some())
    }

    /// The client of a call got a signal. `false` if that call is not known (yet).
    pub(super) fn signalled(&self, id: O::Id) -> bool {
        match self.table().get_mut(&id) {
            Some(flight) => flight.watched = true,
            None => return false,
        }
        self.look_after(id);
        true
    }

    /// Ends a call if its client is being killed, else looks again later: of a second signal the kernel does not tell.
    fn look_after(&self, id: O::Id) {
        let dying = match self.table().get(&id) {
            Some(flight) => flight.owed.is_dying(flight.pid),
            None => return,
        };
        if dying && self.end(id) {
            return;
        }
        let flights = self.this.clone();
        let again = move || {
            if let Some(flights) = flights.upgrade() {
                flights.look_after(id);
            }
        };
        self.lab.clock().after(KILL_CHECK, Box::new(again));
    }

    /// Ends a call whose client is being killed; `false` if it must be looked at again.
    fn end(&self, id: O::Id) -> bool {
        let mut table = self.table();
        let Some(flight) = table.get_mut(&id) else { return true };
        flight.stalled += 1;
        if flight.stalled < 3 {
            let inside = flight.number.map(|number| (flight.file.clone(), number));
            drop(table);
            if let Some((file, number)) = inside {
                file.cancel(number);
            }
            return false;
        }
        // On its way in or out, stalled by the client's memory, which ends with the client only, which ends with our
        // answer only.
        let flight = table.remove(&id);
        drop(table);
        if let Some(flight) = flight {
            flight.owed.give("", 0, Err(Errno::INTR));
        }
        true
    }
}

/// Whether a signal is pending for a thread that will end it. proc(5), signal(7).
pub(super) fn is_being_killed(pid: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return true };
    let mask = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    };
    let pending = mask("SigPnd:") | mask("ShdPnd:");
    is_deadly(pending, mask("SigBlk:"), mask("SigIgn:") | mask("SigCgt:"))
}

/// Whether one of the `pending` signals ends a process that blocks some and has made provisions for others. The kernel
/// makes every deadly signal SIGKILL, unless the thread was about to look at another signal anyway.
fn is_deadly(pending: u64, blocked: u64, provided: u64) -> bool {
    let bits = |signals: &[i32]| signals.iter().fold(0, |bits, signal| bits | 1_u64 << (signal - 1));
    // Those whose default is not to end the process.
    let harmless = bits(&[libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT])
        | bits(&[libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU]);
    pending & (bits(&[libc::SIGKILL]) | !(blocked | provided | harmless)) != 0
}

/// The answer to one call.
struct CallCompletion<O: Owed> {
    flights: Arc<Flights<O>>,
    id: O::Id,
    pid: u32,
    name: &'static str,
    /// How much a read may give.
    room: usize,
    device: String,
    handle: HandleId,
    /// The thread that carries it out.
    caller: ThreadId,
    /// See [`Owed::copies_reads`].
    copies: bool,
    arrived: Option<u64>,
    /// What it brings is nothing, since its device has gone.
    hollow: bool,
}

impl<O: Owed> CallCompletion<O> {
    fn finish(&mut self, answer: Result<Answer, Errno>) {
        if let Some(number) = self.arrived.take() {
            if let Ok(Answer::Data(data)) = &answer {
                let given = |data: &[u8]| Payload::Pieces(vec![data[..data.len().min(self.room)].to_vec()]);
                self.flights.lab.detail(|| Some(Detail::Brought { number, payload: given(data) }));
            }
            if self.hollow && answer.is_ok() {
                self.flights.lab.hollow(number);
            }
            let gone = answer.is_err() && self.flights.is_for_what_has_gone(&self.id);
            self.flights.lab.answered(number, answered(&answer), gone);
        }
        let flight = self.flights.table().remove(&self.id);
        if let Some(Flight { owed, .. }) = flight {
            owed.give(self.name, self.room, answer);
        }
    }
}

fn answered(answer: &Result<Answer, Errno>) -> Answered {
    match answer {
        Ok(Answer::Value(value)) => Answered::Ok((*value).into()),
        Ok(Answer::Data(data)) => Answered::Ok(data.len() as i64),
        Err(errno) => Answered::Errno(errno.raw_os_error()),
    }
}

impl<O: Owed> Completion for CallCompletion<O> {
    fn arrived(&mut self, what: &dyn fmt::Display) {
        let number = self.flights.lab.arrived(&self.device, self.pid, self.name, what);
        self.flights.lab.detail(|| Some(Detail::On { number, handle: self.handle }));
        self.arrived = Some(number);
    }

    fn sent(&mut self, payload: &dyn Fn() -> Option<Payload>) {
        if let Some(number) = self.arrived {
            self.flights.lab.detail(|| payload().map(|payload| Detail::Sent { number, payload }));
        }
    }

    fn brought(&mut self, payload: &dyn Fn() -> Option<Payload>) {
        if let Some(number) = self.arrived {
            self.flights.lab.detail(|| payload().map(|payload| Detail::Brought { number, payload }));
        }
    }

    fn hollow(&mut self) {
        self.hollow = true;
    }

    fn complete(mut self: Box<Self>, answer: Result<Answer, Errno>) {
        let ours_to_copy = self.copies && matches!(&answer, Ok(Answer::Data(_)));
        if ours_to_copy && thread::current().id() != self.caller {
            let flights = self.flights.clone();
            return flights.deliveries.send(Box::new(move || self.finish(answer)));
        }
        self.finish(answer);
    }

    fn complete_with(self: Box<Self>, deliver: Box<dyn FnOnce() -> Result<Answer, Errno> + Send>) {
        let mut this = self;
        if thread::current().id() == this.caller {
            this.finish(deliver());
        } else {
            // That is the driver's thread, or the clock's: others need it.
            let flights = this.flights.clone();
            flights.deliveries.send(Box::new(move || this.finish(deliver())));
        }
    }
}

impl<O: Owed> Drop for CallCompletion<O> {
    fn drop(&mut self) {
        self.finish(Err(Errno::IO));
    }
}

#[cfg(test)]
mod tests {
    use super::is_deadly;
    use libc::{SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGTERM, SIGUSR1};

    #[test]
    fn deadly_is_what_ends_the_process() {
        let bit = |signal: i32| 1_u64 << (signal - 1);
        for (pending, blocked, provided, deadly) in [
            (0, 0, 0, false),
            (bit(SIGKILL), 0, 0, true),
            (bit(SIGKILL), u64::MAX, u64::MAX, true),
            (bit(SIGTERM), 0, 0, true),
            (bit(SIGTERM), bit(SIGTERM), 0, false),
            (bit(SIGTERM), 0, bit(SIGTERM), false),
            (bit(SIGUSR1) | bit(SIGTERM), 0, bit(SIGUSR1), true),
            (bit(SIGSTOP) | bit(SIGCONT) | bit(SIGCHLD), 0, 0, false),
        ] {
            assert_eq!(is_deadly(pending, blocked, provided), deadly, "{pending:#x} {blocked:#x} {provided:#x}");
        }
    }
}
