//! What one open file of a TPM does: `drivers/char/tpm/tpm-dev-common.c`, between a front and the gate.

use super::{
    ChipHandle, Error, Then,
    describe::What,
    exchange::{Exchange, Found, Left},
    uapi::{self, BUFFER_SIZE, HEADER_SIZE},
    zombie,
};
use crate::{
    Answer, Call, Completion, Contract, Errno, Fate, File, Memory, OpenFlags, Payload, PollBits, Terms, landing,
};
use outlive::{Cause, Gone, HandleId, Outcome, Reason, Refused, Request};
use std::sync::{
    Arc, OnceLock,
    atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// A call, decoded.
pub(super) enum Operation {
    /// One whole command; whether it is one is found out later.
    Command(Vec<u8>),
    /// Reads of the response.
    Read { size: usize },
}

fn decode(call: Call) -> Result<Operation, Errno> {
    match call {
        Call::Read { size } => Ok(Operation::Read { size }),
        Call::Write { data } if data.len() > BUFFER_SIZE => Err(Errno::TOOBIG),
        Call::Write { data } => Ok(Operation::Command(data)),
        Call::ReadAt { .. } | Call::WriteAt { .. } => Err(Errno::SPIPE),
        Call::Ioctl { .. } => Err(Errno::NOTTY),
    }
}

/// The one place for a user: whoever has it has the TPM. Left when the last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    _place: Arc<Place>,
}

#[derive(Debug)]
struct Place(Arc<AtomicBool>);

impl Seat {
    pub(super) fn take(taken: &Arc<AtomicBool>) -> Option<Self> {
        let free = taken.compare_exchange(false, true, Acquire, Relaxed).is_ok();
        free.then(|| Seat { _place: Arc::new(Place(taken.clone())) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

/// An open file of a TPM: `struct file_priv`.
#[derive(Debug)]
pub(super) struct OpenFile {
    handle: ChipHandle,
    exchange: Exchange,
    nonblock: AtomicBool,
    /// None of one that is shared.
    seat: Option<Seat>,
}

impl OpenFile {
    pub(super) fn new(handle: ChipHandle, seat: Option<Seat>, flags: OpenFlags) -> Self {
        OpenFile { handle, exchange: Exchange::default(), nonblock: AtomicBool::new(flags.nonblock), seat }
    }

    fn contract(&self) -> Contract {
        self.handle.shared().contract
    }

    /// A zombie is found out before anything else is (I15), and nothing is completed from inside the gate.
    fn carry_out(&self, operation: Result<Operation, Errno>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let gone = self.handle.enter().err();
        match (operation, gone) {
            (operation, Some(gone)) => {
                let answer = self.answer_for_zombie(operation, gone.reason, &mut *completion);
                completion.complete(answer);
                None
            }
            (Err(errno), None) => {
                completion.complete(Err(errno));
                None
            }
            (Ok(Operation::Read { size }), None) => self.read(size, completion),
            (Ok(Operation::Command(command)), None) => self.command(command, completion),
        }
    }

    fn answer_for_zombie(
        &self,
        operation: Result<Operation, Errno>,
        reason: Reason,
        completion: &mut dyn Completion,
    ) -> Result<Answer, Errno> {
        let fails = |terms: &Terms| match terms.under(self.contract(), reason) {
            Fate::Fails(errno) => Some(errno),
            Fate::Kept | Fate::Zero | Fate::StandIn => None,
        };
        // One that was under way has heard of it, or is about to.
        self.exchange.cut_off(cut_off(self.contract(), reason));
        match operation {
            Ok(Operation::Read { size }) => self.read_of_zombie(size, fails(&zombie::READ), completion),
            Err(errno) => Err(fails(&zombie::INVALID).unwrap_or(errno)),
            // Under strict it is no matter what is written.
            Ok(Operation::Command(_)) if self.contract() == Contract::Strict => {
                Err(fails(&zombie::WRITE).unwrap_or(Errno::NODEV))
            }
            Ok(Operation::Command(command)) => {
                let queued = self.nonblock.load(Relaxed);
                let ticket = self.exchange.begin(&command, queued)?;
                let terms = if queued { &zombie::WRITE_NONBLOCK } else { &zombie::WRITE };
                let failed = fails(terms);
                let left = failed.is_none().then(|| fails(&zombie::READ_ACCEPTED).map(Left::Failure)).flatten();
                self.exchange.end(ticket, left);
                failed.map_or(Ok(Answer::Value(command.len() as i32)), Err)
            }
        }
    }

    /// I18: a response that came before the mark is read after it; and what Linux has to say of a command that came later.
    fn read_of_zombie(
        &self,
        size: usize,
        fails: Option<Errno>,
        completion: &mut dyn Completion,
    ) -> Result<Answer, Errno> {
        match (self.exchange.read(size), fails) {
            (Found::Data(data), _) => Ok(Answer::Data(data)),
            (Found::Failure(errno), None) => Err(errno),
            (_, Some(errno)) => Err(errno),
            (Found::Nothing | Found::Running, None) => {
                if self.contract() == Contract::Linux {
                    completion.hollow();
                }
                Ok(Answer::Data(Vec::new()))
            }
        }
    }

    fn read(&self, size: usize, completion: Box<dyn Completion>) -> Option<u64> {
        let answer = match self.exchange.read(size) {
            Found::Data(data) => Ok(Answer::Data(data)),
            Found::Failure(errno) => Err(errno),
            Found::Nothing => Ok(Answer::Data(Vec::new())),
            Found::Running => return self.wait(size, completion),
        };
        completion.complete(answer);
        None
    }

    /// Sleeps until the command that runs has ended, which Linux does in a mutex, whatever `O_NONBLOCK` says.
    fn wait(&self, size: usize, mut completion: Box<dyn Completion>) -> Option<u64> {
        let (file, exchange) = (self.like(), self.exchange.clone());
        let reply = move |end: Outcome<()>| {
            // What ended the command may have been the mark.
            let gone = match end {
                Outcome::Cancelled(Cause::Gone(gone)) => Some(gone),
                _ => file.handle.gone(),
            };
            let answer = match (gone, end) {
                (_, Outcome::Cancelled(Cause::Interrupted)) => Err(Errno::INTR),
                (_, Outcome::Forgotten) => Err(Errno::IO),
                (Some(gone), _) => file.answer_for_zombie(Ok(Operation::Read { size }), gone.reason, &mut *completion),
                (None, _) => match file.exchange.read(size) {
                    Found::Data(data) => Ok(Answer::Data(data)),
                    Found::Failure(errno) => Err(errno),
                    // Somebody else has read it.
                    Found::Nothing | Found::Running => Ok(Answer::Data(Vec::new())),
                },
            };
            completion.complete(answer);
        };
        self.handle.begin_or_park("read", move |begun| match begun {
            Ok(operation) => exchange.wait(Request::new(operation, reply)),
            Err(why) => reply(refused(why).unwrap_or(Outcome::Forgotten)),
        })
    }

    /// The same open file, for a call that is answered later: it does not count as one.
    fn like(&self) -> OpenFile {
        OpenFile {
            handle: self.handle.uncounted(),
            exchange: self.exchange.clone(),
            nonblock: AtomicBool::new(self.nonblock.load(Relaxed)),
            seat: self.seat.clone(),
        }
    }

    fn command(&self, mut command: Vec<u8>, completion: Box<dyn Completion>) -> Option<u64> {
        let queued = self.nonblock.load(Relaxed);
        let ticket = match self.exchange.begin(&command, queued) {
            Ok(ticket) => ticket,
            Err(errno) => {
                completion.complete(Err(errno));
                return None;
            }
        };
        let size = command.len();
        // What is beyond the length that the header says is no part of it.
        command.truncate(uapi::length(&command).unwrap_or_default() as usize);
        let sent = Sent { ticket, size, exchange: self.exchange.clone(), _seat: self.seat.clone() };
        if queued {
            self.queue(sent, command, completion);
            return None;
        }
        if command.is_empty() {
            completion.complete(sent.finish(Err(Errno::NODATA)));
            return None;
        }
        let contract = self.contract();
        self.submit(command, move |end| completion.complete(sent.finish(response(end, contract))))
    }

    /// Lets a command run that nobody waits for: its failure is told to the next read (`tpm_dev_async_work`).
    fn queue(&self, sent: Sent, command: Vec<u8>, completion: Box<dyn Completion>) {
        let (size, contract) = (sent.size, self.contract());
        let refused = Arc::new(OnceLock::new());
        if command.is_empty() {
            sent.leave(Err(Errno::NODATA));
        } else {
            let gone = refused.clone();
            self.submit_or(command, move |begun| match begun {
                Ok(end) => sent.leave(response(end, contract)),
                Err(end) => {
                    // It went as the call came: then the call says so.
                    let answer = response(end, contract);
                    let _ = gone.set(answer.as_ref().err().copied());
                    sent.exchange.end(sent.ticket, None);
                }
            });
        }
        let answer = match refused.get().copied().flatten() {
            Some(errno) => Err(errno),
            None => Ok(Answer::Value(size as i32)),
        };
        let tell: Then = Box::new(move || completion.complete(answer));
        let now = match self.handle.enter() {
            Ok(tpm) => tpm.when_ready(tell),
            Err(_) => Some(tell),
        };
        now.into_iter().for_each(|tell| tell());
    }

    /// Hands a command to the TPM. `reply` is called once, with how it ended.
    fn submit(&self, command: Vec<u8>, reply: impl FnOnce(End) + Send + 'static) -> Option<u64> {
        self.submit_or(command, move |begun| match begun {
            Ok(end) | Err(end) => reply(end),
        })
    }

    /// The same; `Err` of one that was not let in.
    fn submit_or(&self, command: Vec<u8>, reply: impl FnOnce(Result<End, End>) + Send + 'static) -> Option<u64> {
        self.handle.begin_or_park("command", move |begun| match begun {
            Ok(operation) => {
                landing::hand_over(operation, move |end| reply(Ok(end)), |tpm, order| tpm.begin(command, order));
            }
            Err(why) => reply(Err(refused(why).unwrap_or(Outcome::Done(Err(Error::Io))))),
        })
    }
}

/// How a command ends.
type End = Outcome<Result<Vec<u8>, Error>>;

/// A command that was sent.
struct Sent {
    ticket: u64,
    /// What its client wrote, in bytes.
    size: usize,
    exchange: Exchange,
    /// The TPM is its client's until it has ended, also if that has closed it: in Linux its close waits.
    _seat: Option<Seat>,
}

impl Sent {
    /// Of one that its client waits for: what its write says.
    fn finish(self, response: Result<Vec<u8>, Errno>) -> Result<Answer, Errno> {
        let answer = response.as_ref().map(|_| Answer::Value(self.size as i32)).map_err(|errno| *errno);
        self.exchange.end(self.ticket, response.ok().map(Left::Response));
        answer
    }

    /// Of one that nobody waits for.
    fn leave(self, response: Result<Vec<u8>, Errno>) {
        let left = response.map_or_else(Left::Failure, Left::Response);
        self.exchange.end(self.ticket, Some(left));
    }
}

/// The response, or why there is none. One that is none is EFAULT, as `tpm_try_transmit` of
/// `drivers/char/tpm/tpm-interface.c` has it.
fn response(end: End, contract: Contract) -> Result<Vec<u8>, Errno> {
    match end {
        Outcome::Done(Ok(response)) => {
            let whole = uapi::length(&response).is_some_and(|length| length as usize == response.len());
            let fits = (HEADER_SIZE..=BUFFER_SIZE).contains(&response.len());
            if whole && fits { Ok(response) } else { Err(Errno::FAULT) }
        }
        Outcome::Done(Err(error)) => Err(error.into()),
        Outcome::Cancelled(Cause::Gone(gone)) => Err(under_way(contract, gone.reason)),
        Outcome::Cancelled(Cause::Interrupted) => Err(Errno::INTR),
        Outcome::Forgotten => Err(Errno::IO),
    }
}

/// What a command says that was under way as the device went.
fn under_way(contract: Contract, reason: Reason) -> Errno {
    match zombie::UNDER_WAY.under(contract, reason) {
        Fate::Fails(errno) => errno,
        Fate::Kept | Fate::Zero | Fate::StandIn => Errno::NODEV,
    }
}

/// What is left to be read of it.
fn cut_off(contract: Contract, reason: Reason) -> Option<Left> {
    (contract != Contract::Strict).then(|| Left::Failure(under_way(contract, reason)))
}

/// What becomes of a call that was not let in; `None`: EIO, as for a SCSI device that is offline.
fn refused<A>(refused: Refused) -> Option<Outcome<A>> {
    match refused {
        Refused::Gone(gone) => Some(Outcome::Cancelled(Cause::Gone(gone))),
        Refused::Interrupted => Some(Outcome::Cancelled(Cause::Interrupted)),
        Refused::State(_) | Refused::Driver(_) => None,
    }
}

impl File for OpenFile {
    fn call(&self, call: Call, _: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        completion.arrived(&What(&call));
        if let Call::Write { data } = &call {
            let command = || (data.len() <= BUFFER_SIZE).then(|| Payload::Pieces(vec![data.clone()]));
            completion.sent(&command);
        }
        self.carry_out(decode(call), completion)
    }

    fn cancel(&self, number: u64) {
        self.handle.cancel(number);
    }

    fn poll(&self) -> PollBits {
        match self.handle.gone() {
            // In Linux a poll waits for the command (tpm_common_poll, for a mutex). Here it says that there is nothing yet:
            // neither a response nor room for another command.
            None if self.exchange.is_running() => PollBits(0),
            None => zombie::alive(self.exchange.has_something()),
            Some(_) if self.contract() == Contract::Linux => {
                zombie::poll(Contract::Linux, self.exchange.has_something())
            }
            Some(_) => zombie::poll(self.contract(), self.exchange.has_response()),
        }
    }

    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync> {
        if self.contract() == Contract::Linux {
            return Box::new(());
        }
        Box::new(self.handle.on_gone(wake))
    }

    fn on_news(&self, wake: Arc<dyn Fn() + Send + Sync>) -> Box<dyn Send + Sync> {
        let at_the_end = wake.clone();
        let end = self.on_gone(Box::new(move |_| at_the_end()));
        Box::new((self.exchange.watch(wake), end))
    }

    fn heeds_nonblock(&self) -> bool {
        true
    }

    fn set_nonblock(&self, nonblock: bool) {
        self.nonblock.store(nonblock, Relaxed);
    }

    fn gone(&self) -> Option<Gone> {
        self.handle.gone()
    }

    fn id(&self) -> HandleId {
        self.handle.id()
    }
}
