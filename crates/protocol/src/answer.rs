//! What may be answered to an operation, and what an answer means.

use crate::{
    Header, Kind, Reply, Request, Violation,
    cursor::Cursor,
    i2c,
    limits::TPM_MAX,
    mtd,
    status::{self, CANCELLED, OK},
    tpm,
};
use outlive_classes::{
    i2c::{Error as I2cError, Message, uapi::flag},
    mtd::{Command, Done, Error as MtdError, Fault},
    tpm::Error as TpmError,
};

/// What was asked for, so far as the answer depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// A transfer of these messages.
    Transfer(Vec<Message>),
    /// So many bytes of flash, and so many to spare.
    Read {
        /// Of the main area.
        length: usize,
        /// To spare.
        spare: usize,
    },
    /// That a flash does something.
    Work(Kind),
    /// Yes or no.
    Question(Kind),
    /// How many blocks are bad.
    Count,
    /// The response of a TPM.
    Response,
}

impl Asked {
    /// What `request` asks for.
    pub fn of(request: &Request) -> Asked {
        let command = match request {
            Request::I2c(messages) => return Asked::Transfer(messages.clone()),
            Request::Tpm(_) => return Asked::Response,
            Request::Mtd(command) => command,
        };
        match command {
            Command::Read { length, spare, .. } => Asked::Read { length: *length, spare: spare.length as usize },
            Command::Program { .. } => Asked::Work(Kind::Program),
            Command::Erase { .. } => Asked::Work(Kind::Erase),
            Command::Lock { lock: true, .. } => Asked::Work(Kind::Lock),
            Command::Lock { lock: false, .. } => Asked::Work(Kind::Unlock),
            Command::MarkBad { .. } => Asked::Work(Kind::MarkBad),
            Command::IsLocked { .. } => Asked::Question(Kind::IsLocked),
            Command::IsBad { .. } => Asked::Question(Kind::IsBad),
            Command::BadBlocks { .. } => Asked::Count,
        }
    }

    /// The type of its operation.
    pub fn kind(&self) -> Kind {
        match self {
            Asked::Transfer(_) => Kind::Transfer,
            Asked::Read { .. } => Kind::Read,
            Asked::Work(kind) | Asked::Question(kind) => *kind,
            Asked::Count => Kind::BadBlocks,
            Asked::Response => Kind::Command,
        }
    }

    /// The most bytes of data that the answer may have.
    pub fn limit(&self) -> usize {
        match self {
            Asked::Transfer(messages) => i2c::read_limit(messages),
            Asked::Read { length, spare } => length.saturating_add(*spare),
            Asked::Response => TPM_MAX,
            Asked::Work(_) | Asked::Question(_) | Asked::Count => 0,
        }
    }

    /// Whether its class has this status.
    pub(crate) fn has_status(&self, number: u32) -> bool {
        let is_error = match self {
            Asked::Transfer(_) => status::i2c(number).is_some(),
            Asked::Response => status::tpm(number).is_some(),
            _ => status::mtd(number).is_some(),
        };
        is_error || matches!(number, OK | CANCELLED)
    }

    /// Whether an answer of success brings exactly so much data as can be asked for.
    fn is_exact(&self) -> bool {
        !matches!(self, Asked::Transfer(_) | Asked::Response)
    }

    /// Checks what can be checked before the data is there.
    pub(crate) fn check(&self, header: Header, limit: u32) -> Result<(), Violation> {
        let Header { kind, number, status, data } = header;
        let asked = self.kind();
        if kind != asked.answer() {
            return Err(Violation::Kind { number, asked, answered: kind });
        }
        if !self.has_status(status) {
            return Err(Violation::Status { number, status });
        }
        if data > limit {
            return Err(Violation::Limit { number, limit, is: data });
        }
        let wanted = if status == OK { self.limit() as u64 } else { 0 };
        if (status != OK || self.is_exact()) && u64::from(data) != wanted {
            return Err(Violation::Size { number, wanted, is: data.into() });
        }
        Ok(())
    }

    /// What an answer that has been checked means.
    pub(crate) fn reply(self, header: Header, body: &[u8], data: Vec<u8>) -> Result<Reply, Violation> {
        let Header { number, status, .. } = header;
        if status != OK {
            return self.failure(status, body);
        }
        let cursor = Cursor::new(body);
        match self {
            Asked::Transfer(messages) => {
                i2c::answer(number, messages, body, &data).map(|messages| Reply::I2c(Ok(messages)))
            }
            Asked::Response => {
                cursor.end()?;
                match tpm::is_whole(&data) {
                    true => Ok(Reply::Tpm(Ok(data))),
                    false => {
                        let (wanted, is) = (tpm::length(&data).unwrap_or(tpm::HEADER as u32).into(), data.len() as u64);
                        Err(Violation::Size { number, wanted, is })
                    }
                }
            }
            Asked::Read { length, .. } => mtd::found(body, length, data).map(|found| Reply::Mtd(Ok(Done::Read(found)))),
            Asked::Work(_) => cursor.end().map(|()| Reply::Mtd(Ok(Done::Nothing))),
            Asked::Question(_) => match word(cursor)? {
                value @ (0 | 1) => Ok(Reply::Mtd(Ok(Done::Is(value == 1)))),
                _ => Err(Violation::Value(number)),
            },
            Asked::Count => word(cursor).map(|count| Reply::Mtd(Ok(Done::Count(count)))),
        }
    }

    fn failure(&self, number: u32, body: &[u8]) -> Result<Reply, Violation> {
        let mut cursor = Cursor::new(body);
        let reply = match self {
            _ if number == CANCELLED => Reply::Cancelled,
            Asked::Transfer(_) => Reply::I2c(Err(status::i2c(number).unwrap_or(I2cError::Io))),
            Asked::Response => Reply::Tpm(Err(status::tpm(number).unwrap_or(TpmError::Io))),
            _ => {
                let at = Some(cursor.u64()?).filter(|at| *at != mtd::NOWHERE);
                Reply::Mtd(Err(MtdError { fault: status::mtd(number).unwrap_or(Fault::Io), at }))
            }
        };
        cursor.end()?;
        Ok(reply)
    }

    /// How `reply` travels: status, body and data. What is no answer to this becomes an error, as the class would make
    /// of it.
    pub(crate) fn pack(&self, reply: Reply) -> (u32, Vec<u8>, Vec<u8>) {
        let none = Vec::new;
        match (self, reply) {
            (_, Reply::Cancelled) => (CANCELLED, none(), none()),
            (Asked::Transfer(asked), Reply::I2c(Ok(answered))) => match i2c::put_answer(asked, &answered) {
                Some((body, data)) => (OK, body, data),
                None if has_long_block(asked, &answered) => (status::PROTOCOL, none(), none()),
                None => (status::IO, none(), none()),
            },
            (Asked::Transfer(_), Reply::I2c(Err(error))) => (status::of_i2c(error), none(), none()),
            (Asked::Response, Reply::Tpm(Ok(response))) if response.len() <= TPM_MAX && tpm::is_whole(&response) => {
                (OK, none(), response)
            }
            (Asked::Response, Reply::Tpm(Err(error))) => (status::of_tpm(error), none(), none()),
            (Asked::Transfer(_) | Asked::Response, _) => (status::IO, none(), none()),
            (_, Reply::Mtd(Err(error))) => failed(error),
            (Asked::Read { length, spare }, Reply::Mtd(Ok(Done::Read(found))))
                if (found.data.len(), found.spare.len()) == (*length, *spare) =>
            {
                let (body, data) = mtd::put_found(found);
                (OK, body, data)
            }
            (Asked::Work(_), Reply::Mtd(Ok(Done::Nothing))) => (OK, none(), none()),
            (Asked::Question(_), Reply::Mtd(Ok(Done::Is(is)))) => (OK, u32::from(is).to_le_bytes().into(), none()),
            (Asked::Count, Reply::Mtd(Ok(Done::Count(count)))) => (OK, count.to_le_bytes().into(), none()),
            _ => failed(Fault::Io.into()),
        }
    }
}

fn failed(error: MtdError) -> (u32, Vec<u8>, Vec<u8>) {
    let at = error.at.unwrap_or(mtd::NOWHERE);
    (status::of_mtd(error.fault), at.to_le_bytes().into(), Vec::new())
}

fn word(mut cursor: Cursor<'_>) -> Result<u32, Violation> {
    let word = cursor.u32()?;
    cursor.end().map(|()| word)
}

/// Whether a chip announced a block that is none.
fn has_long_block(asked: &[Message], answered: &[Message]) -> bool {
    let long = |(asked, answered): (&Message, &Message)| {
        asked.flags & flag::I2C_M_RECV_LEN != 0
            && answered.data.first().is_some_and(|&length| usize::from(length) > crate::limits::BLOCK_MAX)
    };
    asked.iter().zip(answered).any(long)
}
