//! What one open file of a bus does: `drivers/i2c/i2c-dev.c`, between a front and the gate.

use super::{
    Adapter, Message,
    decode::{Decoded, Operation, Reply, Setting, decode},
    transfer::{BusHandle, End, submit},
    uapi::{flag, func},
    zombie,
};
use crate::{Access, Answer, Call, Completion, Contract, Errno, Fate, File, Memory, OpenFlags, Payload, PollBits};
use outlive::{Cause, Gone, HandleId, Outcome, Reason};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering};

/// What the client has set on its open file: `struct i2c_client`, as far as i2c-dev uses it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Client {
    /// By I2C_SLAVE; 0 before.
    pub(super) address: u16,
    /// By I2C_TENBIT.
    pub(super) ten_bit: bool,
    /// By I2C_PEC.
    pub(super) pec: bool,
}

impl Client {
    /// As an adapter of this functionality has it: who does SMBus by itself, and no PEC, is told of PEC in vain.
    fn on(self, functionality: u32) -> Self {
        Client { pec: self.pec && functionality & (func::I2C_FUNC_I2C | func::I2C_FUNC_SMBUS_PEC) != 0, ..self }
    }

    /// The flags of its messages.
    pub(super) fn flags(self) -> u16 {
        if self.ten_bit { flag::I2C_M_TEN } else { 0 }
    }
}

/// An open file of a bus.
#[derive(Debug)]
pub(super) struct OpenFile {
    handle: BusHandle,
    access: Access,
    client: Mutex<Client>,
}

impl OpenFile {
    pub(super) fn new(handle: BusHandle, flags: OpenFlags) -> Self {
        OpenFile { handle, access: flags.access, client: Mutex::default() }
    }

    fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that comes after the arrival. A zombie is found out before anything else is (I15). Nothing is
    /// completed from inside the gate: whoever hears of it may unplug the device.
    fn carry_out(&self, decoded: Decoded, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let guard = match self.handle.enter() {
            Ok(guard) => guard,
            Err(gone) => {
                self.answer_for_zombie(gone.reason, decoded, memory, completion);
                return None;
            }
        };
        if !decoded.is_within(guard.functionality()) {
            drop(guard);
            completion.complete(Err(Errno::OPNOTSUPP));
            return None;
        }
        let answer = match decoded.operation {
            Ok(Operation::Transfer { kind, messages, reply }) => {
                drop(guard);
                return Transaction { kind, reply, memory, completion }.submit(&self.handle, messages);
            }
            Ok(Operation::Functionality { to }) => {
                let functionality = guard.functionality();
                drop(guard);
                tell_functionality(functionality, to, &*memory, &mut *completion)
            }
            Ok(Operation::Set(setting)) => {
                let answer = self.set(setting, Some(&**guard));
                drop(guard);
                answer
            }
            Err(errno) => {
                drop(guard);
                Err(errno)
            }
        };
        completion.complete(answer);
        None
    }

    /// As the contract of the bus has it, which is gone.
    fn answer_for_zombie(
        &self,
        reason: Reason,
        decoded: Decoded,
        memory: Arc<dyn Memory>,
        mut completion: Box<dyn Completion>,
    ) {
        let shared = self.handle.shared();
        let fate = zombie::terms(&decoded.operation).under(shared.contract, reason);
        if let Fate::Fails(errno) = fate {
            return completion.complete(Err(errno));
        }
        if !decoded.is_within(shared.functionality) {
            return completion.complete(Err(Errno::OPNOTSUPP));
        }
        let answer = match decoded.operation {
            Ok(Operation::Transfer { kind, messages, reply }) => {
                let transaction = Transaction { kind, reply, memory, completion };
                return transaction.leave_to_stand_in(&self.handle, messages);
            }
            Ok(Operation::Functionality { to }) => {
                let functionality = if fate == Fate::Zero { 0 } else { shared.functionality };
                if fate == Fate::Zero {
                    completion.hollow();
                }
                tell_functionality(functionality, to, &*memory, &mut *completion)
            }
            Ok(Operation::Set(setting)) => self.set(setting, None),
            Err(errno) => Err(errno),
        };
        completion.complete(answer);
    }

    /// Sets something, on the file or on the adapter, if that is there.
    fn set(&self, setting: Setting, adapter: Option<&dyn Adapter>) -> Result<Answer, Errno> {
        let shared = self.handle.shared();
        match setting {
            Setting::Address { address, force } => {
                if !force && adapter.is_some_and(|adapter| adapter.is_claimed(address)) {
                    return Err(Errno::BUSY);
                }
                self.client().address = address;
            }
            Setting::TenBit(ten_bit) => self.client().ten_bit = ten_bit,
            Setting::Pec(pec) => self.client().pec = pec,
            Setting::Retries(retries) => shared.retries.store(retries, Ordering::Relaxed),
            Setting::Timeout(timeout) => shared.timeout.store(timeout, Ordering::Relaxed),
        }
        Ok(Answer::Value(0))
    }
}

/// Answers I2C_FUNCS, by an `unsigned long`.
fn tell_functionality(
    functionality: u32,
    to: u64,
    memory: &dyn Memory,
    completion: &mut dyn Completion,
) -> Result<Answer, Errno> {
    let functionality = u64::from(functionality);
    completion.brought(&|| Some(Payload::Number { value: functionality, bytes: 4 }));
    memory.write(to, &functionality.to_ne_bytes()).map(|()| Answer::Value(0)).map_err(Errno::from)
}

/// A transfer of a client's, and where its answer goes.
struct Transaction {
    kind: &'static str,
    reply: Reply,
    memory: Arc<dyn Memory>,
    completion: Box<dyn Completion>,
}

impl Transaction {
    /// Hands it over. The result is its number, by which it can be cancelled.
    fn submit(self, handle: &BusHandle, messages: Vec<Message>) -> Option<u64> {
        let (kind, origin) = (self.kind, handle.uncounted());
        // Only what is to be done once more is kept.
        let again = (handle.shared().contract == Contract::Linux).then(|| messages.clone());
        submit(handle, kind, messages, move |end| match (end, again) {
            // Linux would not have interrupted it.
            (Outcome::Cancelled(Cause::Gone(gone)), Some(messages))
                if zombie::TRANSFERS.under(Contract::Linux, gone.reason) == Fate::StandIn =>
            {
                self.leave_to_stand_in(&origin, messages);
            }
            (end, _) => self.finish(origin.shared().contract, end),
        })
    }

    fn leave_to_stand_in(self, zombie: &BusHandle, messages: Vec<Message>) {
        zombie.shared().stand_in.when_here(move |handle| match handle {
            Some(handle) => _ = submit(handle, self.kind, messages, move |end| self.finish(Contract::Linux, end)),
            None => self.completion.complete(Err(Errno::IO)),
        });
    }

    fn finish(self, contract: Contract, end: End) {
        let Transaction { reply, memory, mut completion, .. } = self;
        let errno = match end {
            Outcome::Done(Ok(messages)) => {
                completion.brought(&|| reply.brought(&messages));
                return completion.complete_with(Box::new(move || reply.deliver(messages, &*memory)));
            }
            Outcome::Done(Err(error)) => error.into(),
            Outcome::Cancelled(Cause::Gone(gone)) => match zombie::TRANSFERS.under(contract, gone.reason) {
                Fate::Fails(errno) => errno,
                Fate::Kept | Fate::Zero | Fate::StandIn => Errno::NODEV,
            },
            Outcome::Cancelled(Cause::Interrupted) => Errno::INTR,
            Outcome::Forgotten => Errno::IO,
        };
        completion.complete(Err(errno));
    }
}

impl Reply {
    /// Gives the client what a transfer that succeeded brought.
    fn deliver(self, mut messages: Vec<Message>, memory: &dyn Memory) -> Result<Answer, Errno> {
        match self {
            Reply::Read => Ok(Answer::Data(messages.pop().map(|message| message.data).unwrap_or_default())),
            Reply::Write(size) => Ok(Answer::Value(size as i32)),
            Reply::Rdwr(to) => {
                // From the last to the first, and none after one that fails, as Linux does. To copy nothing never fails.
                for (message, to) in messages.iter().zip(&to).rev() {
                    if let (Some(to), false) = (to, message.data.is_empty()) {
                        memory.write(*to, &message.data)?;
                    }
                }
                Ok(Answer::Value(messages.len() as i32))
            }
            Reply::Smbus { transaction, to } => {
                let data = transaction.result(messages)?;
                if let Some(to) = to {
                    memory.write(to, &data)?;
                }
                Ok(Answer::Value(0))
            }
        }
    }
}

impl File for OpenFile {
    fn call(&self, call: Call, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let client = self.client().on(self.handle.shared().functionality);
        let decoded = decode(call, self.access, client, &*memory);
        completion.arrived(&decoded.what);
        completion.sent(&|| decoded.sent());
        self.carry_out(decoded, memory, completion)
    }

    fn gather(&self, call: &Call, memory: &dyn Memory) {
        if let Call::Ioctl { .. } = call {
            drop(decode(call.clone(), self.access, *self.client(), memory));
        }
    }

    fn cancel(&self, number: u64) {
        self.handle.cancel(number);
    }

    fn poll(&self) -> PollBits {
        // i2c-dev has no poll operation, so alive it says what the kernel says for such a driver.
        match self.handle.gone() {
            Some(_) => zombie::poll(self.handle.shared().contract),
            None => PollBits::ALWAYS_READY,
        }
    }

    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync> {
        if self.handle.shared().contract == Contract::Linux {
            // What has no poll operation wakes nobody.
            return Box::new(());
        }
        Box::new(self.handle.on_gone(wake))
    }

    fn gone(&self) -> Option<Gone> {
        self.handle.gone()
    }

    fn id(&self) -> HandleId {
        self.handle.id()
    }
}
