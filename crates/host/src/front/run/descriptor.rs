//! What proc(5) tells of a descriptor of somebody's (`/proc/PID/fdinfo/N`), without asking the file system that it is on:
//! that may be us.

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// A mount and an inode on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct FileId {
    pub(super) mount: u64,
    pub(super) inode: u64,
}

/// A descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Descriptor {
    pub(super) file: FileId,
    /// As open(2) took them, and fcntl(2) has changed them.
    pub(super) flags: i32,
    pub(super) position: u64,
}

impl Descriptor {
    /// That of thread `pid`.
    pub(super) fn of(pid: u32, number: i32) -> Option<Self> {
        Self::at(&format!("/proc/{pid}"), number)
    }

    /// That of the process whose directory is `process`.
    pub(super) fn at(process: &str, number: i32) -> Option<Self> {
        if number < 0 {
            return None;
        }
        let info = std::fs::read_to_string(format!("{process}/fdinfo/{number}")).ok()?;
        let field = |key: &str| info.lines().find_map(|line| Some(line.strip_prefix(key)?.trim()));
        let decimal = |key| field(key)?.parse().ok();
        // `ino` is there from 5.14 on.
        let inode = decimal("ino:").or_else(|| inode_without_sync(process, number))?;
        let flags = i32::from_str_radix(field("flags:")?, 8).ok()?;
        Some(Descriptor { file: FileId { mount: decimal("mnt_id:")?, inode }, flags, position: decimal("pos:")? })
    }
}

fn inode_without_sync(process: &str, number: i32) -> Option<u64> {
    let path = format!("{process}/fd/{number}");
    statx(CWD, path.as_str(), AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok().map(|found| found.stx_ino)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{OFlags, SeekFrom, fcntl_getfl, fcntl_setfl, fstat, seek};
    use std::{io::Write, os::fd::AsRawFd};

    #[test]
    fn a_descriptor_is_told_as_it_is() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"eleven byte").unwrap();
        seek(&file, SeekFrom::Start(7)).unwrap();
        fcntl_setfl(&file, fcntl_getfl(&file).unwrap() | OFlags::NONBLOCK).unwrap();
        let told = Descriptor::of(std::process::id(), file.as_raw_fd()).unwrap();
        assert_eq!((told.file.inode, told.position), (fstat(&file).unwrap().st_ino, 7));
        assert_eq!(told.flags & (libc::O_ACCMODE | libc::O_NONBLOCK), libc::O_RDWR | libc::O_NONBLOCK);
        assert_eq!(inode_without_sync("/proc/self", file.as_raw_fd()), Some(told.file.inode));
        assert_eq!((Descriptor::of(std::process::id(), -1), Descriptor::at("/proc/self", 9999)), (None, None));
    }
}
