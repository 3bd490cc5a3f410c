//! What a process may do to the machine's files, limited for good: landlock(7). Numbers and layouts from
//! `linux/landlock.h`.

use super::process::last_error;
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io,
};
use std::{
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    path::Path,
};

/// `struct landlock_ruleset_attr`: as much of it is handed over as the kernel's version knows.
#[repr(C)]
struct Ruleset {
    files: u64,
    net: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: i32,
}

const CREATE_RULESET_VERSION: u32 = 1;
const RULE_PATH_BENEATH: u32 = 1;
const WRITE_FILE: u64 = 1 << 1;
/// Removing and making what there is in directories: `REMOVE_DIR` to `MAKE_SYM`.
const DIRECTORIES: u64 = 0x1ff << 4;
/// From version 2 on: links and renames from one directory to another.
const REFER: u64 = 1 << 13;
/// From version 3 on.
const TRUNCATE: u64 = 1 << 14;
/// From version 4 on: `BIND_TCP` and `CONNECT_TCP`.
const TCP: u64 = 3;
/// From version 6 on: abstract sockets of others, and signals to others.
const SCOPES: u64 = 3;

/// Limits that a process can take upon itself.
#[derive(Debug)]
pub(crate) struct Confinement(Option<OwnedFd>);

impl Confinement {
    /// Nothing is written to but /dev/null and what is beneath `writable`; no TCP; no abstract sockets and no signals of
    /// processes outside: as much of it as the kernel has. Reading and executing are not limited.
    ///
    /// # Errors
    /// If `writable` is not there.
    pub(crate) fn new(writable: Option<&Path>) -> io::Result<Self> {
        let version = version();
        if version < 1 {
            writable.map(open).transpose()?;
            return Ok(Confinement(None));
        }
        let since = |from: i64, what: u64| if version >= from { what } else { 0 };
        let files = WRITE_FILE | DIRECTORIES | since(2, REFER) | since(3, TRUNCATE);
        let rules = Ruleset { files, net: since(4, TCP), scoped: since(6, SCOPES) };
        let size = if version >= 6 { 24 } else { 8 + 8 * usize::from(version >= 4) };
        // SAFETY: the kernel reads `size` bytes of `rules`, which has 24.
        let made = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const rules, size, 0) };
        if made < 0 {
            return Err(last_error());
        }
        // SAFETY: the call gave a descriptor that nobody else owns.
        let ruleset = unsafe { OwnedFd::from_raw_fd(made as i32) };
        let to_files = WRITE_FILE | since(3, TRUNCATE);
        allow(&ruleset, Path::new("/dev/null"), to_files)?;
        if let Some(path) = writable {
            allow(&ruleset, path, if path.is_dir() { files } else { to_files })?;
        }
        Ok(Confinement(Some(ruleset)))
    }

    /// The descriptor by which [`confine`] does it.
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        self.0.as_ref().map(AsRawFd::as_raw_fd)
    }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

fn allow(ruleset: &OwnedFd, path: &Path, allowed: u64) -> io::Result<()> {
    let parent = open(path)?;
    let rule = Beneath { allowed, parent: parent.as_raw_fd() };
    // SAFETY: the kernel reads a rule of this kind, which `rule` is.
    let added = unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), RULE_PATH_BENEATH, &raw const rule, 0)
    };
    if added < 0 { Err(last_error()) } else { Ok(()) }
}

/// The version of landlock that the kernel has; less than 1: none.
fn version() -> i64 {
    // SAFETY: with this flag the kernel reads no memory.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<Ruleset>(), 0, CREATE_RULESET_VERSION) }
}

/// Takes the limits upon this thread, and what it executes. A system call and nothing else. It takes no_new_privs.
pub(super) fn confine(ruleset: RawFd) -> std::io::Result<()> {
    // SAFETY: touches no memory.
    match unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
