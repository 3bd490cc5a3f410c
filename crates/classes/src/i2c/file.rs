//! What one open file of a bus does: `drivers/i2c/i2c-dev.c`, between a front and the gate.

use super::{
    Adapter, Message,
    decode::{Decoded, Operation, Reply, Setting, decode},
    transfer::{BusHandle, submit},
    uapi::{flag, func},
};
use crate::{Access, Answer, Call, Completion, Errno, File, Memory, OpenFlags, Payload, PollBits};
use outlive::{Gone, HandleId};
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

    /// Everything that comes after the arrival. A zombie says ENODEV before it says anything else (I15). Nothing is
    /// completed from inside the gate: whoever hears of it may unplug the device.
    fn carry_out(&self, decoded: Decoded, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let Ok(guard) = self.handle.enter() else {
            completion.complete(Err(Errno::NODEV));
            return None;
        };
        if decoded.needs_plain && guard.functionality() & func::I2C_FUNC_I2C == 0 {
            drop(guard);
            completion.complete(Err(Errno::OPNOTSUPP));
            return None;
        }
        let answer = match decoded.operation {
            Ok(Operation::Transfer { kind, messages, reply }) => {
                drop(guard);
                let finish = move |result: Result<Vec<Message>, _>| match result {
                    Ok(messages) => {
                        completion.brought(&|| reply.brought(&messages));
                        completion.complete_with(Box::new(move || reply.deliver(messages, &*memory)));
                    }
                    Err(errno) => completion.complete(Err(errno)),
                };
                return submit(&self.handle, kind, messages, finish);
            }
            Ok(Operation::Functionality { to }) => {
                // `unsigned long`
                let functionality = u64::from(guard.functionality());
                drop(guard);
                completion.brought(&|| Some(Payload::Number { value: functionality, bytes: 4 }));
                memory.write(to, &functionality.to_ne_bytes()).map(|()| Answer::Value(0)).map_err(Errno::from)
            }
            Ok(Operation::Set(setting)) => {
                let answer = self.set(setting, &**guard);
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

    /// Sets something, on the file or on the adapter.
    fn set(&self, setting: Setting, adapter: &dyn Adapter) -> Result<Answer, Errno> {
        let shared = self.handle.shared();
        match setting {
            Setting::Address { address, force } => {
                if !force && adapter.is_claimed(address) {
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
        let client = *self.client();
        let decoded = decode(call, self.access, client, &*memory);
        completion.arrived(&decoded.what);
        completion.sent(&|| decoded.sent());
        self.carry_out(decoded, memory, completion)
    }

    fn cancel(&self, number: u64) {
        self.handle.cancel(number);
    }

    fn poll(&self) -> PollBits {
        // i2c-dev has no poll operation, so alive it says what the kernel says for such a driver.
        if self.handle.gone().is_some() { PollBits::ZOMBIE } else { PollBits::ALWAYS_READY }
    }

    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync> {
        Box::new(self.handle.on_gone(wake))
    }

    fn gone(&self) -> Option<Gone> {
        self.handle.gone()
    }

    fn id(&self) -> HandleId {
        self.handle.id()
    }
}
