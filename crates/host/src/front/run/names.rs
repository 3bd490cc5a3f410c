//! What a client's path means: one of our devices, one of our descriptors, or nothing of ours.
//!
//! The common answer is "not ours", and it must be cheap. A path is walked only if one of its parts is a name by which a
//! way leads from the machine's directories to something of ours, if it starts in a directory of ours, or if the machine
//! does not have even its directory, since a link in its middle may lead to us. Besides, its last part is looked at if it
//! is a number (as in /proc/self/fd/3) or a symbolic link.

use super::{
    descriptor::{Descriptor, FileId},
    files::Files,
    status,
    surroundings::{
        inodes::TREE,
        walk::{Place, Walk},
    },
    uevents::database::Record,
};
use crate::{
    lab::{
        Lab,
        entries::{ENTRY_BIT, Entry, Kind},
    },
    sys::memory::ClientMemory,
};
use outlive_classes::{Errno, Node, Plugged};
use rustix::fs::{AtFlags, CWD, StatxFlags, readlinkat, statx};
use std::{
    ffi::OsStr,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Component, Path, PathBuf},
    sync::Arc,
};

/// `PATH_MAX` of `linux/limits.h`, in bytes, with the final zero.
const PATH_MAX: usize = 4096;
/// How many symbolic links one path may lead through, as in the kernel (path_resolution(7)).
pub(super) const MAX_LINKS: usize = 40;

/// What a path or a descriptor is.
pub(super) enum Target {
    /// A node of a device that is there.
    Device(Arc<dyn Plugged>, Node),
    /// The node of a device of ours that is not there any more: the device's name.
    Gone(String),
    /// Something around a device.
    Entry(Arc<Entry>),
    /// A file of the machine's to which only we get, since the way leads through something of ours. It may not be there.
    Machine(PathBuf),
    /// Nothing, and the kernel need not be asked.
    Failed(Errno),
    /// The file that says how the devices are.
    Status,
    /// Something that udev would have in /run/udev.
    Udev(Record),
    /// A descriptor of ours, by way of /proc: the name of its node, and the device while the lab knows it.
    Descriptor(String, Option<Arc<dyn Plugged>>),
    /// A descriptor of something around a device, which may have gone.
    Held(Arc<Entry>),
    /// Not ours: the kernel goes on as if we were not there.
    NotOurs,
}

/// Where a client's path starts, and whether a link at its end is followed.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) pid: u32,
    pub(super) directory: i32,
    pub(super) follow: bool,
}

/// Finds out what paths and descriptors are.
pub(super) struct Names {
    lab: Arc<Lab>,
    files: Arc<Files>,
    /// The path of the file that says how the devices are.
    status: PathBuf,
    /// The number of our mount, by which our descriptors are known.
    mount: u64,
    /// What our mount is to stat: major and minor.
    device: (u32, u32),
}

impl Names {
    pub(super) fn new(lab: Arc<Lab>, files: Arc<Files>, root: &OwnedFd) -> std::io::Result<Self> {
        let root_of_ours = Descriptor::at("/proc/self", root.as_raw_fd())
            .ok_or_else(|| std::io::Error::other("/proc/self/fdinfo does not tell the mount of a descriptor"))?;
        let found = statx(root, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::empty())?;
        let (status, device) = (status::path(&lab), (found.stx_dev_major, found.stx_dev_minor));
        Ok(Names { lab, files, status, mount: root_of_ours.file.mount, device })
    }

    /// What a stat says that our entries are on: major and minor.
    pub(super) fn device(&self) -> (u32, u32) {
        self.device
    }

    /// The mount of our files, as /proc/PID/fdinfo names it.
    pub(super) fn mount(&self) -> u64 {
        self.mount
    }

    /// What the path at `address` in the client's memory is.
    pub(super) fn resolve(&self, start: Start, address: u64) -> Target {
        match read_path(start.pid, address) {
            Some(path) => self.resolve_bytes(start, &path),
            // The kernel will say EFAULT or ENAMETOOLONG.
            None => Target::NotOurs,
        }
    }

    /// What a path that has been read is.
    pub(super) fn resolve_bytes(&self, start: Start, path: &[u8]) -> Target {
        self.resolve_path(start, PathBuf::from(OsStr::from_bytes(path)))
    }

    /// What readlink(2) of the path at `address` is about: the node itself, or a link of /proc to a descriptor of ours.
    pub(super) fn resolve_link(&self, start: Start, address: u64) -> Target {
        let Some(path) = read_path(start.pid, address) else { return Target::NotOurs };
        if path.is_empty() {
            // Of what is open with O_PATH itself (readlink(2)).
            return match self.descriptor(start.pid, start.directory) {
                Target::Held(entry) => Target::Entry(entry),
                _ => Target::NotOurs,
            };
        }
        let path = PathBuf::from(OsStr::from_bytes(&path));
        if path.file_name() == Some(OsStr::new("cwd")) {
            return self.working_directory_named(start, &path).map_or(Target::NotOurs, Target::Held);
        }
        let descriptor = path.file_name().is_some_and(is_number);
        self.resolve_path(Start { follow: descriptor, ..start }, path)
    }

    /// What descriptor `number` of the client is.
    pub(super) fn descriptor(&self, pid: u32, number: i32) -> Target {
        Descriptor::of(pid, number).map_or(Target::NotOurs, |descriptor| self.target_of(&descriptor))
    }

    /// What a descriptor is.
    pub(super) fn target_of(&self, descriptor: &Descriptor) -> Target {
        let FileId { mount, inode } = descriptor.file;
        if mount != self.mount {
            return self.files.inodes.stands_for(descriptor.file).map_or(Target::NotOurs, held);
        }
        if inode & ENTRY_BIT != 0 {
            return self.files.inodes.entry_of(inode).map_or(Target::NotOurs, Target::Held);
        }
        match self.files.device_of(inode) {
            Some((name, device)) => Target::Descriptor(name, device),
            None => Target::NotOurs,
        }
    }

    /// The path of the directory that the client has as `number`, unless it is one of ours.
    pub(super) fn directory_path(&self, pid: u32, number: i32) -> Option<PathBuf> {
        let path = std::fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()?;
        if is_in_tree(&path) {
            return None;
        }
        below_root(Start { pid, directory: number, follow: true }, path)
    }

    /// The directory of ours in which the client works.
    pub(super) fn working_directory(&self, pid: u32) -> Option<Arc<Entry>> {
        let path = format!("/proc/{pid}/cwd");
        let text = std::fs::read_link(&path).ok()?;
        // What stands for one where there is no mount has no name.
        let may_stand_for_one = self.files.channel.is_none() && text.as_os_str().as_bytes().ends_with(b" (deleted)");
        if !is_in_tree(&text) && !may_stand_for_one {
            return None;
        }
        let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
        let found = statx(CWD, path.as_str(), AtFlags::STATX_DONT_SYNC, wanted).ok()?;
        if found.stx_mnt_id == self.mount {
            return self.files.inodes.entry_of(found.stx_ino);
        }
        self.files.inodes.stands_for(FileId { mount: found.stx_mnt_id, inode: found.stx_ino })
    }

    /// The same of the process that `/proc/PID/cwd` is of.
    fn working_directory_named(&self, start: Start, path: &Path) -> Option<Arc<Entry>> {
        if !self.files.inodes.has_given() {
            return None;
        }
        let full = lexical(&absolute(start, path)?);
        let process = full.to_str()?.strip_prefix("/proc/")?.strip_suffix("/cwd")?;
        match process {
            "self" | "thread-self" => self.working_directory(start.pid),
            process => self.working_directory(process.parse().ok()?),
        }
    }

    /// The directory of ours in which a relative path starts.
    fn start_of_ours(&self, start: Start, path: &Path) -> Option<Arc<Entry>> {
        if path.is_absolute() || !self.files.inodes.has_given() {
            return None;
        }
        if start.directory == libc::AT_FDCWD {
            return self.working_directory(start.pid);
        }
        match self.descriptor(start.pid, start.directory) {
            Target::Held(entry) => Some(entry),
            _ => None,
        }
    }

    fn resolve_path(&self, start: Start, path: PathBuf) -> Target {
        let bytes = path.as_os_str().as_bytes();
        // What a `Path` forgets: a slash at the end asks for a directory, and follows a link.
        let slash = bytes.ends_with(b"/") || bytes.ends_with(b"/.");
        match self.follow_path(Start { follow: start.follow || slash, ..start }, path) {
            Target::Device(..) | Target::Descriptor(..) | Target::Status | Target::Udev(_) if slash => {
                Target::Failed(Errno::NOTDIR)
            }
            Target::Entry(entry) | Target::Held(entry) if slash && !entry.is_directory() => {
                Target::Failed(Errno::NOTDIR)
            }
            target => target,
        }
    }

    fn follow_path(&self, start: Start, path: PathBuf) -> Target {
        if let Some(entry) = self.start_of_ours(start, &path) {
            if path.as_os_str().is_empty() || entry.is_gone() {
                return Target::Failed(Errno::NOENT);
            }
            if !entry.is_directory() {
                return Target::Failed(Errno::NOTDIR);
            }
            return self.walk(start, Some(&entry), &path).unwrap_or(Target::Failed(Errno::NOENT));
        }
        let mut path = path;
        for _ in 0..MAX_LINKS {
            if self.lab.entries().concern(path.as_os_str().as_bytes())
                && let Some(found) = self.walk(start, None, &path)
            {
                return found;
            }
            let Some(last) = path.file_name() else { return Target::NotOurs };
            let status = last == status::NAME;
            let udev = Record::may_be(last);
            if status || udev || is_number(last) {
                let Some(full) = absolute(start, &path) else { return Target::NotOurs };
                if udev && let Some(record) = Record::find(&self.lab, &root_of(start), &lexical(&full)) {
                    return Target::Udev(record);
                }
                if status && lexical(&full) == self.status {
                    return Target::Status;
                }
                if let Some((process, number)) = descriptor_path(&full, start.pid) {
                    let descriptor = if start.follow { Descriptor::at(&process, number) } else { None };
                    return descriptor.map_or(Target::NotOurs, |descriptor| self.target_of(&descriptor));
                }
            }
            // By a link in its middle it leads to us only if it ends in a name of ours. One part has no middle.
            let may_be_ours = self.lab.entries().have_name(last) && path.parent() != Some(Path::new(""));
            if !start.follow && !may_be_ours {
                return Target::NotOurs;
            }
            match link_of(start, &path, may_be_ours) {
                Link::To(_) if !start.follow => return Target::NotOurs,
                Link::To(target) if target.is_absolute() => path = target,
                Link::To(target) => path = path.parent().map(|parent| parent.join(&target)).unwrap_or(target),
                Link::No => return Target::NotOurs,
                Link::Nothing => return self.walk(start, None, &path).unwrap_or(Target::NotOurs),
            }
        }
        Target::NotOurs
    }

    /// Walks a path from a directory of ours, or from where it starts. `None`: the kernel gets there by itself.
    fn walk(&self, start: Start, from: Option<&Entry>, path: &Path) -> Option<Target> {
        let (at, path) = match from {
            Some(entry) => (PathBuf::from(format!("/{}", entry.path.trim_start_matches('/'))), path.to_owned()),
            None => (PathBuf::from("/"), absolute(start, path)?),
        };
        let root = PathBuf::from(root_of(start));
        let (entries, crossed) = (self.lab.entries(), from.is_some());
        let walk = Walk { entries, pid: start.pid, root, at, crossed, follow: start.follow };
        Some(match walk.to(&path) {
            Place::Plain => return None,
            Place::Entry(entry) => found(entry),
            Place::Machine(path) => Target::Machine(path),
            Place::Missing => Target::Failed(Errno::NOENT),
            Place::NotADirectory => Target::Failed(Errno::NOTDIR),
            Place::Loop => Target::Failed(Errno::LOOP),
        })
    }
}

/// What a path means that leads to `entry`.
fn found(entry: Arc<Entry>) -> Target {
    let node = entry.path.strip_prefix("/dev/").map(str::to_owned);
    match (&entry.kind, node) {
        (Kind::Node(device), Some(name)) => match device.upgrade() {
            Some(device) if device.gone().is_none() => match device.node_named(&name) {
                Some(node) => Target::Device(device, node),
                None => Target::Gone(name),
            },
            device => Target::Gone(device.map_or(name, |device| device.node().name.clone())),
        },
        (Kind::Gone(device), Some(_)) => Target::Gone(device.clone()),
        _ if entry.is_gone() => Target::Failed(Errno::NOENT),
        _ => Target::Entry(entry),
    }
}

/// What a descriptor is that stands for `entry`: of a node, one of its device.
fn held(entry: Arc<Entry>) -> Target {
    match &entry.kind {
        Kind::Node(device) => Target::Descriptor(entry.node_name().to_owned(), device.upgrade()),
        _ => Target::Held(entry),
    }
}

/// Whether a link of /proc may say that something is in the tree of our mount.
pub(super) fn is_in_tree(path: &Path) -> bool {
    path.as_os_str().as_bytes().strip_prefix(b"/").is_some_and(|path| path.starts_with(TREE.as_bytes()))
}

/// A client's path, up to its zero byte. `None` if it is no memory or too long. Read once, by pages, since what follows the string may not be there.
pub(super) fn read_path(pid: u32, address: u64) -> Option<Vec<u8>> {
    let memory = ClientMemory::of(pid);
    let mut path = Vec::with_capacity(256);
    let mut room = [0; PATH_MAX];
    while path.len() < PATH_MAX {
        let at = address.checked_add(path.len() as u64)?;
        // Most paths are short: the first look is at 256 bytes, and none crosses a page.
        let wanted = if path.is_empty() { 256 } else { PATH_MAX };
        let page = PATH_MAX - (at % PATH_MAX as u64) as usize;
        let n = memory.read_some(at, &mut room[..wanted.min(page)]);
        if n == 0 {
            return None;
        }
        if let Some(end) = room[..n].iter().position(|byte| *byte == 0) {
            path.extend_from_slice(&room[..end]);
            return (path.len() < PATH_MAX).then_some(path);
        }
        path.extend_from_slice(&room[..n]);
    }
    None
}

fn is_number(name: &OsStr) -> bool {
    name.as_bytes().iter().all(u8::is_ascii_digit)
}

/// The root of the client's file system, as a path of ours: it may have changed it (chroot(2), pivot_root(2)).
fn root_of(start: Start) -> String {
    format!("/proc/{}/root", start.pid)
}

/// A path of ours as the client has it: below its root.
fn below_root(start: Start, path: PathBuf) -> Option<PathBuf> {
    let root = std::fs::read_link(root_of(start)).ok()?;
    Some(Path::new("/").join(path.strip_prefix(root).ok()?))
}

/// The path from the root, as the client means it; links in it are not followed.
fn absolute(start: Start, path: &Path) -> Option<PathBuf> {
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    let directory = match start.directory {
        libc::AT_FDCWD => format!("/proc/{}/cwd", start.pid),
        number => format!("/proc/{}/fd/{number}", start.pid),
    };
    Some(below_root(start, std::fs::read_link(directory).ok()?)?.join(path))
}

/// `/proc/PID/fd/N` and its other names: the directory of the process whose descriptor it means, and its number.
fn descriptor_path(full: &Path, own: u32) -> Option<(String, i32)> {
    let text = lexical(full);
    let text = text.to_str()?;
    let number = |text: &str| text.parse::<i32>().ok();
    let me = format!("/proc/{own}");
    if let Some(rest) = text.strip_prefix("/dev/fd/") {
        return Some((me, number(rest)?));
    }
    let (process, rest) = text.strip_prefix("/proc/")?.split_once('/')?;
    let pid = match process {
        "self" | "thread-self" => me,
        // The client's /proc may count otherwise (pid_namespaces(7)), so it is that one which is asked.
        other => format!("{me}/root/proc/{}", other.parse::<u32>().ok()?),
    };
    let rest = match rest.strip_prefix("task/") {
        Some(task) => task.split_once('/')?.1,
        None => rest,
    };
    Some((pid, number(rest.strip_prefix("fd/")?)?))
}

/// Without `.` and `..`, as if no part were a link.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// What is at the end of a path.
enum Link {
    To(PathBuf),
    /// Something that is none.
    No,
    /// Nothing, not even the directory.
    Nothing,
}

fn is_there(path: &Path) -> bool {
    statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::TYPE).is_ok()
}

/// `look`: whether it is to be told if there is not even the directory.
fn link_of(start: Start, path: &Path, look: bool) -> Link {
    let Some(full) = absolute(start, path) else { return Link::No };
    // Those of /proc that lead to descriptors do not name what they lead to.
    if full.starts_with("/proc") {
        return Link::No;
    }
    let root = root_of(start);
    let here = |path: &Path| Path::new(&root).join(path.strip_prefix("/").unwrap_or(path));
    match readlinkat(CWD, here(&full), Vec::new()) {
        Ok(target) => Link::To(PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes()))),
        Err(Errno::NOENT) if look && !full.parent().is_some_and(|parent| is_there(&here(parent))) => Link::Nothing,
        Err(_) => Link::No,
    }
}
