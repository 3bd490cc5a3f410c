//! The FUSE protocol's structures: `linux/fuse.h`, version 7.31 and what later versions added at their ends.
//!
//! All integers are in the machine's byte order. The kernel sends a header and then what its opcode asks for; every
//! message that comes from it is checked as any input from outside.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The version that we speak.
pub(crate) const VERSION: (u32, u32) = (7, 31);

/// The node that is always there.
pub(crate) const ROOT: u64 = 1;

/// The most that one write carries, in bytes. A longer one comes in several: pieces of a power of two, so that each is made
/// of whole pages of a flash. They are of just this size, wherever the client's memory begins, since it is less than
/// [`MAX_PAGES`] hold (`fuse_direct_io` in fs/fuse/file.c).
pub(crate) const MAX_WRITE: u32 = 512 * 1024;

/// How many pages of the client's one request takes: as many as the kernel lets it.
pub(crate) const MAX_PAGES: u16 = 256;

/// Room for any request: the largest write with its headers, and never below the kernel's minimum (8 KiB).
pub(crate) const REQUEST_ROOM: usize = MAX_WRITE as usize + 4096;

macro_rules! opcodes {
    ($($name:ident = $number:literal),* $(,)?) => {
        /// What the kernel asks for.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Opcode { $($name),* }

        impl Opcode {
            pub(crate) fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Opcode::$name),)* _ => None }
            }
        }
    };
}

opcodes! {
    Lookup = 1, Forget = 2, Getattr = 3, Setattr = 4, Readlink = 5, Unlink = 10, Open = 14, Read = 15, Write = 16,
    Statfs = 17, Release = 18, Fsync = 20, Getxattr = 22, Listxattr = 23, Flush = 25, Init = 26, Opendir = 27,
    Readdir = 28, Releasedir = 29, Setlk = 32, Setlkw = 33, Access = 34, Interrupt = 36, Destroy = 38, Ioctl = 39,
    Poll = 40, BatchForget = 42, Fallocate = 43, CuseInit = 4096,
}

/// `fuse_open_out.open_flags`: every read and write comes to us, nothing is answered from a cache.
pub(crate) const FOPEN_DIRECT_IO: u32 = 1 << 0;
/// The file has no position: no lseek, no pread.
pub(crate) const FOPEN_STREAM: u32 = 1 << 4;
/// close(2) sends no FLUSH.
pub(crate) const FOPEN_NOFLUSH: u32 = 1 << 5;
/// Writes to one open file may run side by side (7.38; older kernels let them wait for each other).
pub(crate) const FOPEN_PARALLEL_DIRECT_WRITES: u32 = 1 << 6;

/// `fuse_init_in.flags`: writes larger than a page.
pub(crate) const INIT_BIG_WRITES: u32 = 1 << 5;
/// Locks of flock(2) are ours to give.
pub(crate) const INIT_FLOCK_LOCKS: u32 = 1 << 10;
/// `max_pages` says something; if not, a request takes 32 pages.
pub(crate) const INIT_MAX_PAGES: u32 = 1 << 22;
/// Lookups in one directory may run side by side.
pub(crate) const INIT_PARALLEL_DIROPS: u32 = 1 << 18;

/// `fuse_setattr_in.valid`: the size is to be changed.
pub(crate) const SETATTR_SIZE: u32 = 1 << 3;
/// `fuse_read_in.read_flags`: it says who reads, as a client's own read does, and one for the page cache does not
/// (`fuse_direct_io` and `fuse_read_folio` in fs/fuse/file.c).
pub(crate) const READ_LOCKOWNER: u32 = 1 << 1;
/// `fuse_lk_in.lk_flags`: flock(2), not fcntl(2).
pub(crate) const LK_FLOCK: u32 = 1 << 0;
/// It comes by an open file: ftruncate(2), and not open(2) with O_TRUNC (`fuse_do_setattr` in fs/fuse/dir.c).
pub(crate) const SETATTR_FH: u32 = 1 << 6;
/// `fuse_ioctl_in.flags`: the caller is a 32-bit program.
pub(crate) const IOCTL_COMPAT: u32 = 1 << 0;
/// `fuse_ioctl_out.flags`: not an answer, but which parts of the caller's memory the server needs. The same call comes
/// again with them (`fuse_do_ioctl` of fs/fuse/ioctl.c).
pub(crate) const IOCTL_RETRY: u32 = 1 << 2;
/// `FUSE_IOCTL_MAX_IOV`: how many parts at most, those to be read and those to be written together.
pub(crate) const IOCTL_MAX_PARTS: usize = 256;
/// `cuse_init_in.flags`: ioctls of any number may ask for any memory of their caller.
pub(crate) const CUSE_UNRESTRICTED_IOCTL: u32 = 1 << 0;
/// `fuse_poll_in.flags`: somebody is about to sleep; tell when there is news.
pub(crate) const POLL_SCHEDULE_NOTIFY: u32 = 1 << 0;
/// `fuse_out_header.error` of a notification that wakes pollers.
pub(crate) const NOTIFY_POLL: i32 = 1;

macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident [$size:literal] { $($field:ident: $type:ty),* $(,)? })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }
        const _: () = assert!(size_of::<$name>() == $size);
    )* };
}

wire! {
    InHeader [40] {
        len: u32, opcode: u32, unique: u64, nodeid: u64, uid: u32, gid: u32, pid: u32, extensions: u16, padding: u16,
    }
    OutHeader [16] { len: u32, error: i32, unique: u64 }
    /// Without what versions after 7.35 added: flags2 and padding.
    InitIn [16] { major: u32, minor: u32, max_readahead: u32, flags: u32 }
    InitOut [64] {
        major: u32, minor: u32, max_readahead: u32, flags: u32, max_background: u16, congestion_threshold: u16,
        max_write: u32, time_granularity: u32, max_pages: u16, map_alignment: u16, flags2: u32, unused: [u32; 7],
    }
    Attributes [88] {
        ino: u64, size: u64, blocks: u64, atime: u64, mtime: u64, ctime: u64, atime_nsec: u32, mtime_nsec: u32,
        ctime_nsec: u32, mode: u32, nlink: u32, uid: u32, gid: u32, rdev: u32, blksize: u32, flags: u32,
    }
    EntryOut [128] {
        nodeid: u64, generation: u64, entry_valid: u64, attr_valid: u64, entry_valid_nsec: u32, attr_valid_nsec: u32,
        attr: Attributes,
    }
    AttrOut [104] { attr_valid: u64, attr_valid_nsec: u32, dummy: u32, attr: Attributes }
    /// Its beginning; the values follow.
    SetattrIn [8] { valid: u32, padding: u32 }
    StatfsOut [80] {
        blocks: u64, free: u64, available: u64, files: u64, files_free: u64, block_size: u32, name_length: u32,
        fragment_size: u32, padding: u32, spare: [u32; 6],
    }
    OpenIn [8] { flags: u32, open_flags: u32 }
    OpenOut [16] { fh: u64, open_flags: u32, padding: u32 }
    FlushIn [24] { fh: u64, unused: u32, padding: u32, lock_owner: u64 }
    ReleaseIn [24] { fh: u64, flags: u32, release_flags: u32, lock_owner: u64 }
    ReadIn [40] {
        fh: u64, offset: u64, size: u32, read_flags: u32, lock_owner: u64, flags: u32, padding: u32,
    }
    WriteIn [40] {
        fh: u64, offset: u64, size: u32, write_flags: u32, lock_owner: u64, flags: u32, padding: u32,
    }
    WriteOut [8] { size: u32, padding: u32 }
    LkIn [48] {
        fh: u64, owner: u64, start: u64, end: u64, kind: u32, pid: u32, lk_flags: u32, padding: u32,
    }
    IoctlIn [32] { fh: u64, flags: u32, command: u32, argument: u64, in_size: u32, out_size: u32 }
    IoctlOut [16] { result: i32, flags: u32, in_iovs: u32, out_iovs: u32 }
    /// `struct fuse_ioctl_iovec`: a part of the caller's memory.
    IoctlPart [16] { base: u64, len: u64 }
    CuseInitIn [16] { major: u32, minor: u32, unused: u32, flags: u32 }
    /// What the device is called follows, as `DEVNAME=...` with a final zero.
    CuseInitOut [72] {
        major: u32, minor: u32, unused: u32, flags: u32, max_read: u32, max_write: u32, dev_major: u32, dev_minor: u32,
        spare: [u32; 10],
    }
    PollIn [24] { fh: u64, kh: u64, flags: u32, events: u32 }
    PollOut [8] { revents: u32, padding: u32 }
    PollWakeup [8] { kh: u64 }
    /// What comes before a name in a listing; the whole is padded to 8 bytes.
    Dirent [24] { ino: u64, off: u64, namelen: u32, kind: u32 }
    InterruptIn [8] { unique: u64 }
    ForgetIn [8] { lookups: u64 }
    BatchForgetIn [8] { count: u32, dummy: u32 }
    ForgetOne [16] { nodeid: u64, lookups: u64 }
}
