//! Numbers and layouts of `linux/i2c-dev.h` and `linux/i2c.h`, as a 64-bit client has them.

/// The major number of all i2c-dev nodes, from `Documentation/admin-guide/devices.txt`.
pub const MAJOR: u32 = 89;

/// The ioctls of `linux/i2c-dev.h`, with what their argument is. They are older than the `_IO` macros.
#[rustfmt::skip]
#[expect(missing_docs, reason = "the end of each line says it")]
pub mod ioctl {
    pub const I2C_RETRIES:     u32 = 0x0701; // unsigned long: how often to try again
    pub const I2C_TIMEOUT:     u32 = 0x0702; // unsigned long: in units of 10 ms
    pub const I2C_SLAVE:       u32 = 0x0703; // unsigned long: the address
    pub const I2C_TENBIT:      u32 = 0x0704; // unsigned long: 0 for 7 bits, else 10
    pub const I2C_FUNCS:       u32 = 0x0705; // unsigned long *, written
    pub const I2C_SLAVE_FORCE: u32 = 0x0706; // unsigned long: the address, even if a driver has it
    pub const I2C_RDWR:        u32 = 0x0707; // struct i2c_rdwr_ioctl_data *
    pub const I2C_PEC:         u32 = 0x0708; // unsigned long: 0 without, else with
    pub const I2C_SMBUS:       u32 = 0x0720; // struct i2c_smbus_ioctl_data *
}

/// The flags of a message, from `linux/i2c.h`.
#[rustfmt::skip]
#[expect(missing_docs, reason = "the end of each line says it")]
pub mod flag {
    pub const I2C_M_RD:           u16 = 0x0001; // read, from chip to client
    pub const I2C_M_TEN:          u16 = 0x0010; // the address has 10 bits
    pub const I2C_M_DMA_SAFE:     u16 = 0x0200; // only means something within a kernel
    pub const I2C_M_RECV_LEN:     u16 = 0x0400; // the first byte read says how many follow
    pub const I2C_M_NO_RD_ACK:    u16 = 0x0800; // no acknowledge for bytes read
    pub const I2C_M_IGNORE_NAK:   u16 = 0x1000; // a refusal counts as an acknowledge
    pub const I2C_M_REV_DIR_ADDR: u16 = 0x2000; // the direction bit of the address is inverted
    pub const I2C_M_NOSTART:      u16 = 0x4000; // no start condition and no address
    pub const I2C_M_STOP:         u16 = 0x8000; // a stop condition after the message
}

/// What an adapter can do, from `linux/i2c.h`.
#[rustfmt::skip]
#[expect(missing_docs, reason = "the end of each line says it")]
pub mod func {
    pub const I2C_FUNC_I2C:                    u32 = 0x0000_0001; // plain transfers
    pub const I2C_FUNC_10BIT_ADDR:             u32 = 0x0000_0002; // I2C_M_TEN
    pub const I2C_FUNC_PROTOCOL_MANGLING:      u32 = 0x0000_0004; // I2C_M_IGNORE_NAK and its like
    pub const I2C_FUNC_SMBUS_PEC:              u32 = 0x0000_0008; // packet error checking
    pub const I2C_FUNC_NOSTART:                u32 = 0x0000_0010; // I2C_M_NOSTART
    pub const I2C_FUNC_SMBUS_BLOCK_PROC_CALL:  u32 = 0x0000_8000; // the SMBus transactions, from here on
    pub const I2C_FUNC_SMBUS_QUICK:            u32 = 0x0001_0000;
    pub const I2C_FUNC_SMBUS_BYTE:             u32 = 0x0006_0000; // read and write, as all that follow
    pub const I2C_FUNC_SMBUS_BYTE_DATA:        u32 = 0x0018_0000;
    pub const I2C_FUNC_SMBUS_WORD_DATA:        u32 = 0x0060_0000;
    pub const I2C_FUNC_SMBUS_PROC_CALL:        u32 = 0x0080_0000;
    pub const I2C_FUNC_SMBUS_READ_BLOCK_DATA:  u32 = 0x0100_0000; // needs I2C_M_RECV_LEN
    pub const I2C_FUNC_SMBUS_WRITE_BLOCK_DATA: u32 = 0x0200_0000;
    pub const I2C_FUNC_SMBUS_I2C_BLOCK:        u32 = 0x0c00_0000;

    /// All that the class emulates over plain transfers.
    pub const I2C_FUNC_SMBUS_EMUL: u32 = I2C_FUNC_SMBUS_QUICK
        | I2C_FUNC_SMBUS_BYTE
        | I2C_FUNC_SMBUS_BYTE_DATA
        | I2C_FUNC_SMBUS_WORD_DATA
        | I2C_FUNC_SMBUS_PROC_CALL
        | I2C_FUNC_SMBUS_WRITE_BLOCK_DATA
        | I2C_FUNC_SMBUS_I2C_BLOCK
        | I2C_FUNC_SMBUS_PEC;
    /// The same over an adapter that honours `I2C_M_RECV_LEN`.
    pub const I2C_FUNC_SMBUS_EMUL_ALL: u32 =
        I2C_FUNC_SMBUS_EMUL | I2C_FUNC_SMBUS_READ_BLOCK_DATA | I2C_FUNC_SMBUS_BLOCK_PROC_CALL;
}

/// The most messages of one `I2C_RDWR`: `I2C_RDWR_IOCTL_MAX_MSGS`.
pub const MAX_MESSAGES: u32 = 42;
/// The most bytes of one message, read or write: i2c-dev's own limit (`drivers/i2c/i2c-dev.c`).
pub const MAX_LENGTH: usize = 8192;
/// The most bytes of an SMBus block: `I2C_SMBUS_BLOCK_MAX`.
pub const BLOCK_MAX: usize = 32;
/// `union i2c_smbus_data`: the length, the block, and one byte for PEC.
pub const SMBUS_DATA_SIZE: usize = BLOCK_MAX + 2;

/// `I2C_SMBUS_WRITE`
pub const SMBUS_WRITE: u8 = 0;
/// `I2C_SMBUS_READ`
pub const SMBUS_READ: u8 = 1;

/// `struct i2c_msg`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Msg {
    /// The chip's address.
    pub addr: u16,
    /// `I2C_M_*`
    pub flags: u16,
    /// Bytes at `buf`.
    pub len: u16,
    /// Where in the client's memory.
    pub buf: u64,
}

/// `struct i2c_rdwr_ioctl_data`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct RdwrData {
    /// Where in the client's memory the messages are.
    pub msgs: u64,
    /// How many.
    pub nmsgs: u32,
}

/// `struct i2c_smbus_ioctl_data`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct SmbusData {
    /// [`SMBUS_READ`] or [`SMBUS_WRITE`].
    pub read_write: u8,
    /// The command, which is a register number to most chips.
    pub command: u8,
    /// The transaction type, `I2C_SMBUS_*`.
    pub size: u32,
    /// Where in the client's memory the `union i2c_smbus_data` is.
    pub data: u64,
}

const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<Msg>() == Msg::SIZE);
    assert!(offset_of!(Msg, flags) == 2 && offset_of!(Msg, len) == 4 && offset_of!(Msg, buf) == 8);
    assert!(size_of::<RdwrData>() == RdwrData::SIZE);
    assert!(offset_of!(RdwrData, nmsgs) == 8);
    assert!(size_of::<SmbusData>() == SmbusData::SIZE);
    assert!(offset_of!(SmbusData, command) == 1 && offset_of!(SmbusData, size) == 4);
    assert!(offset_of!(SmbusData, data) == 8);
};

impl Msg {
    /// Bytes of one in the client's memory, padding included.
    pub const SIZE: usize = 16;

    /// From the client's bytes, in the byte order of the machine.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Self {
        Msg {
            addr: u16::from_ne_bytes(part(bytes, 0)),
            flags: u16::from_ne_bytes(part(bytes, 2)),
            len: u16::from_ne_bytes(part(bytes, 4)),
            buf: u64::from_ne_bytes(part(bytes, 8)),
        }
    }
}

impl RdwrData {
    /// Bytes of it in the client's memory, padding included.
    pub const SIZE: usize = 16;

    /// From the client's bytes, in the byte order of the machine.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Self {
        RdwrData { msgs: u64::from_ne_bytes(part(bytes, 0)), nmsgs: u32::from_ne_bytes(part(bytes, 8)) }
    }
}

impl SmbusData {
    /// Bytes of it in the client's memory, padding included.
    pub const SIZE: usize = 16;

    /// From the client's bytes, in the byte order of the machine.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Self {
        SmbusData {
            read_write: bytes[0],
            command: bytes[1],
            size: u32::from_ne_bytes(part(bytes, 4)),
            data: u64::from_ne_bytes(part(bytes, 8)),
        }
    }
}

fn part<const N: usize>(bytes: &[u8; 16], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}
