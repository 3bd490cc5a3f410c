//! The file that `OUTLIVE_STATUS` names inside a tree: what `outlive ls --json` says, for programs that want to know
//! without a call on a device (I31).
//!
//! It is not on any disk: each open gives a snapshot of its own, whole and of that moment, in memory that nobody can
//! change. So nothing is left of it whoever is killed, and two labs never meet.

use crate::{lab::Lab, sys::seccomp::Listener};
use outlive_classes::Errno;
use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, memfd_create, openat};
use std::{
    fs::File,
    io::Write,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::PathBuf,
};

/// The variable that names it.
pub(super) const VARIABLE: &str = "OUTLIVE_STATUS";
/// Its last part, by which its path is told from others at first sight.
pub(super) const NAME: &str = "status.json";
/// The mode that it shows.
pub(super) const MODE: u32 = libc::S_IFREG | 0o444;

/// Its path: in a folder of the lab's, which is not there.
pub(super) fn path(lab: &Lab) -> PathBuf {
    ["/run/outlive", lab.name(), NAME].iter().collect()
}

/// What it says now.
pub(super) fn content(lab: &Lab) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(&lab.list()).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Opens it for a caller that waits.
///
/// # Errors
/// What open(2) says of a file that can be read and nothing else.
pub(super) fn open(lab: &Lab, listener: &Listener, id: u64, flags: i32) -> Result<(), Errno> {
    open_text(&content(lab), listener, id, flags)
}

/// As [`open`], for a file that says `content`.
pub(super) fn open_text(content: &[u8], listener: &Listener, id: u64, flags: i32) -> Result<(), Errno> {
    if flags & libc::O_DIRECTORY != 0 {
        return Err(Errno::NOTDIR);
    }
    if flags & libc::O_CREAT != 0 && flags & libc::O_EXCL != 0 {
        return Err(Errno::EXIST);
    }
    if flags & libc::O_ACCMODE != libc::O_RDONLY || flags & libc::O_TRUNC != 0 {
        return Err(Errno::ACCESS);
    }
    let snapshot = snapshot(content)?;
    listener.answer_with_descriptor(id, snapshot.as_fd(), flags & libc::O_CLOEXEC != 0)
}

fn snapshot(content: &[u8]) -> Result<OwnedFd, Errno> {
    let memory = memfd_create("outlive-status", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(memory);
    file.write_all(content).map_err(|_| Errno::NOMEM)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    // Opened once more: for reading only, and from the beginning.
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    openat(CWD, again.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}
