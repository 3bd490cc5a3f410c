//! Ways to a FUSE mount that nobody else sees.
//!
//! The mount is never attached to a directory (fsopen(2), fsmount(2)), so it appears in nobody's /proc/mounts and goes
//! with our descriptors, however we end. Where only fusermount3 may mount, it is attached for a moment and detached
//! again at once.

use super::channel::Channel;
use crate::sys::process::{fork, unshare};
use rustix::{
    fs::{Mode, OFlags, open},
    io,
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    },
    process::{WaitOptions, getegid, geteuid, waitpid},
    thread::UnshareFlags,
};
use std::{
    fmt,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    process::{Command, Stdio},
};

/// A mount of our own: its root, and the channel by which the kernel asks.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) root: OwnedFd,
    pub(crate) channel: Channel,
}

/// A way to mount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Directly, with CAP_SYS_ADMIN.
    Root,
    /// By a helper in a user and a mount namespace of its own, which leaves at once.
    Namespace,
    /// By the set-uid program fusermount3 (Debian's package fuse3).
    Fusermount,
}

impl Way {
    /// All, in the order in which they are tried.
    pub const ALL: [Way; 3] = [Way::Root, Way::Namespace, Way::Fusermount];

    /// Its name, as `OUTLIVE_MOUNT` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Way::Root => "root",
            Way::Namespace => "namespace",
            Way::Fusermount => "fusermount",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Root => "mounting directly, as root",
            Way::Namespace => "mounting by a helper in a user namespace",
            Way::Fusermount => "mounting by fusermount3",
        })
    }
}

/// Why one way did not work.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which way.
    pub way: Way,
    /// The step that failed, with its error and what would help.
    pub why: String,
}

/// Mounts, by the first way that works. `only` (from `OUTLIVE_MOUNT`) restricts it to one.
pub(crate) fn mount(only: Option<Way>) -> Result<Mount, Vec<Failure>> {
    let mut failures = Vec::new();
    for way in Way::ALL.into_iter().filter(|way| only.is_none_or(|only| only == *way)) {
        match mount_by(way) {
            Ok(mount) => return Ok(mount),
            Err(why) => failures.push(Failure { way, why }),
        }
    }
    Err(failures)
}

/// Mounts by one way; the error says which step failed.
pub(crate) fn mount_by(way: Way) -> Result<Mount, String> {
    let (root, channel) = match way {
        Way::Root => mount_here(true)?,
        Way::Namespace => mount_in_namespace()?,
        Way::Fusermount => mount_by_fusermount()?,
    };
    Ok(Mount { root, channel: Channel::new(channel) })
}

fn open_channel() -> Result<OwnedFd, String> {
    open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| match errno {
        io::Errno::NOENT | io::Errno::NODEV | io::Errno::NXIO => {
            "there is no /dev/fuse: load the fuse module (`modprobe fuse`), or give the container that device"
                .to_owned()
        }
        io::Errno::ACCESS | io::Errno::PERM => {
            "/dev/fuse may not be opened: udev gives it mode 0666 (`chmod 0666 /dev/fuse` as root does the same)"
                .to_owned()
        }
        errno => format!("opening /dev/fuse: {errno}"),
    })
}

/// With the rights that this process has in its mount namespace. `everybody`: processes of other users may use the
/// files as well, which only root may allow.
fn mount_here(everybody: bool) -> Result<(OwnedFd, OwnedFd), String> {
    let said = |step: &'static str| move |errno: io::Errno| format!("{step}: {errno}");
    let filesystem = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|errno| match errno {
        io::Errno::PERM => "mounting needs CAP_SYS_ADMIN".to_owned(),
        io::Errno::NODEV => "the kernel has no fuse: load the module (`modprobe fuse`)".to_owned(),
        io::Errno::NOSYS => "the kernel has no fsopen (5.2), or a seccomp profile forbids it".to_owned(),
        errno => format!("fsopen: {errno}"),
    })?;
    let channel = open_channel()?;
    let options = [
        ("source", "outlive".to_owned()),
        ("fd", channel.as_raw_fd().to_string()),
        ("rootmode", "40700".to_owned()),
        ("user_id", geteuid().as_raw().to_string()),
        ("group_id", getegid().as_raw().to_string()),
    ];
    for (key, value) in options {
        fsconfig_set_string(filesystem.as_fd(), key, &value).map_err(said("fsconfig"))?;
    }
    if everybody {
        rustix::mount::fsconfig_set_flag(filesystem.as_fd(), "allow_other").map_err(said("fsconfig allow_other"))?;
    }
    fsconfig_create(filesystem.as_fd()).map_err(said("creating the mount"))?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let root = fsmount(filesystem.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(said("fsmount"))?;
    Ok((root, channel))
}

/// A child makes the namespaces, mounts, passes both descriptors out and leaves. We stay outside: a server inside the
/// namespace could not read its clients' memory.
fn mount_in_namespace() -> Result<(OwnedFd, OwnedFd), String> {
    let (ours, theirs) = socket_pair()?;
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let helper = fork(|| match namespace_helper(uid, gid) {
        Ok((root, channel)) => {
            i32::from(send_descriptors(theirs.as_fd(), b"ok", &[root.as_fd(), channel.as_fd()]).is_err())
        }
        Err(why) => i32::from(send_descriptors(theirs.as_fd(), why.as_bytes(), &[]).is_err()),
    })
    .map_err(|errno| format!("fork: {errno}"))?;
    drop(theirs);
    let received = receive_descriptors(ours.as_fd());
    let _ = waitpid(Some(helper), WaitOptions::empty());
    let (message, mut descriptors) = received.map_err(|errno| format!("the helper did not answer: {errno}"))?;
    match (descriptors.pop(), descriptors.pop()) {
        (Some(channel), Some(root)) => Ok((root, channel)),
        _ if message.is_empty() => Err("the helper ended without an answer".to_owned()),
        _ => Err(String::from_utf8_lossy(&message).into_owned()),
    }
}

fn namespace_helper(uid: u32, gid: u32) -> Result<(OwnedFd, OwnedFd), String> {
    let flags = UnshareFlags::NEWUSER | UnshareFlags::NEWNS;
    unshare(flags).map_err(|errno| {
        format!("making a user namespace: {errno} (sysctl kernel.unprivileged_userns_clone=1, or user.max_user_namespaces, or an AppArmor restriction)")
    })?;
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text).map_err(|error| format!("writing {file}: {error}"))
    };
    // Maps that keep every number as it is: the mount then belongs to the very uid that the clients have.
    write("uid_map", format!("{uid} {uid} 1"))?;
    write("setgroups", "deny".to_owned())?;
    write("gid_map", format!("{gid} {gid} 1"))?;
    mount_here(false)
}

/// fusermount3 mounts on a directory of ours and passes the channel; we open the root and have the mount detached.
fn mount_by_fusermount() -> Result<(OwnedFd, OwnedFd), String> {
    let directory = tempdir()?;
    let result = fusermount_on(&directory);
    let _ = std::fs::remove_dir(&directory);
    result
}

fn tempdir() -> Result<std::path::PathBuf, String> {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, Into::into);
    let directory = base.join(format!("outlive-{}", std::process::id()));
    std::fs::create_dir(&directory).map_err(|error| format!("making {}: {error}", directory.display()))?;
    Ok(directory)
}

fn fusermount_on(directory: &std::path::Path) -> Result<(OwnedFd, OwnedFd), String> {
    let (ours, theirs) = socket_pair()?;
    rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty()).map_err(|errno| format!("fcntl: {errno}"))?;
    let mount = Command::new("fusermount3")
        .args(["-o", "fsname=outlive,nosuid,nodev", "--"])
        .arg(directory)
        .env("_FUSE_COMMFD", theirs.as_raw_fd().to_string())
        .stdin(Stdio::null())
        .output();
    drop(theirs);
    let mount = match mount {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("there is no fusermount3: install the package fuse3".to_owned());
        }
        Err(error) => return Err(format!("starting fusermount3: {error}")),
    };
    if !mount.status.success() {
        return Err(String::from_utf8_lossy(&mount.stderr).trim().to_owned());
    }
    let received = receive_descriptors(ours.as_fd());
    let root = open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let _ = Command::new("fusermount3").args(["-u", "-z", "--"]).arg(directory).output();
    let (_, mut descriptors) = received.map_err(|errno| format!("fusermount3 passed no channel: {errno}"))?;
    let channel = descriptors.pop().ok_or("fusermount3 passed no channel")?;
    let root = root.map_err(|errno| format!("opening the mount: {errno}"))?;
    Ok((root, channel))
}

fn socket_pair() -> Result<(OwnedFd, OwnedFd), String> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|errno| format!("socketpair: {errno}"))
}

/// Sends a message with descriptors attached (SCM_RIGHTS, unix(7)).
pub(crate) fn send_descriptors(socket: BorrowedFd<'_>, message: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Errno::INVAL);
    }
    sendmsg(socket, &[io::IoSlice::new(message)], &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// Receives a message of up to 1 KiB and the descriptors attached to it. An empty message: the other end has closed.
pub(crate) fn receive_descriptors(socket: BorrowedFd<'_>) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut message = [0; 1024];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [io::IoSliceMut::new(&mut message)];
        match recvmsg(socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(io::Errno::INTR) => {}
            result => break result?.bytes,
        }
    };
    let mut descriptors = Vec::new();
    for entry in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = entry {
            descriptors.extend(fds);
        }
    }
    Ok((message[..received].to_vec(), descriptors))
}
