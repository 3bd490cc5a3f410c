//! What a call brings, before it is written to its client's memory.

use super::{Buffer, sleep::Ticket};
use crate::{Answer, Completion, Errno, Memory, Payload};
use std::sync::Arc;

/// What is to be written, and where.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    /// The argument's structure; empty: it stays as it was.
    pub(super) record: Vec<u8>,
    /// What it points to.
    pub(super) arrays: Vec<(u64, Vec<u8>)>,
    /// A buffer that its client shall have a descriptor of, whose number is to be put into the record at this place.
    pub(super) lend: Option<Lend>,
}

/// See [`Reply::lend`].
#[derive(Clone, Debug)]
pub(super) struct Lend {
    pub(super) buffer: Arc<Buffer>,
    pub(super) writable: bool,
    pub(super) close_on_exec: bool,
    /// Where the record has its number.
    pub(super) place: usize,
}

/// How a call goes on.
#[derive(Debug)]
pub(super) enum Carried {
    Reply(Reply),
    /// It is answered when that comes.
    Sleeps(Ticket),
}

impl Reply {
    pub(super) fn of(record: Vec<u8>) -> Self {
        Reply { record, ..Reply::default() }
    }

    /// As many of these numbers at `to` as its client has room for.
    pub(super) fn fitting(mut self, to: u64, room: u32, numbers: &[u32]) -> Self {
        let count = numbers.len().min(room as usize);
        self.arrays.push((to, numbers[..count].iter().flat_map(|number| number.to_ne_bytes()).collect()));
        self
    }

    /// These bytes at `to`, if its client has `room` for all of the `count` things that they are.
    pub(super) fn whole(mut self, to: u64, room: u32, count: usize, bytes: Vec<u8>) -> Self {
        if room as usize >= count {
            self.arrays.push((to, bytes));
        }
        self
    }

    /// Writes it, and answers: `length` bytes of the record at `at`. The arrays come first, as in the kernel.
    pub(super) fn deliver(self, at: u64, length: usize, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) {
        completion.brought(&|| self.payload(length));
        completion.complete_with(Box::new(move || self.write(at, length, &*memory)));
    }

    fn payload(&self, length: usize) -> Option<Payload> {
        let record = self.record[..self.record.len().min(length)].to_vec();
        let arrays = self.arrays.iter().map(|(_, bytes)| bytes.clone());
        let pieces: Vec<_> = [record].into_iter().chain(arrays).filter(|piece| !piece.is_empty()).collect();
        (!pieces.is_empty()).then_some(Payload::Pieces(pieces))
    }

    fn write(mut self, at: u64, length: usize, memory: &dyn Memory) -> Result<Answer, Errno> {
        for (to, bytes) in self.arrays.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            memory.write(*to, bytes)?;
        }
        if let Some(Lend { buffer, writable, close_on_exec, place }) = self.lend {
            let number = memory.lend(&*buffer.memory, writable, close_on_exec)?;
            self.record[place..place + 4].copy_from_slice(&number.to_ne_bytes());
        }
        // What a client says is longer than what we know is zero at the end.
        let known = self.record.len().min(length);
        if known > 0 {
            self.record.resize(length, 0);
            memory.write(at, &self.record)?;
        }
        Ok(Answer::Value(0))
    }
}
