//! SMBus transactions over plain transfers: what `drivers/i2c/i2c-core-smbus.c` does for an adapter that has no SMBus
//! hardware of its own, packet error checking (PEC) in software included.

use super::{
    Message,
    file::Client,
    uapi::{BLOCK_MAX, SMBUS_DATA_SIZE, flag, func},
};
use crate::Errno;

/// The transaction types, `I2C_SMBUS_*` of `linux/i2c.h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Quick,
    Byte,
    ByteData,
    WordData,
    ProcCall,
    BlockData,
    /// As `I2cBlockData`, from before that took a length to be read: reads are always of 32.
    I2cBlockBroken,
    BlockProcCall,
    I2cBlockData,
}

impl Protocol {
    /// From the `size` that a client sends.
    pub(super) fn from_size(size: u32) -> Option<Self> {
        Some(match size {
            0 => Protocol::Quick,
            1 => Protocol::Byte,
            2 => Protocol::ByteData,
            3 => Protocol::WordData,
            4 => Protocol::ProcCall,
            5 => Protocol::BlockData,
            6 => Protocol::I2cBlockBroken,
            7 => Protocol::BlockProcCall,
            8 => Protocol::I2cBlockData,
            _ => return None,
        })
    }
}

/// One SMBus transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Transaction {
    pub(super) client: Client,
    pub(super) protocol: Protocol,
    pub(super) read: bool,
    pub(super) command: u8,
    /// As `union i2c_smbus_data`: a byte, a word in the machine's order, or a block with its length first.
    data: [u8; SMBUS_DATA_SIZE],
}

impl Transaction {
    /// A transaction without data, yet.
    pub(super) fn new(client: Client, protocol: Protocol, read: bool, command: u8) -> Self {
        let mut data = [0; SMBUS_DATA_SIZE];
        if protocol == Protocol::I2cBlockBroken && read {
            data[0] = BLOCK_MAX as u8;
        }
        Transaction { client, protocol, read, command, data }
    }

    /// Whether it has data besides the command.
    pub(super) fn has_data(&self) -> bool {
        match self.protocol {
            Protocol::Quick => false,
            Protocol::Byte => self.read,
            _ => true,
        }
    }

    /// Whether the client's data is looked at: what is written; and the length of a block that is read.
    pub(super) fn is_sent(&self) -> bool {
        !self.read || self.is_call() || self.protocol == Protocol::I2cBlockData
    }

    /// Whether the client's data goes to the chip, besides the command.
    pub(super) fn sends_data(&self) -> bool {
        self.has_data() && (!self.read || self.is_call())
    }

    /// The client's data, as much as [`Transaction::data_size`] says.
    pub(super) fn sent_data(&self) -> &[u8] {
        &self.data[..self.data_size()]
    }

    /// Whether the client's data is written when it is done.
    pub(super) fn has_result(&self) -> bool {
        self.read || self.is_call()
    }

    /// The bit by which an adapter says that it can do it by itself.
    pub(super) fn functionality(&self) -> u32 {
        // Of those that have a bit for each direction, the read's is the lower one.
        let one_way = |both: u32| if self.read { both & both.wrapping_neg() } else { both & (both - 1) };
        match self.protocol {
            Protocol::Quick => func::I2C_FUNC_SMBUS_QUICK,
            Protocol::Byte => one_way(func::I2C_FUNC_SMBUS_BYTE),
            Protocol::ByteData => one_way(func::I2C_FUNC_SMBUS_BYTE_DATA),
            Protocol::WordData => one_way(func::I2C_FUNC_SMBUS_WORD_DATA),
            Protocol::ProcCall => func::I2C_FUNC_SMBUS_PROC_CALL,
            Protocol::BlockData if self.read => func::I2C_FUNC_SMBUS_READ_BLOCK_DATA,
            Protocol::BlockData => func::I2C_FUNC_SMBUS_WRITE_BLOCK_DATA,
            Protocol::BlockProcCall => func::I2C_FUNC_SMBUS_BLOCK_PROC_CALL,
            Protocol::I2cBlockData | Protocol::I2cBlockBroken => one_way(func::I2C_FUNC_SMBUS_I2C_BLOCK),
        }
    }

    /// Whether it writes and reads, whichever the client said.
    fn is_call(&self) -> bool {
        matches!(self.protocol, Protocol::ProcCall | Protocol::BlockProcCall)
    }

    /// How many bytes of the client's `union i2c_smbus_data` it is about.
    pub(super) fn data_size(&self) -> usize {
        match self.protocol {
            Protocol::Quick | Protocol::Byte | Protocol::ByteData => 1,
            Protocol::WordData | Protocol::ProcCall => 2,
            _ => SMBUS_DATA_SIZE,
        }
    }

    /// The client's data, as much as [`Transaction::data_size`] says.
    pub(super) fn set_data(&mut self, data: &[u8]) {
        self.data[..data.len()].copy_from_slice(data);
    }

    /// The length that the client gave its block.
    pub(super) fn block_length(&self) -> usize {
        usize::from(self.data[0])
    }

    /// The messages that carry it out.
    ///
    /// # Errors
    /// EINVAL for a block of no bytes or more than 32.
    pub(super) fn messages(&self) -> Result<Vec<Message>, Errno> {
        let takes_length = match self.protocol {
            Protocol::I2cBlockData | Protocol::I2cBlockBroken | Protocol::BlockProcCall => true,
            Protocol::BlockData => !self.read,
            _ => false,
        };
        if takes_length && !(1..=BLOCK_MAX).contains(&self.block_length()) {
            return Err(Errno::INVAL);
        }
        let mut messages = self.plain_messages();
        if self.has_pec() {
            add_pec(&mut messages);
        }
        Ok(messages)
    }

    fn plain_messages(&self) -> Vec<Message> {
        let command = |data: &[u8]| self.message(0, [&[self.command], data].concat());
        let answer = |size: usize| self.message(flag::I2C_M_RD, vec![0; size]);
        let block = &self.data[..=self.block_length().min(BLOCK_MAX)];
        let word = u16::from_ne_bytes([self.data[0], self.data[1]]).to_le_bytes();
        // A read sends the command first; what a type does otherwise is a line of its own.
        match (self.protocol, self.read) {
            (Protocol::Quick, true) => vec![answer(0)],
            (Protocol::Quick, false) => vec![self.message(0, Vec::new())],
            (Protocol::Byte, true) => vec![answer(1)],
            (Protocol::Byte, false) => vec![command(&[])],
            (Protocol::ByteData, true) => vec![command(&[]), answer(1)],
            (Protocol::ByteData, false) => vec![command(&self.data[..1])],
            (Protocol::WordData, true) => vec![command(&[]), answer(2)],
            (Protocol::WordData, false) => vec![command(&word)],
            (Protocol::ProcCall, _) => vec![command(&word), answer(2)],
            (Protocol::BlockData, true) => vec![command(&[]), self.block_answer()],
            (Protocol::BlockData, false) => vec![command(block)],
            (Protocol::BlockProcCall, _) => vec![command(block), self.block_answer()],
            (Protocol::I2cBlockData | Protocol::I2cBlockBroken, true) => vec![command(&[]), answer(block.len() - 1)],
            (Protocol::I2cBlockData | Protocol::I2cBlockBroken, false) => vec![command(&block[1..])],
        }
    }

    fn message(&self, flags: u16, data: Vec<u8>) -> Message {
        Message { address: self.client.address, flags: self.client.flags() | flags, data }
    }

    /// Room for a block whose length the chip tells: for that length; the adapter makes it longer.
    fn block_answer(&self) -> Message {
        self.message(flag::I2C_M_RD | flag::I2C_M_RECV_LEN, vec![0])
    }

    fn has_pec(&self) -> bool {
        let without = matches!(self.protocol, Protocol::Quick | Protocol::I2cBlockData | Protocol::I2cBlockBroken);
        self.client.pec && !without
    }

    /// The client's data after `messages` came back, as much as [`Transaction::data_size`] says.
    ///
    /// # Errors
    /// EBADMSG if the PEC is wrong, EPROTO if the chip announced a block that is too long.
    pub(super) fn result(&self, mut messages: Vec<Message>) -> Result<Vec<u8>, Errno> {
        if self.has_pec() {
            check_pec(&mut messages)?;
        }
        let mut data = self.data;
        let last = messages.last().filter(|message| is_read(message));
        match (self.protocol, last) {
            (Protocol::Quick, _) | (_, None) => {}
            (Protocol::Byte | Protocol::ByteData, Some(last)) => data[..1].copy_from_slice(&last.data[..1]),
            (Protocol::WordData | Protocol::ProcCall, Some(last)) => {
                data[..2].copy_from_slice(&u16::from_le_bytes([last.data[0], last.data[1]]).to_ne_bytes());
            }
            (Protocol::BlockData | Protocol::BlockProcCall, Some(last)) => {
                let length = usize::from(last.data[0]);
                if length > BLOCK_MAX {
                    return Err(Errno::PROTO);
                }
                data[..=length].copy_from_slice(&last.data[..=length]);
            }
            (Protocol::I2cBlockData | Protocol::I2cBlockBroken, Some(last)) => {
                data[1..=last.data.len()].copy_from_slice(&last.data);
            }
        }
        Ok(data[..self.data_size()].to_vec())
    }
}

fn is_read(message: &Message) -> bool {
    message.flags & flag::I2C_M_RD != 0
}

/// Adds the PEC to what is only written, or asks for one more byte to be read.
fn add_pec(messages: &mut [Message]) {
    let [.., last] = messages else { return };
    let pec = if is_read(last) { 0 } else { message_pec(0, last) };
    last.data.push(pec);
}

/// Takes the PEC off what was read, if anything was, and checks it. It covers the write that came before, too.
fn check_pec(messages: &mut [Message]) -> Result<(), Errno> {
    let [before @ .., last] = messages else { return Ok(()) };
    if !is_read(last) {
        return Ok(());
    }
    let received = last.data.pop();
    let computed = before.iter().chain([&*last]).fold(0, message_pec);
    if received == Some(computed) { Ok(()) } else { Err(Errno::BADMSG) }
}

/// Goes on with the PEC over a message: the address byte as it is on the wire, then the data.
fn message_pec(pec: u8, message: &Message) -> u8 {
    let address = (message.address << 1) as u8 | u8::from(is_read(message));
    message.data.iter().fold(crc8(pec, &address), crc8)
}

/// CRC-8 with the polynomial x^8 + x^2 + x + 1 (0x07), from zero, most significant bit first: SMBus 2.0, section 5.4.
fn crc8(crc: u8, byte: &u8) -> u8 {
    (0..8).fold(crc ^ byte, |crc, _| (crc << 1) ^ if crc & 0x80 != 0 { 0x07 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pec(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, crc8)
    }

    #[test]
    fn the_crc_gives_its_published_check_value() {
        // CRC-8/SMBUS in the catalogue of parametrised CRC algorithms.
        assert_eq!(pec(b"123456789"), 0xf4);
        assert_eq!(pec(&[]), 0);
        assert_eq!(pec(&[0x01]), 0x07);
    }

    #[test]
    fn a_message_is_protected_with_its_address() {
        let client = Client { address: 0x50, ten_bit: false, pec: true };
        let mut write = Transaction::new(client, Protocol::ByteData, false, 0x03);
        write.set_data(&[0xab]);
        let messages = write.messages().unwrap();
        assert_eq!(messages[0].data, [0x03, 0xab, pec(&[0xa0, 0x03, 0xab])]);

        let read = Transaction::new(client, Protocol::ByteData, true, 0x03);
        let mut messages = read.messages().unwrap();
        assert_eq!(messages[1].data.len(), 2, "one byte more is asked for");
        messages[1].data = vec![0xab, pec(&[0xa0, 0x03, 0xa1, 0xab])];
        assert_eq!(read.result(messages.clone()), Ok(vec![0xab]));
        messages[1].data[1] ^= 1;
        assert_eq!(read.result(messages), Err(Errno::BADMSG));
    }
}
