//! How the class names an operation: what `explore` and `trace` print. Nothing is formatted unless somebody looks.

use super::{
    smbus::{Protocol, Transaction},
    uapi::{Msg, flag},
};
use std::fmt;

/// An operation in words, valid or not.
#[derive(Clone, Debug)]
pub(super) enum What {
    Read { size: usize, address: u16 },
    Write { size: usize, address: u16 },
    Slave { force: bool, argument: u64 },
    Number(&'static str, u64),
    Functionality,
    Rdwr(Vec<Msg>),
    RdwrCount(u32),
    Smbus(Transaction),
    SmbusSize { size: u32, address: u16 },
    SmbusDirection { direction: u8, address: u16 },
    Unreadable(&'static str),
    Unknown(u32),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Read { size, address } => write!(f, "read {size} from {address:#04x}"),
            What::Write { size, address } => write!(f, "write {size} to {address:#04x}"),
            What::Slave { force, argument } => {
                write!(f, "{} {argument:#04x}", if *force { "I2C_SLAVE_FORCE" } else { "I2C_SLAVE" })
            }
            What::Number(name, argument) => write!(f, "{name} {argument}"),
            What::Functionality => f.write_str("I2C_FUNCS"),
            What::Rdwr(messages) => rdwr(f, messages),
            What::RdwrCount(count) => write!(f, "I2C_RDWR of {count} messages"),
            What::Smbus(transaction) => smbus(f, transaction),
            What::SmbusSize { size, address } => write!(f, "I2C_SMBUS type {size} (unknown) {address:#04x}"),
            What::SmbusDirection { direction, address } => {
                write!(f, "I2C_SMBUS direction {direction} (unknown) {address:#04x}")
            }
            What::Unreadable(name) => write!(f, "{name} with unreadable memory"),
            What::Unknown(command) => write!(f, "ioctl {command:#x} (unknown)"),
        }
    }
}

/// In the notation of i2ctransfer: `w1@0x50 r16@0x50`; `r?` for a length that the chip tells.
fn rdwr(f: &mut fmt::Formatter<'_>, messages: &[Msg]) -> fmt::Result {
    f.write_str("I2C_RDWR")?;
    for message in messages {
        let direction = if message.flags & flag::I2C_M_RD != 0 { 'r' } else { 'w' };
        if message.flags & flag::I2C_M_RECV_LEN != 0 {
            write!(f, " {direction}?@{:#04x}", message.addr)?;
        } else {
            write!(f, " {direction}{}@{:#04x}", message.len, message.addr)?;
        }
    }
    Ok(())
}

fn smbus(f: &mut fmt::Formatter<'_>, transaction: &Transaction) -> fmt::Result {
    let direction = if transaction.read { "read" } else { "write" };
    let (address, command) = (transaction.client.address, transaction.command);
    match transaction.protocol {
        Protocol::Quick => write!(f, "I2C_SMBUS {direction}_quick {address:#04x}"),
        Protocol::Byte if transaction.read => write!(f, "I2C_SMBUS read_byte {address:#04x}"),
        Protocol::Byte => write!(f, "I2C_SMBUS write_byte {address:#04x} value {command:#04x}"),
        Protocol::ProcCall => write!(f, "I2C_SMBUS process_call {address:#04x} reg {command:#04x}"),
        Protocol::BlockProcCall => {
            write!(
                f,
                "I2C_SMBUS block_process_call {address:#04x} reg {command:#04x} len {}",
                transaction.block_length()
            )
        }
        Protocol::ByteData => write!(f, "I2C_SMBUS {direction}_byte_data {address:#04x} reg {command:#04x}"),
        Protocol::WordData => write!(f, "I2C_SMBUS {direction}_word_data {address:#04x} reg {command:#04x}"),
        Protocol::BlockData if transaction.read => {
            write!(f, "I2C_SMBUS read_block_data {address:#04x} reg {command:#04x}")
        }
        Protocol::BlockData => {
            write!(f, "I2C_SMBUS write_block_data {address:#04x} reg {command:#04x} len {}", transaction.block_length())
        }
        Protocol::I2cBlockData | Protocol::I2cBlockBroken => write!(
            f,
            "I2C_SMBUS {direction}_i2c_block_data {address:#04x} reg {command:#04x} len {}",
            transaction.block_length()
        ),
    }
}
