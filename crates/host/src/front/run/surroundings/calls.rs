//! Answers calls that meet the tree around the devices.

use super::{mode, size};
use crate::{
    front::run::{
        descriptor::Descriptor,
        opener::Job,
        stat::Shown,
        supervisor::{Supervisor, Verdict},
        trap::is_the_kernels,
    },
    lab::entries::{Entry, Kind},
    sys::seccomp::Notification,
};
use outlive_classes::Errno;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxFlags, accessat, openat, readlinkat, statx};
use std::{
    os::fd::AsFd,
    path::{Path, PathBuf},
    sync::Arc,
};
use zerocopy::{Immutable, IntoBytes};

/// `SYSFS_MAGIC`, `PROC_SUPER_MAGIC` and `TMPFS_MAGIC` of `linux/magic.h`: libudev refuses devices outside sysfs.
pub(super) const SYSFS: i64 = 0x6265_6572;
pub(super) const PROC: i64 = 0x9fa0;
const TMPFS: i64 = 0x0102_1994;

/// `struct statfs` of `asm-generic/statfs.h`.
#[derive(Default, IntoBytes, Immutable)]
#[repr(C)]
struct Statfs {
    kind: i64,
    block_size: i64,
    blocks: [u64; 5],
    id: [i32; 2],
    name_length: i64,
    fragment_size: i64,
    flags: i64,
    spare: [i64; 4],
}

const _: () = assert!(size_of::<Statfs>() == 120);

impl Supervisor {
    pub(in crate::front::run) fn open_entry(&self, call: &Notification, entry: &Arc<Entry>, flags: i32) -> Verdict {
        Verdict::of(self.try_open_entry(call, entry, flags))
    }

    /// With the errors that open(2) has for such a file of sysfs.
    fn try_open_entry(&self, call: &Notification, entry: &Arc<Entry>, flags: i32) -> Result<(), Errno> {
        let by_path = flags & libc::O_PATH != 0;
        let creates = flags & libc::O_CREAT != 0 && !by_path;
        let writes = flags & libc::O_ACCMODE != libc::O_RDONLY && !by_path;
        if creates && flags & libc::O_EXCL != 0 {
            return Err(Errno::EXIST);
        }
        match entry.kind {
            Kind::Directory if creates || writes => return Err(Errno::ISDIR),
            Kind::Directory => {}
            _ if flags & libc::O_DIRECTORY != 0 => return Err(Errno::NOTDIR),
            _ if by_path => {}
            Kind::Link(_) => return Err(Errno::LOOP),
            _ if writes => return Err(Errno::ACCESS),
            _ if flags & libc::O_DIRECT != 0 => return Err(Errno::INVAL),
            _ => {}
        }
        let inodes = &self.files.inodes;
        let close_on_exec = flags & libc::O_CLOEXEC != 0;
        let Some(opener) = &self.opener else { return self.open_stand_in(call, entry, flags) };
        let (name, kept, lasting) = match entry.is_directory() {
            true => (inodes.directory(entry), OFlags::DIRECTORY, true),
            false => (inodes.announce(entry, by_path), OFlags::empty(), false),
        };
        let flags = kept | OFlags::from_bits_retain((flags & libc::O_NONBLOCK) as u32);
        let opened = opener.open(Job { flags, close_on_exec, lasting, ..Job::of(call, name.clone()) });
        inodes.withdraw(&name);
        opened.map(drop)
    }

    /// Where there is no mount.
    fn open_stand_in(&self, call: &Notification, entry: &Arc<Entry>, flags: i32) -> Result<(), Errno> {
        if entry.is_gone() {
            return Err(Errno::NOENT);
        }
        let stand_in = self.files.inodes.stand_in(entry, flags & libc::O_PATH != 0)?;
        self.listener.answer_with_descriptor(call.id, stand_in.as_fd(), flags & libc::O_CLOEXEC != 0)
    }

    /// A call that moves data, or asks a driver something, where there is no mount: on what stands for an entry. The kernel
    /// carries out what is left to it.
    pub(in crate::front::run) fn trapped_entry(&self, call: &Notification) -> Verdict {
        if !self.files.inodes.has_given() {
            return Verdict::Proceed;
        }
        let Some(descriptor) = Descriptor::of(call.pid, call.arguments[0] as i32) else { return Verdict::Proceed };
        let Some(entry) = self.files.inodes.stands_for(descriptor.file) else { return Verdict::Proceed };
        if self.files.inodes.is_inert(descriptor.file) {
            return Verdict::Answer(Err(Errno::BADF));
        }
        let refusal = match call.number {
            libc::SYS_ioctl if is_the_kernels(call.arguments[1] as u32) => None,
            libc::SYS_ioctl if entry.is_gone() => Some(Errno::NODEV),
            libc::SYS_ioctl => Some(Errno::NOTTY),
            // It was opened for reading: EBADF.
            libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64 | libc::SYS_pwritev | libc::SYS_pwritev2 => None,
            _ if entry.is_directory() => Some(Errno::ISDIR),
            _ if entry.is_gone() => Some(Errno::NODEV),
            // Further on it is what it was then (fs/seq_file.c).
            _ if is_from_the_beginning(call, &descriptor) => self.files.inodes.refresh(&entry).err(),
            _ => None,
        };
        refusal.map_or(Verdict::Proceed, |errno| Verdict::Answer(Err(errno)))
    }

    /// Opens a file of the machine's for a client whose way there led through ours.
    pub(in crate::front::run) fn open_machine(&self, call: &Notification, path: &Path, flags: i32) -> Verdict {
        let opened = may_what_we_may(call.pid).and_then(|()| {
            if flags & libc::O_CREAT != 0 {
                return Err(Errno::ACCESS);
            }
            // Linux passes no descriptor on that was opened with O_PATH: one for reading stands for it.
            let by_path = flags & libc::O_PATH != 0;
            let flags = if by_path { flags & (libc::O_DIRECTORY | libc::O_NOFOLLOW) } else { flags };
            let flags = OFlags::from_bits_retain(flags as u32) | OFlags::CLOEXEC | OFlags::NOCTTY;
            openat(CWD, here(call.pid, path), flags, Mode::empty())
        });
        let close_on_exec = flags & libc::O_CLOEXEC != 0;
        Verdict::of(opened.and_then(|fd| self.listener.answer_with_descriptor(call.id, fd.as_fd(), close_on_exec)))
    }

    /// What a stat shows of an entry.
    pub(in crate::front::run) fn shown_entry(&self, entry: &Entry) -> Shown {
        let below = self.lab.entries().children(&entry.path);
        let directories = below.iter().filter(|child| child.is_directory() && !child.is_gone()).count();
        let (seconds, nanoseconds) = self.start_time();
        Shown {
            inode: entry.inode,
            mode: mode(entry),
            size: size(entry),
            number: (0, 0),
            links: if entry.is_directory() { 2 + directories as u32 } else { 1 },
            owner: (0, 0),
            device: self.names.device(),
            blocks: 0,
            changed: [(seconds, nanoseconds); 3],
        }
    }

    /// What a stat shows of a file of the machine's.
    pub(in crate::front::run) fn shown_machine(&self, pid: u32, path: &Path, follow: bool) -> Result<Shown, Errno> {
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let found = statx(CWD, here(pid, path), flags, StatxFlags::BASIC_STATS)?;
        Ok(shown(&found))
    }

    /// statfs(2) of an entry: the kind of file system that it would be on.
    pub(in crate::front::run) fn statfs(&self, call: &Notification, entry: &Entry, address: u64) -> Verdict {
        let kind = match entry.path.split('/').nth(1) {
            Some("sys") => SYSFS,
            Some("proc") => PROC,
            _ => TMPFS,
        };
        let statfs = Statfs { kind, block_size: 4096, name_length: 255, fragment_size: 4096, ..Statfs::default() };
        self.give(call, address, statfs.as_bytes())
    }

    /// getcwd(2) of a client that is in a directory of ours; it counts the zero byte.
    pub(in crate::front::run) fn getcwd(&self, call: &Notification) -> Verdict {
        let [buffer, size, ..] = call.arguments;
        if !self.files.inodes.has_given() {
            return Verdict::Proceed;
        }
        let Some(entry) = self.names.working_directory(call.pid) else { return Verdict::Proceed };
        if entry.is_gone() {
            return Verdict::Answer(Err(Errno::NOENT));
        }
        let path = [entry.path.as_bytes(), &[0]].concat();
        if (path.len() as u64) > size {
            return Verdict::Answer(Err(Errno::RANGE));
        }
        match self.give(call, buffer, &path) {
            Verdict::Answer(Ok(_)) => Verdict::Answer(Ok(path.len() as i64)),
            other => other,
        }
    }

    /// Gives `text` as readlink(2) does: cut, and without a zero byte.
    pub(in crate::front::run) fn give_link(&self, call: &Notification, buffer: u64, size: u64, text: &[u8]) -> Verdict {
        if (size as i32) <= 0 {
            return Verdict::Answer(Err(Errno::INVAL));
        }
        let given = &text[..text.len().min(size as usize)];
        match self.give(call, buffer, given) {
            Verdict::Answer(Ok(_)) => Verdict::Answer(Ok(given.len() as i64)),
            other => other,
        }
    }
}

/// Whether a read is of the beginning of its file.
fn is_from_the_beginning(call: &Notification, descriptor: &Descriptor) -> bool {
    let offset = call.arguments[3];
    let from = match call.number {
        libc::SYS_pread64 | libc::SYS_preadv => offset,
        libc::SYS_preadv2 if offset as i64 != -1 => offset,
        _ => descriptor.position,
    };
    from == 0
}

/// access(2) of an entry. Root may write whatever the mode, as far as access is concerned (`generic_permission`).
pub(in crate::front::run) fn access_entry(entry: &Entry, wanted: i32) -> Result<i64, Errno> {
    let denied = match entry.kind {
        Kind::Link(_) => 0,
        Kind::Directory => libc::W_OK,
        _ => libc::W_OK | libc::X_OK,
    };
    let denied = if rustix::process::geteuid().is_root() { denied & !libc::W_OK } else { denied };
    if wanted & denied == 0 { Ok(0) } else { Err(Errno::ACCESS) }
}

/// access(2) of a file of the machine's.
pub(in crate::front::run) fn access_machine(pid: u32, path: &Path, wanted: i32) -> Result<i64, Errno> {
    let wanted = rustix::fs::Access::from_bits_truncate(wanted as u32);
    may_what_we_may(pid)?;
    accessat(CWD, here(pid, path), wanted, AtFlags::empty()).map(|()| 0)
}

/// What a link of the machine's says.
pub(in crate::front::run) fn link_machine(pid: u32, path: &Path) -> Result<Vec<u8>, Errno> {
    readlinkat(CWD, here(pid, path), Vec::new()).map(|text| text.into_bytes())
}

/// A path below the client's root, as one of ours.
pub(super) fn here(pid: u32, path: &Path) -> PathBuf {
    Path::new(&format!("/proc/{pid}/root")).join(path.strip_prefix("/").unwrap_or(path))
}

/// Whether the client may do what we may, as far as files are concerned: we open in its stead.
///
/// # Errors
/// EACCES if it is somebody else, or has other rights.
pub(super) fn may_what_we_may(pid: u32) -> Result<(), Errno> {
    let rights = |process: String| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let is_one = |line: &&str| ["Uid:", "Gid:", "Groups:", "CapEff:"].iter().any(|key| line.starts_with(key));
        Some(status.lines().filter(is_one).collect::<Vec<_>>().join("\n"))
    };
    let (ours, theirs) = (rights("thread-self".to_owned()), rights(pid.to_string()));
    if ours.is_some() && ours == theirs { Ok(()) } else { Err(Errno::ACCESS) }
}

fn shown(found: &Statx) -> Shown {
    let time = |time: rustix::fs::StatxTimestamp| (time.tv_sec, time.tv_nsec);
    Shown {
        inode: found.stx_ino,
        mode: found.stx_mode.into(),
        size: found.stx_size,
        number: (found.stx_rdev_major, found.stx_rdev_minor),
        links: found.stx_nlink,
        owner: (found.stx_uid, found.stx_gid),
        device: (found.stx_dev_major, found.stx_dev_minor),
        blocks: found.stx_blocks,
        changed: [time(found.stx_atime), time(found.stx_mtime), time(found.stx_ctime)],
    }
}
