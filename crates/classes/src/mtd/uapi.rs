//! Numbers and layouts of `mtd/mtd-abi.h` and `linux/blkpg.h`, as a 64-bit client has them.

/// The major number of all mtd nodes, from `Documentation/admin-guide/devices.txt`: `MTD_CHAR_MAJOR`.
pub const MAJOR: u32 = 90;
/// How many devices there can be at most: two minors each, of `MINORBITS` (20) bits.
pub const MAX_DEVICES: u32 = 1 << 19;

/// The ioctls of `mtd/mtd-abi.h`, `linux/blkpg.h` and `linux/fs.h`, with what their argument is.
#[rustfmt::skip]
#[expect(missing_docs, reason = "the end of each line says it")]
pub mod ioctl {
    pub const MEMGETINFO:        u32 = 0x8020_4d01; // struct mtd_info_user *, written
    pub const MEMERASE:          u32 = 0x4008_4d02; // struct erase_info_user *
    pub const MEMWRITEOOB:       u32 = 0xc010_4d03; // struct mtd_oob_buf *, its length written
    pub const MEMREADOOB:        u32 = 0xc010_4d04; // struct mtd_oob_buf *, its start written
    pub const MEMLOCK:           u32 = 0x4008_4d05; // struct erase_info_user *
    pub const MEMUNLOCK:         u32 = 0x4008_4d06; // struct erase_info_user *
    pub const MEMGETREGIONCOUNT: u32 = 0x8004_4d07; // int *, written
    pub const MEMGETREGIONINFO:  u32 = 0xc010_4d08; // struct region_info_user *, written
    pub const MEMGETOOBSEL:      u32 = 0x80c8_4d0a; // struct nand_oobinfo *, written
    pub const MEMGETBADBLOCK:    u32 = 0x4008_4d0b; // __kernel_loff_t *
    pub const MEMSETBADBLOCK:    u32 = 0x4008_4d0c; // __kernel_loff_t *
    pub const OTPSELECT:         u32 = 0x8004_4d0d; // int *, read
    pub const OTPGETREGIONCOUNT: u32 = 0x4004_4d0e; // int *, written
    pub const OTPGETREGIONINFO:  u32 = 0x400c_4d0f; // struct otp_info *, written
    pub const OTPLOCK:           u32 = 0x800c_4d10; // struct otp_info *, read
    pub const ECCGETLAYOUT:      u32 = 0x8148_4d11; // struct nand_ecclayout_user *, written
    pub const ECCGETSTATS:       u32 = 0x8010_4d12; // struct mtd_ecc_stats *, written
    pub const MTDFILEMODE:       u32 = 0x0000_4d13; // unsigned long: MTD_FILE_MODE_*
    pub const MEMERASE64:        u32 = 0x4010_4d14; // struct erase_info_user64 *
    pub const MEMWRITEOOB64:     u32 = 0xc018_4d15; // struct mtd_oob_buf64 *, its length written
    pub const MEMREADOOB64:      u32 = 0xc018_4d16; // struct mtd_oob_buf64 *, its length written
    pub const MEMISLOCKED:       u32 = 0x8008_4d17; // struct erase_info_user *, read
    pub const MEMWRITE:          u32 = 0xc030_4d18; // struct mtd_write_req *
    pub const OTPERASE:          u32 = 0x400c_4d19; // struct otp_info *
    pub const MEMREAD:           u32 = 0xc040_4d1a; // struct mtd_read_req *, written; since Linux 6.1
    pub const BLKPG:             u32 = 0x0000_1269; // struct blkpg_ioctl_arg *
    pub const BLKRRPART:         u32 = 0x0000_125f; // nothing
}

/// `type` of [`InfoUser`].
#[rustfmt::skip]
#[expect(missing_docs, reason = "the name says it")]
pub mod kind {
    pub const MTD_RAM:       u8 = 1;
    pub const MTD_NORFLASH:  u8 = 3;
    pub const MTD_NANDFLASH: u8 = 4;
}

/// `flags` of [`InfoUser`].
#[rustfmt::skip]
#[expect(missing_docs, reason = "the end of each line says it")]
pub mod flag {
    pub const MTD_WRITEABLE:     u32 = 0x0400; // can be written
    pub const MTD_BIT_WRITEABLE: u32 = 0x0800; // single bits can be cleared
    pub const MTD_NO_ERASE:      u32 = 0x1000; // need not be erased
    pub const MTD_POWERUP_LOCK:  u32 = 0x2000; // locked as it gets power
}

/// The argument of [`ioctl::MTDFILEMODE`], and of [`ioctl::OTPSELECT`] up to 2.
#[rustfmt::skip]
#[expect(missing_docs, reason = "the name says it")]
pub mod file_mode {
    pub const MTD_FILE_MODE_NORMAL:      u64 = 0;
    pub const MTD_FILE_MODE_OTP_FACTORY: u64 = 1;
    pub const MTD_FILE_MODE_OTP_USER:    u64 = 2;
    pub const MTD_FILE_MODE_RAW:         u64 = 3;
}

/// `mode` of [`Request`].
#[rustfmt::skip]
#[expect(missing_docs, reason = "the name says it")]
pub mod ops {
    pub const MTD_OPS_PLACE_OOB: u8 = 0;
    pub const MTD_OPS_AUTO_OOB:  u8 = 1;
    pub const MTD_OPS_RAW:       u8 = 2;
}

/// `op` of [`BlkpgArgument`]: `BLKPG_ADD_PARTITION`.
pub const BLKPG_ADD_PARTITION: i32 = 1;
/// `op` of [`BlkpgArgument`]: `BLKPG_DEL_PARTITION`.
pub const BLKPG_DEL_PARTITION: i32 = 2;

/// How many free regions `ECCGETLAYOUT` shows at most: `MTD_MAX_OOBFREE_ENTRIES`; `MEMGETOOBSEL` as many.
pub const MAX_FREE_REGIONS: usize = 8;
/// How many bytes of error correction `ECCGETLAYOUT` shows at most: `MTD_MAX_ECCPOS_ENTRIES`.
pub const MAX_ECC_POSITIONS: usize = 64;
/// How many of them `MEMGETOOBSEL` has room for: `eccpos` of `struct nand_oobinfo`.
pub const MAX_OOBINFO_POSITIONS: usize = 32;
/// `useecc` of `struct nand_oobinfo`: `MTD_NANDECC_AUTOPLACE`.
pub const NANDECC_AUTOPLACE: u32 = 2;
/// The most spare bytes that `MEMREADOOB` and its like do at once (`mtdchar_readoob` of `drivers/mtd/mtdchar.c`).
pub const MAX_OOB: u32 = 4096;

/// `struct mtd_info_user`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct InfoUser {
    /// `MTD_*FLASH`
    pub kind: u8,
    /// `MTD_WRITEABLE` and its like.
    pub flags: u32,
    /// In bytes; only the lowest 32 bits.
    pub size: u32,
    /// In bytes.
    pub erasesize: u32,
    /// In bytes.
    pub writesize: u32,
    /// In bytes, of a page.
    pub oobsize: u32,
    /// Always 0.
    pub padding: u64,
}

/// `struct erase_info_user` and `struct erase_info_user64`, and nothing of either but this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EraseInfo {
    /// In bytes.
    pub start: u64,
    /// In bytes.
    pub length: u64,
}

/// `struct mtd_oob_buf` and `struct mtd_oob_buf64`, and nothing of either but this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OobBuf {
    /// In bytes; what it has over a page is the first spare byte.
    pub start: u64,
    /// How many spare bytes.
    pub length: u32,
    /// Where in the client's memory.
    pub ptr: u64,
}

/// `struct mtd_write_req`, and the beginning of `struct mtd_read_req`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Request {
    /// In bytes.
    pub start: u64,
    /// Of the main area, in bytes.
    pub len: u64,
    /// Of the spare bytes.
    pub ooblen: u64,
    /// Where in the client's memory; 0 for none.
    pub usr_data: u64,
    /// Where in the client's memory; 0 for none.
    pub usr_oob: u64,
    /// `MTD_OPS_*`
    pub mode: u8,
    /// Nothing.
    pub padding: [u8; 7],
}

/// `struct mtd_read_req`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct ReadRequest {
    /// What is read.
    pub request: Request,
    /// Steps that could not be corrected, bits that were, and how many in the worst step.
    pub ecc_stats: [u32; 3],
}

/// `struct blkpg_ioctl_arg`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct BlkpgArgument {
    /// `BLKPG_ADD_PARTITION` and its like.
    pub op: i32,
    /// Nothing.
    pub flags: i32,
    /// Not looked at.
    pub datalen: i32,
    /// Where in the client's memory the [`BlkpgPartition`] is.
    pub data: u64,
}

/// `struct blkpg_partition`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct BlkpgPartition {
    /// In bytes.
    pub start: i64,
    /// In bytes.
    pub length: i64,
    /// The number of a partition that goes.
    pub pno: i32,
    /// What one that comes is called; ends with a 0.
    pub devname: [u8; 64],
    /// Not looked at.
    pub volname: [u8; 64],
}

const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<InfoUser>() == InfoUser::SIZE);
    assert!(
        offset_of!(InfoUser, flags) == 4 && offset_of!(InfoUser, size) == 8 && offset_of!(InfoUser, erasesize) == 12
    );
    assert!(offset_of!(InfoUser, writesize) == 16 && offset_of!(InfoUser, oobsize) == 20);
    assert!(offset_of!(InfoUser, padding) == 24);
    assert!(size_of::<Request>() == Request::SIZE);
    assert!(offset_of!(Request, len) == 8 && offset_of!(Request, ooblen) == 16 && offset_of!(Request, usr_data) == 24);
    assert!(offset_of!(Request, usr_oob) == 32 && offset_of!(Request, mode) == 40);
    assert!(size_of::<ReadRequest>() == ReadRequest::SIZE && offset_of!(ReadRequest, ecc_stats) == 48);
    assert!(size_of::<BlkpgArgument>() == BlkpgArgument::SIZE && offset_of!(BlkpgArgument, data) == 16);
    assert!(size_of::<BlkpgPartition>() == BlkpgPartition::SIZE);
    assert!(offset_of!(BlkpgPartition, length) == 8 && offset_of!(BlkpgPartition, pno) == 16);
    assert!(offset_of!(BlkpgPartition, devname) == 20);
    assert!(size_in(ioctl::MEMGETINFO) == InfoUser::SIZE && size_in(ioctl::MEMWRITE) == Request::SIZE);
    assert!(size_in(ioctl::MEMREAD) == ReadRequest::SIZE && size_in(ioctl::ECCGETSTATS) == 16);
    assert!(size_in(ioctl::MEMGETOOBSEL) == 4 * (2 + 2 * MAX_FREE_REGIONS + MAX_OOBINFO_POSITIONS));
    assert!(size_in(ioctl::ECCGETLAYOUT) == 4 * (2 + MAX_ECC_POSITIONS + 2 * MAX_FREE_REGIONS));
};

/// How large the argument is that an ioctl's number tells of (`_IOC_SIZE` of `asm-generic/ioctl.h`).
const fn size_in(command: u32) -> usize {
    (command >> 16 & 0x3fff) as usize
}

impl InfoUser {
    /// Bytes of it in the client's memory, padding included.
    pub const SIZE: usize = 32;

    /// As the client has it, in the byte order of the machine.
    pub fn bytes(&self) -> Vec<u8> {
        let words = [
            u32::from_ne_bytes([self.kind, 0, 0, 0]),
            self.flags,
            self.size,
            self.erasesize,
            self.writesize,
            self.oobsize,
        ];
        [words.map(u32::to_ne_bytes).as_flattened(), &self.padding.to_ne_bytes()].concat()
    }
}

impl EraseInfo {
    /// From a `struct erase_info_user`.
    pub fn parse(bytes: &[u8; 8]) -> Self {
        EraseInfo {
            start: u32::from_ne_bytes(part(bytes, 0)).into(),
            length: u32::from_ne_bytes(part(bytes, 4)).into(),
        }
    }

    /// From a `struct erase_info_user64`.
    pub fn parse64(bytes: &[u8; 16]) -> Self {
        EraseInfo { start: u64::from_ne_bytes(part(bytes, 0)), length: u64::from_ne_bytes(part(bytes, 8)) }
    }
}

impl OobBuf {
    /// From a `struct mtd_oob_buf`: start, length, pointer.
    pub fn parse(bytes: &[u8; 16]) -> Self {
        OobBuf {
            start: u32::from_ne_bytes(part(bytes, 0)).into(),
            length: u32::from_ne_bytes(part(bytes, 4)),
            ptr: u64::from_ne_bytes(part(bytes, 8)),
        }
    }

    /// From a `struct mtd_oob_buf64`: start, padding, length, pointer.
    pub fn parse64(bytes: &[u8; 24]) -> Self {
        OobBuf {
            start: u64::from_ne_bytes(part(bytes, 0)),
            length: u32::from_ne_bytes(part(bytes, 12)),
            ptr: u64::from_ne_bytes(part(bytes, 16)),
        }
    }
}

impl Request {
    /// Bytes of it in the client's memory, padding included.
    pub const SIZE: usize = 48;

    /// From the client's bytes, in the byte order of the machine.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |at| u64::from_ne_bytes(part(bytes, at));
        let (start, len, ooblen, usr_data, usr_oob) = (word(0), word(8), word(16), word(24), word(32));
        Request { start, len, ooblen, usr_data, usr_oob, mode: bytes[40], padding: part(bytes, 41) }
    }

    /// As the client has it.
    pub fn bytes(&self) -> Vec<u8> {
        let words = [self.start, self.len, self.ooblen, self.usr_data, self.usr_oob].map(u64::to_ne_bytes);
        [words.as_flattened(), &[self.mode], &self.padding].concat()
    }
}

impl ReadRequest {
    /// Bytes of it in the client's memory, padding included.
    pub const SIZE: usize = 64;

    /// From the client's bytes, in the byte order of the machine.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Self {
        let ecc_stats = [48, 52, 56].map(|at| u32::from_ne_bytes(part(bytes, at)));
        ReadRequest { request: Request::parse(&part(bytes, 0)), ecc_stats }
    }

    /// As the client has it; the padding at its end as zeroes.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.request.bytes()[..], self.ecc_stats.map(u32::to_ne_bytes).as_flattened(), &[0; 4]].concat()
    }
}

impl BlkpgArgument {
    /// Bytes of it in the client's memory, padding included.
    pub const SIZE: usize = 24;

    /// From the client's bytes, in the byte order of the machine.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |at| i32::from_ne_bytes(part(bytes, at));
        let (op, flags, datalen) = (word(0), word(4), word(8));
        BlkpgArgument { op, flags, datalen, data: u64::from_ne_bytes(part(bytes, 16)) }
    }
}

impl BlkpgPartition {
    /// Bytes of it in the client's memory, padding included.
    pub const SIZE: usize = 152;

    /// From the client's bytes, in the byte order of the machine.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Self {
        BlkpgPartition {
            start: i64::from_ne_bytes(part(bytes, 0)),
            length: i64::from_ne_bytes(part(bytes, 8)),
            pno: i32::from_ne_bytes(part(bytes, 16)),
            devname: part(bytes, 20),
            volname: part(bytes, 84),
        }
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}
