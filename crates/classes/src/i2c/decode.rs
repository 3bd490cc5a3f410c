//! From a client's call to an operation. This is where its memory is read: once, before anything else happens.
//!
//! The order of the checks is that of `drivers/i2c/i2c-dev.c`, since a call with two faults gets the error of the first.

use super::{
    Message,
    describe::What,
    file::Client,
    smbus::{Protocol, Transaction},
    uapi::{self, Msg, RdwrData, SmbusData, flag, func, ioctl},
};
use crate::{Access, Call, Errno, Memory};

/// `INT_MAX`
const INT_MAX: u64 = i32::MAX as u64;

/// What a client asked for.
#[derive(Debug)]
pub(super) struct Decoded {
    /// In words, whether or not it is valid.
    pub(super) what: What,
    /// Whether the adapter must be capable of plain transfers; asked before `operation` is looked at.
    needs_plain: bool,
    /// What to do, or why not.
    pub(super) operation: Result<Operation, Errno>,
}

impl Decoded {
    /// Whether an adapter of this functionality can do it. SMBus transactions are made of plain transfers where it has
    /// those (`i2c_smbus_xfer` in `drivers/i2c/i2c-core-smbus.c`); else it knows those that it says.
    pub(super) fn is_within(&self, functionality: u32) -> bool {
        if functionality & func::I2C_FUNC_I2C != 0 {
            return true;
        }
        match &self.operation {
            Ok(Operation::Transfer { reply: Reply::Smbus { transaction, .. }, .. }) => {
                functionality & transaction.functionality() != 0
            }
            _ => !self.needs_plain,
        }
    }
}

/// Something to be done inside the gate. Everything the client sent has been checked and copied.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Operation {
    Set(Setting),
    Functionality { to: u64 },
    Transfer { kind: &'static str, messages: Vec<Message>, reply: Reply },
}

/// What a client can set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setting {
    Address {
        address: u16,
        force: bool,
    },
    TenBit(bool),
    Pec(bool),
    Retries(u32),
    /// In units of 10 ms.
    Timeout(u32),
}

/// What the client gets from a transfer that succeeded.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Reply {
    /// The data of the one message.
    Read,
    /// How many bytes were written.
    Write(usize),
    /// The number of messages; and each one's data where it is to go.
    Rdwr(Vec<Option<u64>>),
    /// Zero; and the transaction's result at `to`, if it has any.
    Smbus { transaction: Transaction, to: Option<u64> },
}

/// Decodes `call` of a file that was opened with `access` and is in the state `client`.
pub(super) fn decode(call: Call, access: Access, client: Client, memory: &dyn Memory) -> Decoded {
    match call {
        Call::Read { size } => read(size, access, client),
        Call::Write { data } => write(data, access, client),
        Call::Ioctl { command, argument } => ioctl(command, argument, client, memory),
        // Its files have no position.
        Call::ReadAt { size, .. } => refused(read(size, access, client)),
        Call::WriteAt { data, .. } => refused(write(data, access, client)),
    }
}

fn refused(decoded: Decoded) -> Decoded {
    Decoded { operation: Err(Errno::SPIPE), needs_plain: false, ..decoded }
}

fn read(size: usize, access: Access, client: Client) -> Decoded {
    let size = size.min(uapi::MAX_LENGTH);
    let message = Message { address: client.address, flags: client.flags() | flag::I2C_M_RD, data: vec![0; size] };
    let operation = Operation::Transfer { kind: "read", messages: vec![message], reply: Reply::Read };
    let operation = if !access.reads() { Err(Errno::BADF) } else { Ok(operation) };
    Decoded { what: What::Read { size, address: client.address }, needs_plain: operation.is_ok(), operation }
}

fn write(mut data: Vec<u8>, access: Access, client: Client) -> Decoded {
    data.truncate(uapi::MAX_LENGTH);
    let size = data.len();
    let message = Message { address: client.address, flags: client.flags(), data };
    let operation = Operation::Transfer { kind: "write", messages: vec![message], reply: Reply::Write(size) };
    let operation = if !access.writes() { Err(Errno::BADF) } else { Ok(operation) };
    Decoded { what: What::Write { size, address: client.address }, needs_plain: operation.is_ok(), operation }
}

fn ioctl(command: u32, argument: u64, client: Client, memory: &dyn Memory) -> Decoded {
    let number = |limit: u64| u32::try_from(argument).ok().filter(|_| argument <= limit).ok_or(Errno::INVAL);
    let named = |name| What::Number(name, argument);
    let (what, operation) = match command {
        ioctl::I2C_SLAVE | ioctl::I2C_SLAVE_FORCE => {
            let force = command == ioctl::I2C_SLAVE_FORCE;
            (What::Slave { force, argument }, set_address(argument, force, client))
        }
        ioctl::I2C_TENBIT => (named("I2C_TENBIT"), Ok(Operation::Set(Setting::TenBit(argument != 0)))),
        ioctl::I2C_PEC => (named("I2C_PEC"), Ok(Operation::Set(Setting::Pec(argument != 0)))),
        ioctl::I2C_FUNCS => (What::Functionality, Ok(Operation::Functionality { to: argument })),
        ioctl::I2C_RETRIES => {
            (named("I2C_RETRIES"), number(INT_MAX).map(|retries| Operation::Set(Setting::Retries(retries))))
        }
        // In milliseconds it has to fit into an int. (Before 2026 Linux let it overflow.)
        ioctl::I2C_TIMEOUT => {
            (named("I2C_TIMEOUT"), number(INT_MAX / 10).map(|timeout| Operation::Set(Setting::Timeout(timeout))))
        }
        ioctl::I2C_RDWR => return rdwr(argument, memory),
        ioctl::I2C_SMBUS => smbus(argument, client, memory),
        _ => (What::Unknown(command), Err(Errno::NOTTY)),
    };
    Decoded { what, needs_plain: false, operation }
}

fn set_address(argument: u64, force: bool, client: Client) -> Result<Operation, Errno> {
    let limit = if client.ten_bit { 0x3ff } else { 0x7f };
    match u16::try_from(argument) {
        Ok(address) if address <= limit => Ok(Operation::Set(Setting::Address { address, force })),
        _ => Err(Errno::INVAL),
    }
}

fn rdwr(argument: u64, memory: &dyn Memory) -> Decoded {
    let refused = |what, errno| Decoded { what, needs_plain: false, operation: Err(errno) };
    let mut bytes = [0; RdwrData::SIZE];
    if memory.read(argument, &mut bytes).is_err() {
        return refused(What::Unreadable("I2C_RDWR"), Errno::FAULT);
    }
    let header = RdwrData::parse(&bytes);
    let what = What::RdwrCount(header.nmsgs);
    if header.msgs == 0 || header.nmsgs == 0 || header.nmsgs > uapi::MAX_MESSAGES {
        return refused(what, Errno::INVAL);
    }
    let mut bytes = vec![0; header.nmsgs as usize * Msg::SIZE];
    if memory.read(header.msgs, &mut bytes).is_err() {
        return refused(what, Errno::FAULT);
    }
    let messages: Vec<Msg> = bytes.as_chunks().0.iter().map(Msg::parse).collect();
    let operation = fetch_all(&messages, memory).map(|fetched| {
        let to = |message: &Msg| (message.flags & flag::I2C_M_RD != 0).then_some(message.buf);
        let reply = Reply::Rdwr(messages.iter().map(to).collect());
        Operation::Transfer { kind: "I2C_RDWR", messages: fetched, reply }
    });
    Decoded { what: What::Rdwr(messages), needs_plain: true, operation }
}

/// All messages of an I2C_RDWR, until one that is wrong.
fn fetch_all(messages: &[Msg], memory: &dyn Memory) -> Result<Vec<Message>, Errno> {
    let mut fetched = Vec::with_capacity(messages.len());
    // Whether one with I2C_M_RECV_LEN is right its data says; those after it are not looked at before.
    for group in messages.split_inclusive(|message| message.flags & flag::I2C_M_RECV_LEN != 0) {
        let right = group.iter().take_while(|message| usize::from(message.len) <= uapi::MAX_LENGTH);
        let ranges = right.map(|message| (message.buf, usize::from(message.len)));
        memory.expect(&ranges.filter(|(_, size)| *size > 0).collect::<Vec<_>>());
        for message in group {
            fetched.push(fetch(message, memory)?);
        }
    }
    Ok(fetched)
}

/// One message of an I2C_RDWR, with its data: also that of a read, which Linux copies in as well.
fn fetch(message: &Msg, memory: &dyn Memory) -> Result<Message, Errno> {
    if usize::from(message.len) > uapi::MAX_LENGTH {
        return Err(Errno::INVAL);
    }
    let mut data = vec![0; usize::from(message.len)];
    if !data.is_empty() {
        memory.read(message.buf, &mut data)?;
    }
    if message.flags & flag::I2C_M_RECV_LEN != 0 {
        // The first byte says how many bytes there are besides the block: its length, and PEC where there is one. The
        // rest of the buffer must have room for the longest block.
        let besides = usize::from(data.first().copied().unwrap_or(0));
        let is_read = message.flags & flag::I2C_M_RD != 0;
        if !is_read || besides == 0 || data.len() < besides + uapi::BLOCK_MAX {
            return Err(Errno::INVAL);
        }
        data.truncate(besides);
    }
    Ok(Message { address: message.addr, flags: message.flags & !flag::I2C_M_DMA_SAFE, data })
}

fn smbus(argument: u64, client: Client, memory: &dyn Memory) -> (What, Result<Operation, Errno>) {
    let mut bytes = [0; SmbusData::SIZE];
    if memory.read(argument, &mut bytes).is_err() {
        return (What::Unreadable("I2C_SMBUS"), Err(Errno::FAULT));
    }
    let header = SmbusData::parse(&bytes);
    let address = client.address;
    let Some(protocol) = Protocol::from_size(header.size) else {
        return (What::SmbusSize { size: header.size, address }, Err(Errno::INVAL));
    };
    let read = match header.read_write {
        uapi::SMBUS_READ => true,
        uapi::SMBUS_WRITE => false,
        direction => return (What::SmbusDirection { direction, address }, Err(Errno::INVAL)),
    };
    let mut transaction = Transaction::new(client, protocol, read, header.command);
    let operation = smbus_data(&mut transaction, header.data, memory).and_then(|to| {
        let messages = transaction.messages()?;
        let reply = Reply::Smbus { transaction: transaction.clone(), to };
        Ok(Operation::Transfer { kind: "I2C_SMBUS", messages, reply })
    });
    (What::Smbus(transaction), operation)
}

/// Fetches the transaction's data, if it sends any. Where its result goes, if it has one.
fn smbus_data(transaction: &mut Transaction, data: u64, memory: &dyn Memory) -> Result<Option<u64>, Errno> {
    if !transaction.has_data() {
        return Ok(None);
    }
    if data == 0 {
        return Err(Errno::INVAL);
    }
    if transaction.is_sent() {
        let mut bytes = [0; uapi::SMBUS_DATA_SIZE];
        let bytes = &mut bytes[..transaction.data_size()];
        memory.read(data, bytes)?;
        transaction.set_data(bytes);
    }
    Ok(transaction.has_result().then_some(data))
}
