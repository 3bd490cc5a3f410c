//! The answers that clients are owed, by the two roads that their calls come by.

use super::{
    plain::Settling,
    position::Course,
    trap::{Buffer, Place},
};
use crate::{
    front::{
        flight::{self, is_being_killed},
        open_file::value_body,
    },
    fuse::channel::Reply,
    sys::seccomp::{Listener, TrappedMemory},
};
use outlive_classes::{Answer, Errno, Memory};
use std::sync::Arc;

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
    /// Where it goes, in a file with a position.
    pub(super) course: Option<Course>,
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

impl flight::Owed for Owed {
    type Id = FlightId;

    fn hears_of_signals(&self) -> bool {
        // Of the death of a client whose call was trapped nobody tells us.
        matches!(self, Owed::Fuse(_))
    }

    fn copies_reads(&self) -> bool {
        matches!(self, Owed::Trap(_))
    }

    fn is_dying(&self, pid: u32) -> bool {
        match self {
            Owed::Fuse(_) => is_being_killed(pid),
            // A signal that ends the client ends its waiting, unless it was about to look at another one.
            Owed::Trap(trapped) => !trapped.listener.is_valid(trapped.id) || is_being_killed(pid),
        }
    }

    fn give(self, name: &str, room: usize, answer: Result<Answer, Errno>) {
        match self {
            Owed::Fuse(reply) => match answer {
                Err(errno) => reply.error(errno),
                Ok(Answer::Data(data)) => reply.bytes(&data[..data.len().min(room)]),
                Ok(Answer::Value(value)) => reply.bytes(&value_body(name, value)),
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
                if let (Ok(moved), Some(course)) = (&result, &trapped.course) {
                    course.end(moved.cast_unsigned());
                }
                // Before the answer: the next poll comes after.
                trapped.settling.take().into_iter().for_each(|settling| settling.settle());
                trapped.answer(result);
            }
        }
    }
}
