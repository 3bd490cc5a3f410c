//! Calls on open files: from the kernel's request to the class, and the answer back.

use super::files::{Files, OpenFile};
use crate::{
    fuse::{
        channel::{Received, Reply},
        wire,
    },
    sys::memory::ClientMemory,
    trial::Answered,
};
use outlive_classes::{Answer, Call, Completion, Errno};
use std::{
    fmt,
    sync::{Arc, PoisonError},
    thread::{self, ThreadId},
    time::Duration,
};
use zerocopy::IntoBytes;

/// How often a call whose client got a signal is looked at again: one that is being killed must not wait for a slow
/// device.
const KILL_CHECK: Duration = Duration::from_millis(50);

/// How long a thread gives way to one that has a call and has not written it down.
const GIVE_WAY: Duration = Duration::from_micros(100);

/// A call that has not been answered. Whoever takes it out of the table answers it.
pub(super) struct Flight {
    reply: Reply,
    file: Arc<OpenFile>,
    pid: u32,
    /// Its number on its device, once it is inside.
    number: Option<u64>,
    /// The kernel has told us that its client got a signal.
    interrupted: bool,
    /// How often it has been looked at since its client was found being killed.
    stalled: u32,
}

impl Files {
    /// Carries out a read, write or ioctl.
    pub(super) fn call(&self, request: &Received<'_>, reply: Reply) {
        let (file, call) = match self.decode(request) {
            Ok(decoded) => decoded,
            Err(errno) => return reply.error(errno),
        };
        let (unique, pid) = (request.header.unique, request.header.pid);
        let flight = Flight { reply, file: file.clone(), pid, number: None, interrupted: false, stalled: 0 };
        self.table().flights.insert(unique, flight);
        let completion = CallCompletion {
            files: self.this.upgrade().expect("whoever serves holds the files"),
            unique,
            pid,
            name: call.name(),
            room: if let Call::Read { size } = call { size } else { 0 },
            caller: thread::current().id(),
            device: file.device.clone(),
            arrived: None,
        };
        let memory = Arc::new(ClientMemory::of(pid));
        let number = file.file.call(call, memory, Box::new(completion));
        let interrupted = match self.table().flights.get_mut(&unique) {
            Some(flight) => {
                flight.number = number;
                flight.interrupted
            }
            None => return,
        };
        if interrupted {
            self.look_after(unique);
        }
    }

    fn decode(&self, request: &Received<'_>) -> Result<(Arc<OpenFile>, Call), Errno> {
        use wire::{IoctlIn, ReadIn, WriteIn};
        match request.opcode() {
            Some(wire::Opcode::Read) => {
                let (ReadIn { fh, size, flags, .. }, _) = request.parse()?;
                let file = self.file(fh)?;
                file.file.set_nonblock(flags.cast_signed() & libc::O_NONBLOCK != 0);
                Ok((file, Call::Read { size: size as usize }))
            }
            Some(wire::Opcode::Write) => {
                let (WriteIn { fh, size, flags, .. }, data) = request.parse()?;
                let data = data.get(..size as usize).ok_or(Errno::IO)?.to_vec();
                let file = self.file(fh)?;
                file.file.set_nonblock(flags.cast_signed() & libc::O_NONBLOCK != 0);
                Ok((file, Call::Write { data }))
            }
            _ => {
                let (IoctlIn { fh, flags, command, argument, .. }, _) = request.parse()?;
                let file = self.file(fh)?;
                if flags & wire::IOCTL_COMPAT != 0 && file.file.gone().is_none() {
                    // The structures of a 32-bit program are laid out differently; the class knows one layout.
                    return Err(Errno::NOTTY);
                }
                Ok((file, Call::Ioctl { command, argument }))
            }
        }
    }

    pub(super) fn poll(&self, request: &Received<'_>) -> Result<Vec<u8>, Errno> {
        let (wire::PollIn { fh, kh, flags, .. }, _) = request.parse()?;
        let file = self.file(fh)?;
        if flags & wire::POLL_SCHEDULE_NOTIFY != 0 {
            let mut watch = file.watch.lock().unwrap_or_else(PoisonError::into_inner);
            if watch.is_none() {
                let channel = self.channel.clone();
                // Before the state is looked at, so that what comes in between wakes the sleeper.
                *watch = Some(file.file.on_news(Arc::new(move || channel.notify_poll(kh))));
            }
        }
        Ok(wire::PollOut { revents: file.file.poll().0, padding: 0 }.as_bytes().to_vec())
    }

    /// The client of a call got a signal. It waits for our answer all the same, so that the call happens once; only
    /// one that is being killed is let go.
    ///
    /// # Errors
    /// EAGAIN, by which the kernel tells again (fuse(4)) unless the call has been answered: another thread of ours has
    /// it and has not written it down yet. Not all are; so this thread gives way first.
    pub(super) fn interrupt(&self, request: &Received<'_>) -> Result<(), Errno> {
        let (wire::InterruptIn { unique }, _) = request.parse()?;
        let known = self.table().flights.get_mut(&unique).map(|flight| flight.interrupted = true);
        if known.is_none() {
            thread::sleep(GIVE_WAY);
            return Err(Errno::AGAIN);
        }
        self.look_after(unique);
        Ok(())
    }

    /// Ends call `unique` if its client is being killed, else looks again later: of a second signal the kernel does not
    /// tell.
    fn look_after(&self, unique: u64) {
        let Some(pid) = self.table().flights.get(&unique).map(|flight| flight.pid) else { return };
        if is_being_killed(pid) && self.end(unique) {
            return;
        }
        let files = self.this.clone();
        let again = move || {
            if let Some(files) = files.upgrade() {
                files.look_after(unique);
            }
        };
        self.lab.clock().after(KILL_CHECK, Box::new(again));
    }

    /// Ends a call whose client is being killed; `false` if it must be looked at again.
    fn end(&self, unique: u64) -> bool {
        let mut table = self.table();
        let Some(flight) = table.flights.get_mut(&unique) else { return true };
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
        let flight = table.flights.remove(&unique);
        drop(table);
        if let Some(flight) = flight {
            flight.reply.error(Errno::INTR);
        }
        true
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
    unique: u64,
    pid: u32,
    name: &'static str,
    /// How much a read may give.
    room: usize,
    device: String,
    /// The thread that carries it out.
    caller: ThreadId,
    arrived: Option<u64>,
}

impl CallCompletion {
    fn finish(&mut self, answer: Result<Answer, Errno>) {
        if let Some(number) = self.arrived.take() {
            self.files.lab.answered(number, answered(&answer));
        }
        let flight = self.files.table().flights.remove(&self.unique);
        let Some(Flight { reply, .. }) = flight else { return };
        match answer {
            Err(errno) => reply.error(errno),
            Ok(Answer::Data(data)) => reply.bytes(&data[..data.len().min(self.room)]),
            Ok(Answer::Value(value)) if self.name == "write" => {
                reply.body(&wire::WriteOut { size: value as u32, padding: 0 });
            }
            Ok(Answer::Value(value)) => reply.body(&wire::IoctlOut { result: value, ..Default::default() }),
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
        self.arrived = Some(self.files.lab.arrived(&self.device, self.pid, self.name, what));
    }

    fn complete(mut self: Box<Self>, answer: Result<Answer, Errno>) {
        self.finish(answer);
    }

    fn complete_with(self: Box<Self>, deliver: Box<dyn FnOnce() -> Result<Answer, Errno> + Send>) {
        if thread::current().id() == self.caller {
            self.complete(deliver());
        } else {
            // That is the driver's thread, or the clock's: others need it.
            let files = self.files.clone();
            files.deliveries.send(Box::new(move || self.complete(deliver())));
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
