//! What one open file of /dev/uinput does: `drivers/input/misc/uinput.c`. Each makes a device of its own.

use super::{
    UinputHandle,
    decode::{Operation, Set, decode},
    describe::Words,
    made::{Made, What},
    outbox::Outbox,
    setup::Setup,
    uapi, zombie,
};
use crate::{
    Answer, Call, Completion, Errno, Fate, File, Memory, OpenFlags, Payload, PollBits,
    input::{
        self,
        uapi::{EFFECT_SIZE, EVENT_SIZE},
    },
};
use outlive::{Cause, Gone, HandleId, Outcome, REMOVAL_BUDGET, Reason, Refused, Request};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// An open file of /dev/uinput: `struct uinput_device`.
#[derive(Debug)]
pub(super) struct OpenFile {
    handle: UinputHandle,
    desk: Arc<Desk>,
}

/// What a program works on; a read that is answered later has it as well.
#[derive(Debug)]
struct Desk {
    /// It does not count as one who has it open.
    handle: UinputHandle,
    nonblock: AtomicBool,
    /// What has been said of the device that is not there yet. Held while it is being plugged in, as `mutex` of `struct
    /// uinput_device`; nothing that is called by that, or wakes who reads, takes it.
    setup: Mutex<Setup>,
    /// The device that there is. Never held while anything is called.
    current: Mutex<Option<Current>>,
    outbox: Arc<Outbox>,
}

/// The device that a program has made.
#[derive(Clone, Debug)]
struct Current {
    made: Arc<Made>,
    /// The 5 of `input5`.
    number: u32,
}

impl OpenFile {
    pub(super) fn new(handle: UinputHandle, flags: OpenFlags) -> Self {
        let desk = Desk {
            handle: handle.uncounted(),
            nonblock: AtomicBool::new(flags.nonblock),
            setup: Mutex::default(),
            current: Mutex::default(),
            outbox: Arc::default(),
        };
        OpenFile { handle, desk: Arc::new(desk) }
    }
}

impl Desk {
    fn setup(&self) -> MutexGuard<'_, Setup> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Option<Current> {
        self.now().clone()
    }

    /// What of a call that needs no memory of its client's comes to.
    fn carry_out(&self, operation: Operation) -> Result<i32, Errno> {
        match operation {
            Operation::Create => self.create().map(|()| 0),
            Operation::Destroy => {
                self.destroy(REMOVAL_BUDGET);
                Ok(0)
            }
            Operation::Write(data) => self.write(&data),
            Operation::Set(set) => self.set(set).map(|()| 0),
            Operation::End { kind, id, result } => {
                let current = self.current().ok_or(Errno::INVAL)?;
                current.made.finish(kind, id, result).map(|()| 0)
            }
            Operation::Read { .. } | Operation::Version { .. } | Operation::Name { .. } | Operation::Begin { .. } => {
                Err(Errno::INVAL)
            }
        }
    }

    fn set(&self, set: Set) -> Result<(), Errno> {
        let mut setup = self.setup();
        // Another thread may have made it meanwhile.
        if self.current().is_some() {
            return Err(Errno::INVAL);
        }
        match set {
            Set::Who(who) => return setup.set_who(who),
            Set::Type(kind) => setup.set_type(kind),
            Set::Code(kind, code) => setup.set_code(kind, code),
            Set::Property(property) => setup.set_property(property),
            Set::Phys(phys) => setup.set_phys(phys),
            Set::Axis(code, axis) => setup.set_axis(code, axis),
        }
        Ok(())
    }

    /// Before there is a device, what it is to be; then events of its.
    fn write(&self, data: &[u8]) -> Result<i32, Errno> {
        if data.is_empty() {
            return Ok(0);
        }
        let made = {
            let mut setup = self.setup();
            match self.current() {
                None => return setup.set_all(data).map(|()| data.len() as i32),
                Some(current) => current.made,
            }
        };
        if data.len() < EVENT_SIZE {
            return Err(Errno::INVAL);
        }
        let events = input::events(data);
        made.send(&events, input::times(data))?;
        Ok((events.len() * EVENT_SIZE) as i32)
    }

    /// `uinput_create_device`: if it cannot be made, all that was said of it is forgotten.
    fn create(&self) -> Result<(), Errno> {
        // Inside: whoever takes uinput away waits until the device is there, which goes with it then.
        let inside = self.handle.enter().map_err(|_| Errno::NODEV)?;
        let mut setup = self.setup();
        if !setup.complete || self.current().is_some() {
            return Err(Errno::INVAL);
        }
        let description = std::mem::take(&mut *setup).finish()?;
        let made = Made::new(self.outbox.clone(), self.handle.shared().clock.clone());
        let number = inside.ports.plug(made.driver(description))?;
        *self.now() = Some(Current { made, number });
        Ok(())
    }

    /// The device goes, if there is one, as one that is pulled, and what was said of it is forgotten. The fence is waited for,
    /// for up to `limit`.
    fn destroy(&self, limit: Duration) {
        let before = {
            let mut setup = self.setup();
            *setup = Setup::default();
            self.now().take()
        };
        let Some(Current { made, number }) = before else { return };
        let sink = made.sink();
        // First, so that nobody inside waits for a program that will not answer.
        made.end();
        if let (Some(sink), Ok(inside)) = (sink, self.handle.enter()) {
            inside.ports.unplug(number, &sink, limit);
        }
    }

    /// What is there to read: `None`: nothing yet.
    fn take(&self, size: usize) -> Option<Result<Answer, Errno>> {
        let Some(current) = self.current() else { return Some(Err(Errno::NODEV)) };
        let sink = current.made.sink();
        let data = self.outbox.take(size);
        match (data.is_empty(), sink, size) {
            (false, _, _) => Some(Ok(Answer::Data(data))),
            // Somebody has pulled it.
            (true, None, _) => Some(Err(Errno::NODEV)),
            (true, Some(_), _) if self.nonblock.load(Relaxed) && self.outbox.is_empty() => Some(Err(Errno::AGAIN)),
            (true, Some(_), 0) => Some(Ok(Answer::Data(data))),
            (true, Some(_), _) => None,
        }
    }

    /// What has come; if nothing has, sleeps until something does.
    fn read(self: &Arc<Self>, size: usize, completion: Box<dyn Completion>) -> Option<u64> {
        if let Some(answer) = self.take(size) {
            completion.complete(answer);
            return None;
        }
        let (desk, outbox) = (self.clone(), self.outbox.clone());
        let finish = move |end: Outcome<()>| match end {
            // Somebody else may have read it: then it is waited for again.
            Outcome::Done(()) => _ = desk.read(size, completion),
            Outcome::Cancelled(Cause::Gone(gone)) => completion.complete(Err(desk.gone_errno(gone.reason))),
            Outcome::Cancelled(Cause::Interrupted) => completion.complete(Err(Errno::INTR)),
            Outcome::Forgotten => completion.complete(Err(Errno::IO)),
        };
        let desk = self.clone();
        self.handle.begin_or_park("read", move |begun| match begun {
            Ok(operation) => {
                let over = || desk.current().is_none_or(|current| current.made.sink().is_none());
                outbox.wait(Request::new(operation, finish), over);
            }
            Err(Refused::Gone(gone)) => finish(Outcome::Cancelled(Cause::Gone(gone))),
            Err(Refused::Interrupted) => finish(Outcome::Cancelled(Cause::Interrupted)),
            Err(Refused::State(_) | Refused::Driver(_)) => finish(Outcome::Forgotten),
        })
    }

    fn gone_errno(&self, reason: Reason) -> Errno {
        match zombie::READ.under(self.handle.shared().contract, reason) {
            Fate::Fails(errno) => errno,
            Fate::Kept | Fate::Zero | Fate::StandIn => Errno::NODEV,
        }
    }

    /// What an ioctl writes to its client's memory, and what it returns.
    fn told(&self, operation: &Operation) -> Result<Told, Errno> {
        match operation {
            Operation::Version { to } => Ok(Told { to: *to, bytes: uapi::VERSION.to_ne_bytes().to_vec(), value: 0 }),
            Operation::Name { to, size } => {
                let current = self.current().ok_or(Errno::NOENT)?;
                name(current.number, *to, *size)
            }
            Operation::Begin { kind, id, to } => {
                let made = self.current().ok_or(Errno::INVAL)?.made;
                Ok(Told { to: *to, bytes: request(*id, made.request(*kind, *id)?), value: 0 })
            }
            _ => Err(Errno::INVAL),
        }
    }
}

/// Something for a client's memory.
struct Told {
    to: u64,
    bytes: Vec<u8>,
    value: i32,
}

/// `uinput_str_to_user`
fn name(number: u32, to: u64, size: usize) -> Result<Told, Errno> {
    let mut bytes = format!("input{number}\0").into_bytes();
    bytes.truncate(size);
    *bytes.last_mut().ok_or(Errno::INVAL)? = 0;
    Ok(Told { to, value: bytes.len() as i32, bytes })
}

/// `struct uinput_ff_upload`, or `struct uinput_ff_erase`.
fn request(id: u32, what: What) -> Vec<u8> {
    let head = [id.to_ne_bytes(), [0; 4]].concat();
    match what {
        What::Upload { effect, old } => {
            let old = old.map_or([0; EFFECT_SIZE], |old| *old.bytes());
            [&head[..], effect.bytes(), &old].concat()
        }
        What::Erase { number } => [head, u32::from(number).to_ne_bytes().to_vec()].concat(),
    }
}

impl OpenFile {
    /// A zombie is found out before anything else is (I15), and nothing is completed from inside the gate.
    fn carry_out(
        &self,
        call: &Call,
        operation: Result<Operation, Errno>,
        memory: Arc<dyn Memory>,
        mut completion: Box<dyn Completion>,
    ) -> Option<u64> {
        let gone = self.handle.gone();
        if let Some(gone) = gone {
            let is_ioctl = matches!(call, Call::Ioctl { .. });
            let terms = zombie::terms(&operation, is_ioctl);
            if let Fate::Fails(errno) = terms.under(self.handle.shared().contract, gone.reason) {
                completion.complete(Err(errno));
                return None;
            }
            if let Ok(Operation::Write(data)) = &operation {
                completion.complete(Ok(Answer::Value(data.len() as i32)));
                return None;
            }
        }
        match operation {
            Err(errno) => completion.complete(Err(errno)),
            Ok(Operation::Read { size }) => return self.desk.read(size, completion),
            Ok(operation @ (Operation::Version { .. } | Operation::Name { .. } | Operation::Begin { .. })) => {
                match self.desk.told(&operation) {
                    Err(errno) => completion.complete(Err(errno)),
                    Ok(Told { to, bytes, value }) => {
                        completion.brought(&|| Some(Payload::Pieces(vec![bytes.clone()])));
                        completion.complete_with(Box::new(move || {
                            memory.write(to, &bytes)?;
                            Ok(Answer::Value(value))
                        }));
                    }
                }
            }
            Ok(operation) => completion.complete(self.desk.carry_out(operation).map(Answer::Value)),
        }
        None
    }
}

impl Drop for OpenFile {
    /// The last close is a surprise removal of what was made. The fence is not waited for here: this may be any thread.
    fn drop(&mut self) {
        self.desk.destroy(Duration::ZERO);
    }
}

impl File for OpenFile {
    fn call(&self, call: Call, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let operation = decode(&call, self.desk.current().is_some(), &*memory);
        completion.arrived(&Words(&call));
        if let Call::Write { data } = &call {
            completion.sent(&|| Some(Payload::Pieces(vec![data.clone()])));
        }
        self.carry_out(&call, operation, memory, completion)
    }

    fn gather(&self, call: &Call, memory: &dyn Memory) {
        if let Call::Ioctl { .. } = call {
            let _ = decode(call, self.desk.current().is_some(), memory);
        }
    }

    fn cancel(&self, number: u64) {
        self.handle.cancel(number);
    }

    /// Always writable (`uinput_poll`), unless it is gone.
    fn poll(&self) -> PollBits {
        let something = !self.desk.outbox.is_empty();
        if self.handle.gone().is_some() { PollBits::ZOMBIE } else { input::zombie::alive(something) }
    }

    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync> {
        Box::new(self.handle.on_gone(wake))
    }

    fn on_news(&self, wake: Arc<dyn Fn() + Send + Sync>) -> Box<dyn Send + Sync> {
        let at_the_end = wake.clone();
        let end = self.handle.on_gone(move |_| at_the_end());
        Box::new((self.desk.outbox.watch(wake), end))
    }

    fn heeds_nonblock(&self) -> bool {
        true
    }

    fn set_nonblock(&self, nonblock: bool) {
        self.desk.nonblock.store(nonblock, Relaxed);
    }

    fn gone(&self) -> Option<Gone> {
        self.handle.gone()
    }

    fn id(&self) -> HandleId {
        self.handle.id()
    }
}
