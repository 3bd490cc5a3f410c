//! What one open file of an input device does: `drivers/input/evdev.c`, between a front and the gate.

use super::{
    InputHandle, Inside, Value,
    bits::bytes_up_to,
    client::{Cell, Found},
    decode::{Operation, decode},
    describe::What,
    hub::Hub,
    uapi::{self, ev},
    zombie,
};
use crate::{Answer, Call, Completion, Contract, Errno, Fate, File, Memory, OpenFlags, Payload, PollBits, landing};
use outlive::{Cause, Gone, HandleId, Outcome, Reason, Refused, Request};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// An open file of an input device: `struct evdev_client`.
#[derive(Debug)]
pub(super) struct OpenFile {
    user: User,
    nonblock: AtomicBool,
}

/// Whoever has it open; a call that is answered later has a copy.
#[derive(Debug)]
pub(super) struct User {
    pub(super) handle: InputHandle,
    /// Its number in the hub.
    pub(super) client: u64,
}

impl User {
    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.handle.shared().hub
    }

    pub(super) fn contract(&self) -> Contract {
        self.handle.shared().contract
    }

    /// The same, for a call that is answered later: it does not count as one who has it open.
    pub(super) fn like(&self) -> User {
        User { handle: self.handle.uncounted(), client: self.client }
    }
}

impl OpenFile {
    pub(super) fn new(handle: InputHandle, flags: OpenFlags) -> Result<Self, Errno> {
        let client = handle.shared().hub.attach();
        let user = User { handle, client };
        user.handle.shared().come(&user.handle).inspect_err(|_| _ = user.hub().detach(client))?;
        Ok(OpenFile { user, nonblock: AtomicBool::new(flags.nonblock) })
    }

    /// A zombie is found out before anything else is (I15), and nothing is completed from inside the gate.
    fn carry_out(
        &self,
        call: &Call,
        operation: Result<Operation, Errno>,
        memory: Arc<dyn Memory>,
        completion: Box<dyn Completion>,
    ) -> Option<u64> {
        let gone = self.user.handle.enter().err();
        if let Some(gone) = gone {
            let is_ioctl = matches!(call, Call::Ioctl { .. });
            self.user.answer_for_zombie(operation, is_ioctl, gone.reason, memory, completion);
            return None;
        }
        // evdev looks at the length of a read or write first, and at everything else later.
        let short = matches!((&operation, call), (Err(_), Call::Read { .. } | Call::Write { .. }));
        if !short && self.user.hub().is_revoked(self.user.client) {
            completion.complete(Err(Errno::NODEV));
            return None;
        }
        match operation {
            Err(errno) => completion.complete(Err(errno)),
            Ok(Operation::Read { size }) => return self.read(size, completion),
            Ok(Operation::Write { events, size }) => return self.user.write(events, size as i32, completion),
            Ok(Operation::SetRate(rate)) => {
                let rate = (0..).zip(rate).map(|(code, value)| Value::new(ev::REP, code, value));
                return self.user.write(rate.collect(), 0, completion);
            }
            Ok(Operation::Upload { effect, to }) => match self.user.hub().begin_upload(self.user.client, effect) {
                Ok(upload) => return self.user.upload(upload, to, memory, completion),
                Err(errno) => completion.complete(Err(errno)),
            },
            Ok(Operation::Erase { number }) => return self.user.erase(number, completion),
            Ok(Operation::Revoke) => {
                self.user.forget(&self.user.hub().revoke(self.user.client));
                completion.complete(Ok(Answer::Value(0)));
            }
            Ok(operation) => self.user.keep(operation, memory, completion),
        }
        None
    }

    /// What has come; if nothing has, sleeps until something does.
    fn read(&self, size: usize, completion: Box<dyn Completion>) -> Option<u64> {
        let user = &self.user;
        if self.nonblock.load(Relaxed) && !user.hub().is_readable(user.client) {
            completion.complete(Err(Errno::AGAIN));
            return None;
        }
        if size == 0 {
            completion.complete(Ok(Answer::Data(Vec::new())));
            return None;
        }
        let (cell, ticket) = (Cell::default(), user.hub().ticket());
        let read = Read { user: user.like(), size, cell: cell.clone(), ticket, completion };
        let (hub, client) = (user.hub().clone(), user.client);
        user.handle.begin_or_park("read", move |begun| match begun {
            Ok(operation) => hub.wait(client, size, cell, Request::new(operation, move |end| read.finish(end)), ticket),
            Err(why) => read.finish(refused(why).unwrap_or(Outcome::Forgotten)),
        })
    }
}

/// A read that may sleep.
struct Read {
    user: User,
    size: usize,
    cell: Cell,
    ticket: u64,
    completion: Box<dyn Completion>,
}

impl Read {
    fn finish(self, end: Outcome<()>) {
        let Read { user, size, cell, ticket, completion } = self;
        let given = user.hub().settle(user.client, ticket, &cell);
        completion.complete(match (end, given) {
            (Outcome::Cancelled(Cause::Interrupted), given) => {
                if let Some(Ok(bytes)) = given {
                    user.hub().put_back(user.client, &bytes);
                }
                Err(Errno::INTR)
            }
            (_, Some(given)) => given.map(Answer::Data),
            // Also the keys that went up because the device did, whatever the contract.
            (Outcome::Cancelled(Cause::Gone(_)), None) => {
                user.hub().end();
                match user.hub().read(user.client, size) {
                    Found::Data(data) => Ok(Answer::Data(data)),
                    Found::Nothing | Found::Revoked => Err(user.gone_errno()),
                }
            }
            (Outcome::Done(()) | Outcome::Forgotten, None) => Err(Errno::IO),
        });
    }
}

impl User {
    /// What a read says of a device that has gone, once there is nothing to read.
    fn gone_errno(&self) -> Errno {
        let reason = self.handle.gone().map_or(Reason::Pulled, |gone| gone.reason);
        match zombie::READ_NOTHING.under(self.contract(), reason) {
            Fate::Fails(errno) => errno,
            Fate::Kept | Fate::Zero | Fate::StandIn => Errno::NODEV,
        }
    }

    fn answer_for_zombie(
        &self,
        operation: Result<Operation, Errno>,
        is_ioctl: bool,
        reason: Reason,
        memory: Arc<dyn Memory>,
        completion: Box<dyn Completion>,
    ) {
        // It may be between the mark and the hook that does this.
        self.hub().end();
        if let (Ok(Operation::Read { size }), true) = (&operation, zombie::delivers(self.contract()))
            && *size > 0
            && let Found::Data(data) = self.hub().read(self.client, *size)
        {
            return completion.complete(Ok(Answer::Data(data)));
        }
        let terms = match operation {
            Ok(Operation::Erase { number }) if self.hub().owns(self.client, number) => &zombie::ERASE,
            _ => zombie::terms(&operation, is_ioctl),
        };
        let fate = terms.under(self.contract(), reason);
        match (fate, operation) {
            (Fate::Fails(errno), _) => completion.complete(Err(errno)),
            (_, Err(errno)) => completion.complete(Err(errno)),
            (_, Ok(operation)) => self.keep(operation, memory, completion),
        }
    }

    /// What needs no driver; of what does, what a device says that nobody hears.
    fn keep(&self, operation: Operation, memory: Arc<dyn Memory>, completion: Box<dyn Completion>) {
        let hub = self.hub();
        let answer = match operation {
            Operation::Tell { to, bytes, value } => return tell(to, bytes, value, memory, completion),
            Operation::On { kind, to, size } => return self.tell_on(kind, to, size, memory, completion),
            Operation::Contacts { axis, to, most } => {
                let contacts = hub.contacts(axis).into_iter().take(most);
                let bytes = contacts.flat_map(i32::to_ne_bytes).collect();
                return tell(to, bytes, 0, memory, completion);
            }
            Operation::Axis { code, to, size } => {
                let bytes = hub.axis(code).to_bytes()[..size].to_vec();
                return tell(to, bytes, 0, memory, completion);
            }
            Operation::Rate { to } => {
                let bytes = hub.repeat_rate().into_iter().flat_map(i32::to_ne_bytes).collect();
                return tell(to, bytes, 0, memory, completion);
            }
            Operation::Mask { kind, to, size } => return self.tell_mask(kind, to, size, memory, completion),
            Operation::Upload { effect, to } => match hub.begin_upload(self.client, effect) {
                Ok(upload) => return tell(to + 2, upload.number().to_ne_bytes().to_vec(), 0, memory, completion),
                Err(errno) => Err(errno),
            },
            Operation::SetAxis { code, axis } => {
                hub.set_axis(code, axis);
                Ok(Answer::Value(0))
            }
            Operation::SetMask { kind, codes } => {
                hub.set_mask(self.client, kind, codes);
                Ok(Answer::Value(0))
            }
            Operation::Clock(clock) => {
                hub.set_clock(self.client, clock);
                Ok(Answer::Value(0))
            }
            Operation::Grab(grab) => hub.grab(self.client, grab).map(|()| Answer::Value(0)),
            Operation::Erase { number } => hub.begin_erase(self.client, number).map(|_| Answer::Value(0)),
            Operation::Revoke => {
                hub.revoke(self.client);
                Ok(Answer::Value(0))
            }
            Operation::SetRate(_) => Ok(Answer::Value(0)),
            Operation::Write { size, .. } => Ok(Answer::Value(size as i32)),
            Operation::Read { .. } => Err(Errno::NODEV),
            Operation::Nothing(answer) => Ok(answer),
        };
        completion.complete(answer);
    }

    /// `evdev_handle_get_val`: who cannot be told has missed something.
    fn tell_on(&self, kind: u16, to: u64, size: usize, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) {
        let mut bytes = self.hub().on(self.client, kind).to_bytes(uapi::highest(kind).unwrap_or_default());
        bytes.truncate(size);
        completion.brought(&|| Some(Payload::Pieces(vec![bytes.clone()])));
        let (hub, client) = (self.hub().clone(), self.client);
        completion.complete_with(Box::new(move || {
            put(&*memory, to, &bytes).inspect_err(|_| hub.tell_dropped(client))?;
            Ok(Answer::Value(bytes.len() as i32))
        }));
    }

    /// `evdev_get_mask`: what is beyond the codes that there are is zero.
    fn tell_mask(&self, kind: u32, to: u64, size: usize, memory: Arc<dyn Memory>, completion: Box<dyn Completion>) {
        let known = u16::try_from(kind).ok().and_then(|kind| Some((kind, uapi::highest(kind)?)));
        let mut bytes = known.map_or_else(Vec::new, |(kind, highest)| match self.hub().mask(self.client, kind) {
            Some(codes) => codes.to_bytes(highest),
            None => vec![0xff; bytes_up_to(highest)],
        });
        bytes.truncate(size);
        completion.complete_with(Box::new(move || {
            const ZEROES: [u8; 4096] = [0; 4096];
            put(&*memory, to, &bytes)?;
            let mut at = bytes.len();
            while at < size {
                let piece = (size - at).min(ZEROES.len());
                memory.write(to.wrapping_add(at as u64), &ZEROES[..piece])?;
                at += piece;
            }
            Ok(Answer::Value(0))
        }));
    }

    /// Events for the device and its clients. `value` is what the call returns.
    fn write(&self, events: Vec<Value>, value: i32, completion: Box<dyn Completion>) -> Option<u64> {
        let user = self.like();
        let (hub, client) = (self.hub().clone(), self.client);
        let reply = move |end: Outcome<Result<(), Errno>>| {
            completion.complete(match end {
                Outcome::Done(done) => done.map(|()| Answer::Value(value)),
                Outcome::Cancelled(Cause::Gone(gone)) => match zombie::WRITE.under(user.contract(), gone.reason) {
                    Fate::Fails(errno) => Err(errno),
                    Fate::Kept | Fate::Zero | Fate::StandIn => Ok(Answer::Value(value)),
                },
                Outcome::Cancelled(Cause::Interrupted) => Err(Errno::INTR),
                Outcome::Forgotten => Err(Errno::IO),
            });
        };
        self.handle.begin_or_park("write", move |begun| match begun {
            Ok(operation) => landing::hand_over(operation, reply, move |inside: &Inside, request| {
                let told = hub.inject(client, &events);
                let done = told.map(|told| told.into_iter().for_each(|value| inside.driver.output(value)));
                request.answer(done);
            }),
            Err(why) => reply(refused(why).unwrap_or(Outcome::Done(Err(Errno::IO)))),
        })
    }
}

/// Writes what a call brings to its client's memory, and says `value`.
pub(super) fn tell(to: u64, bytes: Vec<u8>, value: i32, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) {
    completion.brought(&|| Some(Payload::Pieces(vec![bytes.clone()])));
    completion.complete_with(Box::new(move || {
        put(&*memory, to, &bytes)?;
        Ok(Answer::Value(value))
    }));
}

/// Nothing can be written anywhere.
fn put(memory: &dyn Memory, to: u64, bytes: &[u8]) -> Result<(), Errno> {
    if bytes.is_empty() { Ok(()) } else { memory.write(to, bytes).map_err(Errno::from) }
}

/// What becomes of a call that was not let in; `None`: EIO, as for a SCSI device that is offline.
pub(super) fn refused<A>(refused: Refused) -> Option<Outcome<A>> {
    match refused {
        Refused::Gone(gone) => Some(Outcome::Cancelled(Cause::Gone(gone))),
        Refused::Interrupted => Some(Outcome::Cancelled(Cause::Interrupted)),
        Refused::State(_) | Refused::Driver(_) => None,
    }
}

impl Drop for OpenFile {
    /// What a client leaves behind goes from a device that is there; one that has gone is not asked (I22).
    fn drop(&mut self) {
        let effects = self.user.hub().detach(self.user.client);
        self.user.forget(&effects);
        self.user.handle.shared().leave(&self.user.handle);
    }
}

impl File for OpenFile {
    fn call(&self, call: Call, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let operation = decode(&call, &self.user.hub().description, &*memory);
        completion.arrived(&What(&call));
        if let Call::Write { data } = &call {
            completion.sent(&|| Some(Payload::Pieces(vec![data.clone()])));
        }
        self.carry_out(&call, operation, memory, completion)
    }

    fn gather(&self, call: &Call, memory: &dyn Memory) {
        if let Call::Ioctl { .. } = call {
            let _ = decode(call, &self.user.hub().description, memory);
        }
    }

    fn cancel(&self, number: u64) {
        self.user.handle.cancel(number);
    }

    fn poll(&self) -> PollBits {
        let (hub, client) = (self.user.hub(), self.user.client);
        let gone = self.user.handle.gone().is_some();
        if gone {
            hub.end_in_silence();
        }
        let something = hub.is_readable(client);
        if gone || hub.is_revoked(client) { zombie::poll(something) } else { zombie::alive(something) }
    }

    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync> {
        Box::new(self.user.handle.on_gone(wake))
    }

    fn on_news(&self, wake: Arc<dyn Fn() + Send + Sync>) -> Box<dyn Send + Sync> {
        let at_the_end = wake.clone();
        let end = self.user.handle.on_gone(move |_| at_the_end());
        Box::new((self.user.hub().watch(self.user.client, wake), end))
    }

    fn heeds_nonblock(&self) -> bool {
        true
    }

    fn signals(&self) -> bool {
        true
    }

    fn may_sleep(&self, reads: bool) -> bool {
        reads && !self.user.hub().is_readable(self.user.client)
    }

    fn set_nonblock(&self, nonblock: bool) {
        self.nonblock.store(nonblock, Relaxed);
    }

    fn gone(&self) -> Option<Gone> {
        self.user.handle.gone()
    }

    fn id(&self) -> HandleId {
        self.user.handle.id()
    }
}
