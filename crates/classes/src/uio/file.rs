//! What one open file of a board does: `drivers/uio/uio.c`, between a front and the gate.

use super::{
    BoardHandle, Error,
    line::Seen,
    uapi::COUNT_SIZE,
    zombie::{self, MAP},
};
use crate::{
    Answer, Call, Completion, Contract, Errno, Fate, File, MapCall, Mapping, Memory, OpenFlags, PAGE_SIZE, PollBits,
    landing,
};
use outlive::{Cause, Gone, HandleId, Outcome, Reason, Refused, Request};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// A call, decoded.
pub(super) enum Operation {
    /// Waits for the count to move, and says it.
    Read,
    /// Turns the interrupt on or off.
    Control(u32),
}

fn decode(call: &Call) -> Result<Operation, Errno> {
    match call {
        Call::Read { size: COUNT_SIZE } => Ok(Operation::Read),
        Call::Write { data } => match data.as_slice().try_into() {
            Ok(bytes) => Ok(Operation::Control(u32::from_ne_bytes(bytes))),
            Err(_) => Err(Errno::INVAL),
        },
        Call::Read { .. } => Err(Errno::INVAL),
        Call::ReadAt { .. } | Call::WriteAt { .. } => Err(Errno::SPIPE),
        Call::Ioctl { .. } => Err(Errno::NOTTY),
    }
}

/// As it is called in a record.
struct Named<'a>(&'a Call, &'a Result<Operation, Errno>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named(_, Ok(Operation::Read)) => f.write_str("interrupt count"),
            Named(_, Ok(Operation::Control(on))) => write!(f, "irqcontrol {on}"),
            Named(Call::Read { size } | Call::ReadAt { size, .. }, _) => write!(f, "{size} bytes"),
            Named(Call::Write { data } | Call::WriteAt { data, .. }, _) => write!(f, "{} bytes", data.len()),
            Named(Call::Ioctl { command, argument }, _) => write!(f, "{command:#x} {argument:#x}"),
        }
    }
}

/// An open file of a board: `struct uio_listener`.
#[derive(Debug)]
pub(super) struct OpenFile {
    handle: BoardHandle,
    seen: Seen,
    nonblock: AtomicBool,
}

impl OpenFile {
    pub(super) fn new(handle: BoardHandle, flags: OpenFlags) -> Self {
        let seen = handle.shared().line.seen();
        OpenFile { handle, seen, nonblock: AtomicBool::new(flags.nonblock) }
    }

    fn contract(&self) -> Contract {
        self.handle.shared().contract
    }

    /// The count, if it has moved since it was read last.
    fn unread(&self) -> Option<u32> {
        let count = self.handle.shared().line.count();
        (count != self.seen.get()).then_some(count)
    }

    /// A zombie is found out before anything else is (I15), and nothing is completed from inside the gate.
    fn carry_out(&self, operation: Result<Operation, Errno>, completion: Box<dyn Completion>) -> Option<u64> {
        let guard = match self.handle.enter() {
            Ok(guard) => guard,
            Err(gone) => {
                completion.complete(self.answer_for_zombie(&operation, gone.reason));
                return None;
            }
        };
        let (interrupt, control) = (guard.driver.has_interrupt(), guard.driver.has_control());
        drop(guard);
        match operation {
            Err(errno) => completion.complete(Err(errno)),
            Ok(_) if !interrupt => completion.complete(Err(Errno::IO)),
            Ok(Operation::Control(_)) if !control => completion.complete(Err(Errno::NOSYS)),
            Ok(Operation::Control(on)) => return self.control(on, completion),
            Ok(Operation::Read) => return self.read(completion),
        }
        None
    }

    fn answer_for_zombie(&self, operation: &Result<Operation, Errno>, reason: Reason) -> Result<Answer, Errno> {
        if let (Ok(Operation::Read), true, Some(count)) =
            (operation, zombie::delivers_the_count(self.contract()), self.unread())
        {
            self.seen.set(count);
            return Ok(data(count));
        }
        match (zombie::terms(operation).under(self.contract(), reason), operation) {
            (Fate::Fails(errno), _) => Err(errno),
            (_, Err(errno)) => Err(*errno),
            (_, Ok(_)) => Err(Errno::NODEV),
        }
    }

    fn read(&self, completion: Box<dyn Completion>) -> Option<u64> {
        if self.nonblock.load(Relaxed) && self.unread().is_none() {
            completion.complete(Err(Errno::AGAIN));
            return None;
        }
        let (origin, seen) = (self.handle.uncounted(), self.seen.clone());
        let read = Read { origin: origin.uncounted(), seen: seen.clone(), completion };
        self.handle.begin_or_park("read", move |begun| match begun {
            Ok(operation) => {
                let read = Request::new(operation, move |end| read.finish(end));
                origin.shared().line.wait(read, &seen);
            }
            Err(why) => read.finish(refused(why).unwrap_or(Outcome::Forgotten)),
        })
    }

    fn control(&self, on: u32, completion: Box<dyn Completion>) -> Option<u64> {
        let contract = self.contract();
        let reply = move |end: Outcome<Result<(), Error>>| {
            completion.complete(match end {
                Outcome::Done(Ok(())) => Ok(Answer::Value(COUNT_SIZE as i32)),
                Outcome::Done(Err(error)) => Err(error.into()),
                Outcome::Cancelled(Cause::Gone(gone)) => Err(gone_errno(&Ok(Operation::Control(on)), contract, gone)),
                Outcome::Cancelled(Cause::Interrupted) => Err(Errno::INTR),
                Outcome::Forgotten => Err(Errno::IO),
            });
        };
        self.handle.begin_or_park("write", move |begun| match begun {
            Ok(operation) => {
                landing::hand_over(operation, reply, |inside, control| inside.driver.control(on, control));
            }
            Err(why) => reply(refused(why).unwrap_or(Outcome::Done(Err(Error::Io)))),
        })
    }
}

/// A read that may sleep.
struct Read {
    origin: BoardHandle,
    seen: Seen,
    completion: Box<dyn Completion>,
}

impl Read {
    fn finish(self, end: Outcome<u32>) {
        let contract = self.origin.shared().contract;
        self.completion.complete(match end {
            Outcome::Done(count) => {
                self.seen.set(count);
                Ok(data(count))
            }
            Outcome::Cancelled(Cause::Gone(gone)) => Err(gone_errno(&Ok(Operation::Read), contract, gone)),
            Outcome::Cancelled(Cause::Interrupted) => Err(Errno::INTR),
            Outcome::Forgotten => Err(Errno::IO),
        });
    }
}

fn data(count: u32) -> Answer {
    Answer::Data(count.to_ne_bytes().to_vec())
}

/// What becomes of a call that was not let in; `None`: EIO, as for a SCSI device that is offline.
fn refused<A>(refused: Refused) -> Option<Outcome<A>> {
    match refused {
        Refused::Gone(gone) => Some(Outcome::Cancelled(Cause::Gone(gone))),
        Refused::Interrupted => Some(Outcome::Cancelled(Cause::Interrupted)),
        Refused::State(_) | Refused::Driver(_) => None,
    }
}

/// What a call says that was inside as the device went.
fn gone_errno(operation: &Result<Operation, Errno>, contract: Contract, gone: Gone) -> Errno {
    match zombie::terms(operation).under(contract, gone.reason) {
        Fate::Fails(errno) => errno,
        Fate::Kept | Fate::Zero | Fate::StandIn => Errno::NODEV,
    }
}

impl File for OpenFile {
    fn call(&self, call: Call, _: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let operation = decode(&call);
        completion.arrived(&Named(&call, &operation));
        self.carry_out(operation, completion)
    }

    fn cancel(&self, number: u64) {
        self.handle.cancel(number);
    }

    fn poll(&self) -> PollBits {
        let something = if self.unread().is_some() { PollBits::IN | PollBits::RDNORM } else { PollBits::default() };
        match self.handle.enter() {
            // A read says EIO at once. (Linux says -EIO here, bit by bit, HUP among them.)
            Ok(guard) if !guard.driver.has_interrupt() => PollBits::IN | PollBits::RDNORM | PollBits::ERR,
            Ok(_) => something,
            Err(_) if zombie::delivers_the_count(self.contract()) => zombie::poll(self.contract()) | something,
            Err(_) => zombie::poll(self.contract()),
        }
    }

    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync> {
        Box::new(self.handle.on_gone(wake))
    }

    fn on_news(&self, wake: Arc<dyn Fn() + Send + Sync>) -> Box<dyn Send + Sync> {
        let at_the_end = wake.clone();
        let end = self.handle.on_gone(move |_| at_the_end());
        Box::new((self.handle.shared().line.watch(wake), end))
    }

    fn heeds_nonblock(&self) -> bool {
        true
    }

    fn signals(&self) -> bool {
        true
    }

    fn may_sleep(&self, reads: bool) -> bool {
        reads && self.unread().is_none()
    }

    fn set_nonblock(&self, nonblock: bool) {
        self.nonblock.store(nonblock, Relaxed);
    }

    fn map(&self, call: &MapCall) -> Result<Mapping, Errno> {
        let guard = match self.handle.enter() {
            Ok(guard) => guard,
            Err(gone) => {
                return match MAP.under(self.contract(), gone.reason) {
                    Fate::Fails(errno) => Err(errno),
                    Fate::Kept | Fate::Zero | Fate::StandIn => Err(Errno::NODEV),
                };
            }
        };
        // mmap(2): a mapping is read in any case.
        if !call.access.reads() {
            return Err(Errno::ACCESS);
        }
        let region = usize::try_from(call.offset / PAGE_SIZE).ok().and_then(|region| guard.memory.get(region));
        let memory = region.ok_or(Errno::INVAL)?;
        if !call.offset.is_multiple_of(PAGE_SIZE) || call.length > memory.size() {
            return Err(Errno::INVAL);
        }
        Ok(Mapping { memory: memory.clone(), offset: 0 })
    }

    fn gone(&self) -> Option<Gone> {
        self.handle.gone()
    }

    fn id(&self) -> HandleId {
        self.handle.id()
    }
}
