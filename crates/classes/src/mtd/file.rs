//! What one open file of a flash does: `drivers/mtd/mtdchar.c`, between a front and the gate.

use super::{
    Command,
    decode::{Client, Decoded, FileMode, Operation, Refusal, decode},
    order::{End, FlashHandle, submit},
    reply::Reply,
    zombie,
};
use crate::{Access, Answer, Call, Completion, Contract, Errno, Fate, File, Memory, OpenFlags, Payload, PollBits};
use outlive::{Cause, Gone, HandleId, Outcome};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An open file of a flash. Who calls it keeps its position.
#[derive(Debug)]
pub(super) struct OpenFile {
    handle: FlashHandle,
    access: Access,
    mode: Mutex<FileMode>,
}

impl OpenFile {
    pub(super) fn new(handle: FlashHandle, flags: OpenFlags) -> Self {
        OpenFile { handle, access: flags.access, mode: Mutex::default() }
    }

    fn mode(&self) -> MutexGuard<'_, FileMode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decode(&self, call: Call, memory: &dyn Memory) -> Decoded {
        let client = Client { access: self.access, mode: *self.mode(), shared: self.handle.shared(), memory };
        decode(call, &client)
    }

    /// Everything that comes after the arrival. A zombie is found out before anything else is (I15). Nothing is completed
    /// from inside the gate: whoever hears of it may unplug the device.
    fn carry_out(
        &self,
        operation: Result<Operation, Refusal>,
        memory: Arc<dyn Memory>,
        mut completion: Box<dyn Completion>,
    ) -> Option<u64> {
        let contract = self.handle.shared().contract();
        let gone = self.handle.gone();
        if let Some(Fate::Fails(errno)) = gone.map(|gone| zombie::terms(&operation).under(contract, gone.reason)) {
            completion.complete(Err(errno));
            return None;
        }
        let answer = match operation {
            Ok(Operation::Order { command, reply }) => {
                let transaction = Transaction { reply, memory, completion };
                if gone.is_some() {
                    transaction.leave_to_stand_in(&self.handle, command);
                    return None;
                }
                return transaction.submit(&self.handle, command);
            }
            Ok(Operation::Tell { to, bytes }) => tell(to, bytes, &*memory, &mut *completion),
            Ok(Operation::Statistics { to }) => {
                tell(to, self.handle.shared().statistics.bytes(), &*memory, &mut *completion)
            }
            Ok(Operation::Mode { mode, answer }) => {
                *self.mode() = mode;
                answer.map(|()| Answer::Value(0))
            }
            Ok(Operation::Partition(change)) => {
                let shared = self.handle.shared();
                let partitions = shared.partitions.as_deref().ok_or(Errno::OPNOTSUPP);
                partitions.and_then(|it| change.carry_out(it, shared.number().value())).map(|()| Answer::Value(0))
            }
            Ok(Operation::Nothing(answer)) => Ok(answer),
            Err(Refusal { errno, tells }) => Err(match tells.map(|(to, bytes)| memory.write(to, &bytes)) {
                Some(Err(fault)) => fault.into(),
                Some(Ok(())) | None => errno,
            }),
        };
        completion.complete(answer);
        None
    }
}

fn tell(to: u64, bytes: Vec<u8>, memory: &dyn Memory, completion: &mut dyn Completion) -> Result<Answer, Errno> {
    completion.brought(&|| Some(Payload::Pieces(vec![bytes.clone()])));
    memory.write(to, &bytes)?;
    Ok(Answer::Value(0))
}

/// A command of a client's, and where its answer goes.
struct Transaction {
    reply: Reply,
    memory: Arc<dyn Memory>,
    completion: Box<dyn Completion>,
}

impl Transaction {
    /// Hands it over. The result is its number, by which it can be cancelled.
    fn submit(self, handle: &FlashHandle, command: Command) -> Option<u64> {
        let origin = handle.uncounted();
        // Only what is to be done once more is kept.
        let again = (handle.shared().contract() == Contract::Linux).then(|| command.clone());
        submit(handle, command, move |end| match (end, again) {
            // Linux would not have interrupted it.
            (Outcome::Cancelled(Cause::Gone(_)), Some(command)) => self.leave_to_stand_in(&origin, command),
            (end, _) => self.finish(origin.shared().contract(), end),
        })
    }

    fn leave_to_stand_in(self, zombie: &FlashHandle, command: Command) {
        zombie.shared().stand_in.when_here(move |handle| match handle {
            Some(handle) => _ = submit(handle, command, move |end| self.finish(Contract::Linux, end)),
            None => self.completion.complete(Err(Errno::IO)),
        });
    }

    fn finish(self, contract: Contract, end: End) {
        let Transaction { reply, memory, mut completion } = self;
        let errno = match end {
            Outcome::Done(Ok(done)) => {
                completion.brought(&|| reply.brought(&done));
                return completion.complete_with(Box::new(move || reply.deliver(done, &*memory)));
            }
            Outcome::Done(Err(error)) => {
                let errno = error.fault.into();
                return completion.complete_with(Box::new(move || reply.fail(errno, &*memory)));
            }
            Outcome::Cancelled(Cause::Gone(gone)) => match zombie::ORDERS.under(contract, gone.reason) {
                Fate::Fails(errno) => errno,
                Fate::Kept | Fate::Zero | Fate::StandIn => Errno::NODEV,
            },
            Outcome::Cancelled(Cause::Interrupted) => Errno::INTR,
            Outcome::Forgotten => Errno::IO,
        };
        completion.complete(Err(errno));
    }
}

impl Decoded {
    /// What the client sent to the flash, if its call is valid.
    fn sent(&self) -> Option<Payload> {
        let Ok(Operation::Order { command: Command::Program { data, spare, .. }, .. }) = &self.operation else {
            return None;
        };
        Some(Payload::Pieces([data, spare].into_iter().filter(|it| !it.is_empty()).cloned().collect()))
    }
}

impl File for OpenFile {
    fn call(&self, call: Call, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let decoded = self.decode(call, &*memory);
        completion.arrived(&decoded.what);
        completion.sent(&|| decoded.sent());
        self.carry_out(decoded.operation, memory, completion)
    }

    fn gather(&self, call: &Call, memory: &dyn Memory) {
        if let Call::Ioctl { .. } = call {
            drop(self.decode(call.clone(), memory));
        }
    }

    fn cancel(&self, number: u64) {
        self.handle.cancel(number);
    }

    fn poll(&self) -> PollBits {
        // mtdchar has no poll operation, so alive it says what the kernel says for such a driver.
        match self.handle.gone() {
            Some(_) => zombie::poll(self.handle.shared().contract()),
            None => PollBits::ALWAYS_READY,
        }
    }

    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync> {
        if self.handle.shared().contract() == Contract::Linux {
            // What has no poll operation wakes nobody.
            return Box::new(());
        }
        Box::new(self.handle.on_gone(wake))
    }

    fn size(&self) -> u64 {
        self.handle.shared().geometry().size
    }

    fn gone(&self) -> Option<Gone> {
        self.handle.gone()
    }

    fn id(&self) -> HandleId {
        self.handle.id()
    }
}
