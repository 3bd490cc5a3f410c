//! What the client of a command gets: its result, and what is written to its memory, also where it failed.

use super::{Done, Found, uapi::ReadRequest};
use crate::{Answer, Errno, Memory, Payload};

/// What becomes of an answer of the flash.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Reply {
    /// What was read, however much of it could not be corrected: a reader sees that by `ECCGETSTATS`.
    Data,
    /// How many bytes were written.
    Count(usize),
    /// Zero.
    Zero,
    /// Whether it is so.
    Is,
    /// Spare bytes to `to`, and how many to `count`.
    SpareRead { to: u64, count: u64 },
    /// How many spare bytes were written to `count`; none if it failed.
    SpareWritten { count: u64, length: u32 },
    /// What a [`ReadRequest`] asked for.
    Request(Requested),
}

/// A `MEMREAD` under way.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Requested {
    /// Where the request is.
    pub(super) to: u64,
    /// As it came.
    pub(super) request: ReadRequest,
    /// Bytes of the first page that were read but not asked for.
    pub(super) skip: usize,
}

impl Reply {
    /// What `done` has for the client of an ioctl.
    pub(super) fn brought(&self, done: &Done) -> Option<Payload> {
        match (self, done) {
            (Reply::SpareRead { .. }, Done::Read(found)) => Some(Payload::Pieces(vec![found.spare.clone()])),
            (Reply::Request(requested), Done::Read(found)) => {
                let pieces = [&found.data[requested.skip.min(found.data.len())..], &found.spare];
                Some(Payload::Pieces(pieces.into_iter().filter(|it| !it.is_empty()).map(<[u8]>::to_vec).collect()))
            }
            _ => None,
        }
    }

    /// Gives the client what a command that succeeded brought.
    pub(super) fn deliver(self, done: Done, memory: &dyn Memory) -> Result<Answer, Errno> {
        match (self, done) {
            (Reply::Data, Done::Read(found)) => Ok(Answer::Data(found.data)),
            (Reply::Count(count), _) => Ok(Answer::Value(count as i32)),
            (Reply::Zero, _) => Ok(Answer::Value(0)),
            (Reply::Is, Done::Is(is)) => Ok(Answer::Value(is.into())),
            (Reply::SpareRead { to, count }, Done::Read(found)) => {
                memory.write(count, &(found.spare.len() as u32).to_ne_bytes())?;
                memory.write(to, &found.spare)?;
                Ok(Answer::Value(0))
            }
            (Reply::SpareWritten { count, length }, _) => {
                memory.write(count, &length.to_ne_bytes())?;
                Ok(Answer::Value(0))
            }
            (Reply::Request(requested), Done::Read(found)) => requested.deliver(&found, memory),
            // What a flash answers has been checked; this is none.
            (Reply::Data | Reply::Is | Reply::SpareRead { .. } | Reply::Request(_), _) => Err(Errno::IO),
        }
    }

    /// Tells the client's memory that nothing was done, where Linux does, and the client why.
    pub(super) fn fail(self, errno: Errno, memory: &dyn Memory) -> Result<Answer, Errno> {
        match self {
            Reply::SpareRead { count, .. } | Reply::SpareWritten { count, .. } => memory.write(count, &[0; 4])?,
            Reply::Request(requested) => memory.write(requested.to, &requested.request.untouched().bytes())?,
            Reply::Data | Reply::Count(_) | Reply::Zero | Reply::Is => {}
        }
        Err(errno)
    }
}

impl Requested {
    /// The end of `mtdchar_read_ioctl` of `drivers/mtd/mtdchar.c`: the request is written back with what was done of it.
    fn deliver(self, found: &Found, memory: &dyn Memory) -> Result<Answer, Errno> {
        let data = found.data.get(self.skip..).unwrap_or_default();
        let asked = self.request.request;
        let copied = (data.is_empty() || memory.write(asked.usr_data, data).is_ok())
            && (found.spare.is_empty() || memory.write(asked.usr_oob, &found.spare).is_ok());
        let (data, spare) = if copied { (data.len() as u64, found.spare.len() as u64) } else { (0, 0) };
        let mut done = self.request.untouched();
        done.request.start = asked.start.wrapping_add(data);
        done.request.len = done.request.len.wrapping_add(data);
        done.request.ooblen = done.request.ooblen.wrapping_add(spare);
        done.ecc_stats = [found.failed, found.corrected, found.worst];
        memory.write(self.to, &done.bytes())?;
        match found {
            _ if !copied => Err(Errno::FAULT),
            found if found.is_spoilt() => Err(Errno::BADMSG),
            found if found.corrected > 0 => Err(Errno::UCLEAN),
            _ => Ok(Answer::Value(0)),
        }
    }
}

impl ReadRequest {
    /// As it is written back when nothing was read: what was asked for less what is left of it, of which only 32 bits were
    /// looked at.
    pub(super) fn untouched(&self) -> Self {
        let left = |length: u64, pointer: u64| if pointer == 0 { 0 } else { length & 0xffff_ffff };
        let mut request = self.request;
        request.len -= left(request.len, request.usr_data);
        request.ooblen -= left(request.ooblen, request.usr_oob);
        ReadRequest { request, ecc_stats: [0; 3] }
    }
}
