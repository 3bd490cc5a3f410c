//! Calls in flight: from the moment the class has one to the moment its client has the answer, whichever road it came by.

use super::{
    files::{Files, OpenFile},
    plain::Settling,
    trap::{Buffer, Place},
};
use crate::{
    fuse::{channel::Reply, wire},
    lab::Detail,
    sys::seccomp::{Listener, TrappedMemory},
    trial::Answered,
};
use outlive::HandleId;
use outlive_classes::{Answer, Call, Completion, Errno, Memory, Payload};
use std::{
    fmt,
    sync::Arc,
    thread::{self, ThreadId},
    time::Duration,
};

/// How often a call that takes its time is looked at again: a client that is being killed must not wait for a slow
/// device.
const KILL_CHECK: Duration = Duration::from_millis(50);

/// Names a call, by the road that it came by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum FlightId {
    /// The kernel's number of a request of the FUSE protocol.
    Fuse(u64),
    /// The number of a notification.
    Trap(u64),
}

/// The answer that a client is owed.
pub(super) enum Owed {
    Fuse(Reply),
    Trap(Trapped),
}

/// A trapped call that waits for its answer. Given once; dropped without, it answers EIO, so that no client ever waits
/// for one that was forgotten.
pub(super) struct Trapped {
    pub(super) listener: Arc<Listener>,
    pub(super) id: u64,
    pub(super) memory: TrappedMemory,
    /// Where a read puts its data.
    pub(super) buffers: Vec<Buffer>,
    /// Of a read by a socket.
    pub(super) settling: Option<Settling>,
    pub(super) answered: bool,
    pub(super) _place: Option<Place>,
}

impl Trapped {
    fn scatter(&self, data: &[u8]) -> Result<(), Errno> {
        let mut rest = data;
        for buffer in &self.buffers {
            let (part, more) = rest.split_at(buffer.size.min(rest.len()));
            if !part.is_empty() {
                self.memory.write(buffer.address, part)?;
            }
            rest = more;
        }
        Ok(())
    }

    fn answer(&mut self, result: Result<i64, Errno>) {
        if !std::mem::replace(&mut self.answered, true) {
            // ENOENT: its client does not wait any more.
            let _ = self.listener.answer(self.id, result);
        }
    }
}

impl Drop for Trapped {
    fn drop(&mut self) {
        self.answer(Err(Errno::IO));
    }
}

impl Owed {
    /// Gives the answer to a call of that name; a read has room for `room` bytes.
    fn give(self, name: &str, room: usize, answer: Result<Answer, Errno>) {
        match self {
            Owed::Fuse(reply) => match answer {
                Err(errno) => reply.error(errno),
                Ok(Answer::Data(data)) => reply.bytes(&data[..data.len().min(room)]),
                Ok(Answer::Value(value)) if name == "write" => {
                    reply.body(&wire::WriteOut { size: value as u32, padding: 0 });
                }
                Ok(Answer::Value(value)) => reply.body(&wire::IoctlOut { result: value, ..Default::default() }),
            },
            Owed::Trap(mut trapped) => {
                let result = answer.and_then(|answer| match answer {
                    Answer::Value(value) => Ok(value.into()),
                    Answer::Data(data) => {
                        let data = &data[..data.len().min(room)];
                        trapped.scatter(data)?;
                        Ok(data.len() as i64)
                    }
                });
                // Before the answer: the next poll comes after.
                trapped.settling.take().into_iter().for_each(|settling| settling.settle());
                trapped.answer(result);
            }
        }
    }

    fn error(self, errno: Errno) {
        self.give("", 0, Err(errno));
    }
}

/// A call that has not been answered. Whoever takes it out of the table answers it.
pub(super) struct Flight {
    owed: Owed,
    file: Arc<OpenFile>,
    pid: u32,
    /// Its number on its device, once it is inside.
    number: Option<u64>,
    /// It is to be looked at from time to time: the kernel has told us that its client got a signal, or would not.
    watched: bool,
    /// How often it has been looked at since its client was found being killed.
    stalled: u32,
}

impl Files {
    /// Carries out `call` of thread `pid` on `file`.
    pub(super) fn begin(
        &self,
        id: FlightId,
        owed: Owed,
        pid: u32,
        file: Arc<OpenFile>,
        call: Call,
        memory: Arc<dyn Memory>,
    ) {
        let completion = CallCompletion {
            files: self.this.upgrade().expect("whoever serves holds the files"),
            id,
            pid,
            name: call.name(),
            room: if let Call::Read { size } = call { size } else { 0 },
            caller: thread::current().id(),
            device: file.device.clone(),
            handle: file.file.id(),
            arrived: None,
        };
        // Of the death of a client whose call was trapped nobody tells us.
        let watched = matches!(id, FlightId::Trap(_));
        let flight = Flight { owed, file: file.clone(), pid, number: None, watched, stalled: 0 };
        self.table().flights.insert(id, flight);
        let number = file.file.call(call, memory, Box::new(completion));
        let watched = match self.table().flights.get_mut(&id) {
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

    /// The client of a call got a signal. `false` if that call is not known (yet).
    pub(super) fn signalled(&self, id: FlightId) -> bool {
        match self.table().flights.get_mut(&id) {
            Some(flight) => flight.watched = true,
            None => return false,
        }
        self.look_after(id);
        true
    }

    /// Ends a call if its client is being killed, else looks again later: of a second signal the kernel does not tell.
    fn look_after(&self, id: FlightId) {
        let dying = match self.table().flights.get(&id) {
            Some(flight) => flight.is_dying(),
            None => return,
        };
        if dying && self.end(id) {
            return;
        }
        let files = self.this.clone();
        let again = move || {
            if let Some(files) = files.upgrade() {
                files.look_after(id);
            }
        };
        self.lab.clock().after(KILL_CHECK, Box::new(again));
    }

    /// Ends a call whose client is being killed; `false` if it must be looked at again.
    fn end(&self, id: FlightId) -> bool {
        let mut table = self.table();
        let Some(flight) = table.flights.get_mut(&id) else { return true };
        flight.stalled += 1;
        if flight.stalled < 3 {
            let inside = flight.number.map(|number| (flight.file.clone(), number));
            drop(table);
            if let Some((file, number)) = inside {
                file.file.cancel(number);
            }
            return false;
        }
        // On its way in or out, stalled by the client's memory, which ends with the client only, which ends with our
        // answer only.
        let flight = table.flights.remove(&id);
        drop(table);
        if let Some(flight) = flight {
            flight.owed.error(Errno::INTR);
        }
        true
    }
}

impl Flight {
    fn is_dying(&self) -> bool {
        match &self.owed {
            Owed::Fuse(_) => is_being_killed(self.pid),
            // A signal that ends the client ends its waiting, unless it was about to look at another one.
            Owed::Trap(trapped) => !trapped.listener.is_valid(trapped.id) || is_being_killed(self.pid),
        }
    }
}

/// Whether a signal is pending for a thread that will end it. proc(5), signal(7).
fn is_being_killed(pid: u32) -> bool {
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
struct CallCompletion {
    files: Arc<Files>,
    id: FlightId,
    pid: u32,
    name: &'static str,
    /// How much a read may give.
    room: usize,
    device: String,
    handle: HandleId,
    /// The thread that carries it out.
    caller: ThreadId,
    arrived: Option<u64>,
}

impl CallCompletion {
    fn finish(&mut self, answer: Result<Answer, Errno>) {
        if let Some(number) = self.arrived.take() {
            if let Ok(Answer::Data(data)) = &answer {
                let given = |data: &[u8]| Payload::Pieces(vec![data[..data.len().min(self.room)].to_vec()]);
                self.files.lab.detail(|| Some(Detail::Brought { number, payload: given(data) }));
            }
            self.files.lab.answered(number, answered(&answer));
        }
        let flight = self.files.table().flights.remove(&self.id);
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

impl Completion for CallCompletion {
    fn arrived(&mut self, what: &dyn fmt::Display) {
        let number = self.files.lab.arrived(&self.device, self.pid, self.name, what);
        self.files.lab.detail(|| Some(Detail::On { number, handle: self.handle }));
        self.arrived = Some(number);
    }

    fn sent(&mut self, payload: &dyn Fn() -> Option<Payload>) {
        if let Some(number) = self.arrived {
            self.files.lab.detail(|| payload().map(|payload| Detail::Sent { number, payload }));
        }
    }

    fn brought(&mut self, payload: &dyn Fn() -> Option<Payload>) {
        if let Some(number) = self.arrived {
            self.files.lab.detail(|| payload().map(|payload| Detail::Brought { number, payload }));
        }
    }

    fn complete(mut self: Box<Self>, answer: Result<Answer, Errno>) {
        // The kernel copies what a read on FUSE brings; what one that was trapped brings we copy, to memory that may
        // stall us.
        let ours_to_copy = matches!((&answer, self.id), (Ok(Answer::Data(_)), FlightId::Trap(_)));
        if ours_to_copy && thread::current().id() != self.caller {
            let files = self.files.clone();
            return files.deliveries.send(Box::new(move || self.finish(answer)));
        }
        self.finish(answer);
    }

    fn complete_with(self: Box<Self>, deliver: Box<dyn FnOnce() -> Result<Answer, Errno> + Send>) {
        let mut this = self;
        if thread::current().id() == this.caller {
            this.finish(deliver());
        } else {
            // That is the driver's thread, or the clock's: others need it.
            let files = this.files.clone();
            files.deliveries.send(Box::new(move || this.finish(deliver())));
        }
    }
}

impl Drop for CallCompletion {
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
