//! What a client's path means: one of our devices, one of our descriptors, or nothing of ours.
//!
//! The common answer is "not ours", and it must be cheap. A path is looked at closely only if its last part is one of our
//! names or a number (as in /proc/self/fd/3), or if it is a symbolic link.

use super::{files::Files, status, uevents::database::Record};
use crate::{
    lab::{Lab, Lookup},
    sys::memory::ClientMemory,
};
use outlive_classes::{Access, Plugged};
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
const MAX_LINKS: usize = 40;

/// What a path or a descriptor is.
pub(super) enum Target {
    /// The node of a device that is there.
    Device(Arc<dyn Plugged>),
    /// The name of a device of ours that is not there any more.
    Gone(String),
    /// The node of a device, as if it were a directory: ENOTDIR.
    NotADirectory,
    /// The file that says how the devices are.
    Status,
    /// Something that udev would have in /run/udev.
    Udev(Record),
    /// A descriptor of ours, by way of /proc: its device's name, and the device while the lab knows it.
    Descriptor(String, Option<Arc<dyn Plugged>>),
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
}

impl Names {
    pub(super) fn new(lab: Arc<Lab>, files: Arc<Files>, root: &OwnedFd) -> std::io::Result<Self> {
        let (mount, _) = descriptor_of("/proc/self", root.as_raw_fd())
            .ok_or_else(|| std::io::Error::other("/proc/self/fdinfo does not tell the mount of a descriptor"))?;
        let status = status::path(&lab);
        Ok(Names { lab, files, status, mount })
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
        let path = PathBuf::from(OsStr::from_bytes(&path));
        let descriptor = path.file_name().is_some_and(is_number);
        self.resolve_path(Start { follow: descriptor, ..start }, path)
    }

    /// What descriptor `number` of the client is.
    pub(super) fn descriptor(&self, pid: u32, number: i32) -> Target {
        self.descriptor_at(&format!("/proc/{pid}"), number)
    }

    /// The inode of a descriptor that is ours, and how it is open (proc(5): octal, as open(2) took it).
    pub(super) fn open_inode(&self, pid: u32, number: i32) -> Option<(u64, Access)> {
        let process = format!("/proc/{pid}");
        let info = std::fs::read_to_string(format!("{process}/fdinfo/{number}")).ok()?;
        let (_, inode) = parse_info(&info, &process, number).filter(|(mount, _)| *mount == self.mount)?;
        let flags = info.lines().find_map(|line| i32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok())?;
        let access = match flags & libc::O_ACCMODE {
            libc::O_RDONLY => Access::Read,
            libc::O_WRONLY => Access::Write,
            _ => Access::ReadWrite,
        };
        Some((inode, access))
    }

    fn descriptor_at(&self, process: &str, number: i32) -> Target {
        match descriptor_of(process, number) {
            Some((mount, node)) if mount == self.mount => match self.files.device_of(node) {
                Some((name, device)) => Target::Descriptor(name, device),
                None => Target::NotOurs,
            },
            _ => Target::NotOurs,
        }
    }

    fn resolve_path(&self, start: Start, path: PathBuf) -> Target {
        let bytes = path.as_os_str().as_bytes();
        // What a `Path` forgets: a slash at the end asks for a directory, and follows a link.
        let slash = bytes.ends_with(b"/") || bytes.ends_with(b"/.");
        match self.follow_path(Start { follow: start.follow || slash, ..start }, path) {
            Target::Device(_) | Target::Descriptor(..) | Target::Status | Target::Udev(_) if slash => {
                Target::NotADirectory
            }
            target => target,
        }
    }

    fn follow_path(&self, start: Start, path: PathBuf) -> Target {
        let mut path = path;
        for _ in 0..MAX_LINKS {
            let Some(last) = path.file_name() else { return Target::NotOurs };
            let own = last.to_str().is_some_and(|name| self.lab.is_name(name));
            let status = last == status::NAME;
            let udev = Record::may_be(last);
            if own || status || udev || is_number(last) {
                let Some(full) = absolute(start, &path) else { return Target::NotOurs };
                if udev && let Some(record) = Record::find(&self.lab, &root_of(start), &lexical(&full)) {
                    return Target::Udev(record);
                }
                if status && lexical(&full) == self.status {
                    return Target::Status;
                }
                if let Some((process, number)) = descriptor_path(&full, start.pid) {
                    return if start.follow { self.descriptor_at(&process, number) } else { Target::NotOurs };
                }
                if own && let Some(found) = self.find(start, &full) {
                    return found;
                }
            }
            if !start.follow {
                return Target::NotOurs;
            }
            match link_of(start, &path) {
                Some(target) if target.is_absolute() => path = target,
                Some(target) => path = path.parent().map(|parent| parent.join(&target)).unwrap_or(target),
                None => return Target::NotOurs,
            }
        }
        Target::NotOurs
    }

    /// The device whose node `full` is, if its directory really is /dev.
    fn find(&self, start: Start, full: &Path) -> Option<Target> {
        let name = full.file_name()?;
        let plain = lexical(full);
        let direct = plain.parent() == Some(Path::new("/dev"));
        // By a symbolic link to /dev, or through `..`: ask the kernel.
        let real = if direct { plain } else { real_directory(start, full.parent()?)?.join(name) };
        match self.lab.find(real.to_str()?) {
            Lookup::Here(device) => Some(Target::Device(device)),
            Lookup::Gone => Some(Target::Gone(name.to_str()?.to_owned())),
            Lookup::NotOurs => None,
        }
    }
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

/// The client's directory without links; a path of its.
fn real_directory(start: Start, directory: &Path) -> Option<PathBuf> {
    let here = Path::new(&root_of(start)).join(directory.strip_prefix("/").ok()?);
    below_root(start, std::fs::canonicalize(here).ok()?)
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

/// Where the link at `path` leads, if it is one.
fn link_of(start: Start, path: &Path) -> Option<PathBuf> {
    let full = absolute(start, path)?;
    // Those of /proc that lead to descriptors do not name what they lead to.
    if full.starts_with("/proc") {
        return None;
    }
    let there = Path::new(&root_of(start)).join(full.strip_prefix("/").ok()?);
    let target = readlinkat(CWD, there, Vec::new()).ok()?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes())))
}

/// The mount and the inode of a descriptor, from proc(5), without asking the file system that it is on: that may be us.
pub(super) fn descriptor_of(process: &str, number: i32) -> Option<(u64, u64)> {
    if number < 0 {
        return None;
    }
    let info = std::fs::read_to_string(format!("{process}/fdinfo/{number}")).ok()?;
    parse_info(&info, process, number)
}

fn parse_info(info: &str, process: &str, number: i32) -> Option<(u64, u64)> {
    let field = |key: &str| info.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    let mount = field("mnt_id:")?;
    // `ino` is there from 5.14 on.
    let node = field("ino:").or_else(|| inode_without_sync(process, number))?;
    Some((mount, node))
}

fn inode_without_sync(process: &str, number: i32) -> Option<u64> {
    let path = format!("{process}/fd/{number}");
    statx(CWD, path.as_str(), AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok().map(|found| found.stx_ino)
}
