//! What the kernel believes of our inodes. It cannot be made to believe in character devices here, so the stat family is
//! answered by the supervisor; what is left is what the kernel itself goes by: whether it is a file, and where it ends.

use crate::fuse::{channel::Received, wire};
use outlive_classes::Errno;
use zerocopy::IntoBytes;

/// How long the kernel may keep attributes, in seconds: they never change.
pub(super) const FOREVER: u64 = 1 << 30;
/// The size of files without a position, in bytes. Clients never see it. Beyond the end of a file an asynchronous read
/// (io_uring, io_submit) is the end of file and not asked of us (`fuse_direct_IO` in fs/fuse/file.c), and writes wait for
/// each other (`fuse_dio_wr_exclusive_lock`); so no transfer reaches the end.
const NO_END: u64 = 1 << 20;
/// The size of one with a position until it is open: beyond any device, for the same reasons.
const NO_END_YET: u64 = 1 << 62;

/// What an inode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    Root,
    /// A file without a position.
    Stream,
    /// A file with a position: its size, in bytes, once it has been opened.
    Positioned(Option<u64>),
}

impl Sort {
    /// The attributes of inode `id`, and for how many seconds they may be kept.
    pub(super) fn attributes(self, id: u64) -> (wire::Attributes, u64) {
        let (size, valid) = match self {
            Sort::Root => (0, FOREVER),
            Sort::Stream => (NO_END, FOREVER),
            // By which lseek(2) finds the end (`fuse_file_llseek` in fs/fuse/file.c).
            Sort::Positioned(Some(size)) => (size, FOREVER),
            Sort::Positioned(None) => (NO_END_YET, 0),
        };
        let (mode, nlink) = if self == Sort::Root { (libc::S_IFDIR | 0o700, 2) } else { (libc::S_IFREG | 0o600, 1) };
        let attributes = wire::Attributes {
            ino: id,
            size,
            mode,
            nlink,
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            blksize: 4096,
            ..Default::default()
        };
        (attributes, valid)
    }

    /// The answer to GETATTR.
    pub(super) fn reply(self, id: u64) -> Vec<u8> {
        let (attr, attr_valid) = self.attributes(id);
        wire::AttrOut { attr_valid, attr, ..Default::default() }.as_bytes().to_vec()
    }

    /// ftruncate, fchmod, fchown, futimens on an open file.
    pub(super) fn set(self, request: &Received<'_>) -> Result<Vec<u8>, Errno> {
        let (wire::SetattrIn { valid, .. }, _) = request.parse()?;
        match valid & (wire::SETATTR_SIZE | wire::SETATTR_FH) {
            // An open with O_TRUNC, by way of /proc: of a device it changes nothing, and the size stays what it is.
            wire::SETATTR_SIZE => Ok(self.reply(request.header.nodeid)),
            // Its owner and mode are those of whoever runs the lab.
            0 | wire::SETATTR_FH => Err(Errno::PERM),
            // A character device has no size to be changed.
            _ => Err(Errno::INVAL),
        }
    }
}

/// fstatfs(2): a file system without blocks.
pub(super) fn statfs() -> Vec<u8> {
    wire::StatfsOut { block_size: 4096, name_length: 255, fragment_size: 4096, ..Default::default() }
        .as_bytes()
        .to_vec()
}
