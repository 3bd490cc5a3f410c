//! What of i2c is in frames: the adapter, a transfer, and its answer.

use crate::{
    Device, Violation,
    cursor::{Cursor, text},
    limits::{BLOCK_MAX, CLAIMS_MAX, MESSAGES_MAX},
};
use outlive_classes::i2c::{
    Claim, Message,
    uapi::{MAX_LENGTH, flag},
};

/// The bytes of a claim's chip and of its driver.
const WORD: usize = 24;

pub(crate) fn put_adapter(body: &mut Vec<u8>, functionality: u32, claims: &[Claim]) {
    body.extend(functionality.to_le_bytes());
    body.extend((claims.len() as u32).to_le_bytes());
    for claim in claims {
        body.extend(claim.address.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        put_word(body, &claim.chip);
        put_word(body, &claim.driver);
    }
}

fn put_word(body: &mut Vec<u8>, word: &str) {
    let mut bytes = [0; WORD];
    for (byte, of) in bytes.iter_mut().zip(word.bytes()) {
        *byte = of;
    }
    body.extend(bytes);
}

pub(crate) fn adapter(cursor: &mut Cursor<'_>) -> Result<Device, Violation> {
    let (functionality, count) = (cursor.u32()?, cursor.u32()?);
    if count as usize > CLAIMS_MAX {
        return Err(Violation::Device("it has too many chips that are claimed"));
    }
    let mut claims: Vec<Claim> = Vec::new();
    for _ in 0..count {
        let claim = claim(cursor)?;
        if claims.iter().any(|other| other.address == claim.address) {
            return Err(Violation::Device("a chip that is claimed twice"));
        }
        claims.push(claim);
    }
    Ok(Device::I2c { functionality, claims })
}

fn claim(cursor: &mut Cursor<'_>) -> Result<Claim, Violation> {
    let address = cursor.u16()?;
    if cursor.u16()? != 0 {
        return Err(Violation::Reserved);
    }
    if address > 0x3ff {
        return Err(Violation::Device("an address has at most 10 bits"));
    }
    let (chip, driver) = (word(cursor)?, word(cursor)?);
    Ok(Claim { address, chip, driver: driver.into() })
}

/// A word that goes into names and paths: letters, digits, `-`, `_`, `.` and `,`, then zeroes.
fn word(cursor: &mut Cursor<'_>) -> Result<String, Violation> {
    let bytes = cursor.take(WORD)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(WORD);
    let (word, rest) = bytes.split_at(end);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.,".contains(byte);
    if word.is_empty() || word[0] == b'.' || !word.iter().all(plain) || rest.iter().any(|byte| *byte != 0) {
        return Err(Violation::Text);
    }
    text(word, WORD)
}

/// Whether its bytes come from the chip.
fn is_read(message: &Message) -> bool {
    message.flags & flag::I2C_M_RD != 0
}

/// Whether the chip says how many bytes there are.
fn is_block(message: &Message) -> bool {
    is_read(message) && message.flags & flag::I2C_M_RECV_LEN != 0
}

/// The most bytes that can be read.
pub(crate) fn read_limit(messages: &[Message]) -> usize {
    let of = |message: &Message| message.data.len() + if is_block(message) { BLOCK_MAX } else { 0 };
    messages.iter().filter(|message| is_read(message)).map(of).sum()
}

/// Whether i2c-dev could have sent it.
pub(crate) fn is_sound(messages: &[Message]) -> bool {
    (1..=MESSAGES_MAX).contains(&messages.len())
        && messages.iter().all(|message| message.data.len() <= MAX_LENGTH && message.address <= 0x3ff)
}

/// What a transfer's frame says, and what is written, one message after the other.
pub(crate) fn put_transfer(messages: &[Message]) -> (Vec<u8>, Vec<u8>) {
    let (mut body, mut data) = (Vec::new(), Vec::new());
    body.extend((messages.len() as u32).to_le_bytes());
    body.extend(0_u32.to_le_bytes());
    for message in messages {
        body.extend(message.address.to_le_bytes());
        body.extend(message.flags.to_le_bytes());
        body.extend((message.data.len() as u32).to_le_bytes());
        if !is_read(message) {
            data.extend(&message.data);
        }
    }
    (body, data)
}

/// The messages of a transfer, those that read with room. What is written is in `data`, as a whole.
pub(crate) fn transfer(number: u64, body: &[u8], data: &[u8]) -> Result<Vec<Message>, Violation> {
    let (mut cursor, mut data) = (Cursor::new(body), Cursor::new(data));
    let count = cursor.u32()?;
    cursor.reserved()?;
    let mut messages = Vec::new();
    for _ in 0..count {
        let (address, flags, length) = (cursor.u16()?, cursor.u16()?, cursor.u32()? as usize);
        if length > MAX_LENGTH || messages.len() == MESSAGES_MAX {
            return Err(Violation::Operation(number));
        }
        let mut message = Message { address, flags, data: Vec::new() };
        message.data = if is_read(&message) { vec![0; length] } else { data.take(length)?.to_vec() };
        messages.push(message);
    }
    cursor.end()?;
    data.end()?;
    if is_sound(&messages) { Ok(messages) } else { Err(Violation::Operation(number)) }
}

/// What a transfer's answer says, and what was read. `None` if it is not the answer to `asked`.
pub(crate) fn put_answer(asked: &[Message], answered: &[Message]) -> Option<(Vec<u8>, Vec<u8>)> {
    if asked.len() != answered.len() {
        return None;
    }
    let (mut body, mut read) = (Vec::new(), Vec::new());
    body.extend((asked.len() as u32).to_le_bytes());
    body.extend(0_u32.to_le_bytes());
    for (asked, answered) in asked.iter().zip(answered) {
        let length = if is_read(asked) { length_of(asked, &answered.data)? } else { 0 };
        body.extend((length as u32).to_le_bytes());
        read.extend(&answered.data[..length]);
    }
    Some((body, read))
}

/// How long the answer to a message that reads is; `None` if it is not what was asked for.
fn length_of(asked: &Message, read: &[u8]) -> Option<usize> {
    let block = match read.first() {
        Some(&length) if is_block(asked) => usize::from(length),
        _ => 0,
    };
    (block <= BLOCK_MAX && read.len() == asked.data.len() + block).then_some(read.len())
}

/// The messages again, with what was read.
pub(crate) fn answer(number: u64, asked: Vec<Message>, body: &[u8], data: &[u8]) -> Result<Vec<Message>, Violation> {
    let (mut cursor, mut rest) = (Cursor::new(body), Cursor::new(data));
    let count = cursor.u32()?;
    cursor.reserved()?;
    let size = |is: usize, wanted: usize| Violation::Size { number, wanted: wanted as u64, is: is as u64 };
    if count as usize != asked.len() {
        return Err(Violation::Value(number));
    }
    let mut answered = asked;
    for message in &mut answered {
        let length = cursor.u32()? as usize;
        if !is_read(message) {
            if length != 0 {
                return Err(size(length, 0));
            }
            continue;
        }
        let read = rest.take(length).map_err(|_| size(data.len(), length))?;
        if length_of(message, read).is_none() {
            return Err(size(length, message.data.len()));
        }
        message.data = read.to_vec();
    }
    cursor.end()?;
    rest.end().map_err(|_| size(data.len(), data.len() - rest.rest().len()))?;
    Ok(answered)
}
