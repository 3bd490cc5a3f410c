//! The data that goes over the bus with an operation, for those who watch: what `trace` shows. Nothing is copied unless
//! somebody looks.

use super::{
    Message,
    decode::{Decoded, Operation, Reply},
    smbus::{Protocol, Transaction},
    uapi::flag,
};
use crate::Payload;

impl Decoded {
    /// What the client sent to the chip, if its call is valid.
    pub(super) fn sent(&self) -> Option<Payload> {
        let Ok(Operation::Transfer { messages, reply, .. }) = &self.operation else { return None };
        match reply {
            Reply::Read => None,
            Reply::Write(_) => pieces(messages),
            Reply::Rdwr(_) => pieces(messages.iter().filter(|message| message.flags & flag::I2C_M_RD == 0)),
            Reply::Smbus { transaction, .. } if transaction.sends_data() => data(transaction, transaction.sent_data()),
            Reply::Smbus { .. } => None,
        }
    }
}

impl Reply {
    /// What `messages`, which came back, have for the client of an ioctl.
    pub(super) fn brought(&self, messages: &[Message]) -> Option<Payload> {
        match self {
            Reply::Read | Reply::Write(_) => None,
            Reply::Rdwr(to) => {
                pieces(messages.iter().zip(to).filter(|(_, to)| to.is_some()).map(|(message, _)| message))
            }
            Reply::Smbus { transaction, to: Some(_) } if transaction.has_result() => {
                data(transaction, &transaction.result(messages.to_vec()).ok()?)
            }
            Reply::Smbus { .. } => None,
        }
    }
}

fn pieces<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Option<Payload> {
    let pieces: Vec<_> = messages.into_iter().map(|message| message.data.clone()).collect();
    (!pieces.is_empty()).then_some(Payload::Pieces(pieces))
}

/// A transaction's `union i2c_smbus_data`: a byte, a word, or a block after its length.
fn data(transaction: &Transaction, union: &[u8]) -> Option<Payload> {
    match transaction.protocol {
        Protocol::Quick => None,
        Protocol::Byte | Protocol::ByteData => Some(Payload::Number { value: union[0].into(), bytes: 1 }),
        Protocol::WordData | Protocol::ProcCall => {
            Some(Payload::Number { value: u16::from_ne_bytes([union[0], union[1]]).into(), bytes: 2 })
        }
        _ => {
            let (length, block) = union.split_first()?;
            Some(Payload::Pieces(vec![block[..block.len().min((*length).into())].to_vec()]))
        }
    }
}
