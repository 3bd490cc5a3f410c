//! Answers the calls that the filter sends us: names, and what the kernel would get wrong about our descriptors.

use super::{
    ThreadHook, arch,
    files::Files,
    names::{Names, Start, Target, read_path},
    open_how::{OpenHow, RESOLVE_IN_ROOT},
    opener::{Job, Opener},
    road::{Traps, positioned, streams},
    signals::Signaller,
    status,
    surroundings::calls::{access_entry, access_machine, link_machine},
    trap::Places,
    uevents::{Uevents, database::Record},
};
use crate::{
    front::crew::Crew,
    lab::Lab,
    sys::{
        memory::ClientMemory,
        seccomp::{Listener, Notification},
    },
    trial::Answered,
};
use outlive_classes::{Contract, Errno, Memory, Node, Plugged};
use rustix::fs::OFlags;
use std::{
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

/// The supervisor of one tree.
pub(super) struct Supervisor {
    pub(super) listener: Arc<Listener>,
    /// Which calls on descriptors are trapped.
    pub(super) traps: Traps,
    pub(super) waiting: Places,
    /// Whether a call that waits for us is interrupted by fatal signals only.
    pub(super) killable: bool,
    pub(super) names: Names,
    pub(super) files: Arc<Files>,
    pub(super) lab: Arc<Lab>,
    /// Who opens files on FUSE; `None` where there is none.
    pub(super) opener: Option<Opener>,
    pub(super) uevents: Uevents,
    /// `None` where the kernel sends signals by itself, or none are sent.
    pub(super) signaller: Option<Signaller>,
    pub(super) started: SystemTime,
    pub(super) told_32: AtomicBool,
    pub(super) told_traced: AtomicBool,
    pub(super) on_thread: Option<ThreadHook>,
}

/// The flags that the calls by path know, each some of them (`linux/fcntl.h`).
const AT_FLAGS: u64 =
    (libc::AT_SYMLINK_NOFOLLOW | libc::AT_EACCESS | libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH | 0x6000) as u64;

/// What becomes of a call.
pub(super) enum Verdict {
    /// The kernel carries it out.
    Proceed,
    /// It gets this.
    Answer(Result<i64, Errno>),
    /// It has got its answer, or will.
    Answered,
}

impl Verdict {
    /// That of a call whose caller has been answered, or is to be told why not.
    pub(super) fn of(answered: Result<(), Errno>) -> Self {
        answered.map_or_else(|errno| Verdict::Answer(Err(errno)), |()| Verdict::Answered)
    }
}

impl Supervisor {
    /// Answers until there is nobody left to answer: what a crew's thread does.
    pub(super) fn serve(&self, crew: &Crew) {
        while let Some(notification) = crew.wait(|| self.receive()) {
            self.handle(notification);
        }
    }

    fn receive(&self) -> Option<Notification> {
        loop {
            match self.listener.receive() {
                Ok(notification) => return Some(notification),
                // The caller was interrupted before we got to it; or nobody is left, as some kernels say it.
                Err(Errno::NOENT) if !self.listener.is_deserted() => {}
                Err(_) => return None,
            }
        }
    }

    fn handle(&self, notification: Notification) {
        let id = notification.id;
        if let Some(on_thread) = &self.on_thread {
            on_thread(notification.pid);
        }
        // A panic must not leave a client waiting for ever: it is reported by the panic hook, and the client gets EIO.
        let verdict = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.judge(&notification)))
            .unwrap_or(Verdict::Answer(Err(Errno::IO)));
        // ENOENT from any of these: the caller does not wait any more.
        let _ = match verdict {
            Verdict::Proceed => self.listener.proceed(id),
            Verdict::Answer(result) => self.listener.answer(id, result),
            Verdict::Answered => Ok(()),
        };
    }

    fn judge(&self, call: &Notification) -> Verdict {
        let a = &call.arguments;
        if call.arch == arch::ARCH_32 {
            return self.foreign_open(call);
        }
        let at = |directory: u64, follow| Start { pid: call.pid, directory: directory as i32, follow };
        let here = |follow| at(libc::AT_FDCWD as u64, follow);
        let follow = |flags: u64| flags as i32 & libc::AT_SYMLINK_NOFOLLOW == 0;
        match call.number {
            libc::SYS_open => self.open(call, here(true), a[0], a[1] as i32),
            libc::SYS_creat => self.open(call, here(true), a[0], libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC),
            libc::SYS_openat => self.open(call, at(a[0], true), a[1], a[2] as i32),
            libc::SYS_openat2 => self.openat2(call),
            libc::SYS_stat => self.stat(call, &self.names.resolve(here(true), a[0]), true, a[1]),
            libc::SYS_lstat => self.stat(call, &self.names.resolve(here(false), a[0]), false, a[1]),
            libc::SYS_fstat => self.stat(call, &self.names.descriptor(call.pid, a[0] as i32), true, a[1]),
            libc::SYS_newfstatat => {
                self.stat(call, &self.target(call, a[0], a[1], a[3], follow(a[3])), follow(a[3]), a[2])
            }
            libc::SYS_statx => self.statx(call, &self.target(call, a[0], a[1], a[2], follow(a[2])), follow(a[2]), a[4]),
            libc::SYS_access => access(call, &self.names.resolve(here(true), a[0]), a[1] as i32),
            libc::SYS_faccessat => access(call, &self.names.resolve(at(a[0], true), a[1]), a[2] as i32),
            libc::SYS_faccessat2 => access(call, &self.target(call, a[0], a[1], a[3], follow(a[3])), a[2] as i32),
            libc::SYS_readlink => self.readlink(call, libc::AT_FDCWD as u64, a[0], a[1], a[2]),
            libc::SYS_readlinkat => self.readlink(call, a[0], a[1], a[2], a[3]),
            libc::SYS_getxattr | libc::SYS_lgetxattr => {
                let target = self.names.resolve(here(call.number == libc::SYS_getxattr), a[0]);
                // Those of sysfs can be had in principle (`simple_xattr_get`); there are none.
                let none = if matches!(target, Target::Entry(_)) { Errno::NODATA } else { Errno::OPNOTSUPP };
                attribute(&target, Err(none))
            }
            libc::SYS_listxattr | libc::SYS_llistxattr => {
                attribute(&self.names.resolve(here(call.number == libc::SYS_listxattr), a[0]), Ok(0))
            }
            libc::SYS_ioctl if a[1] == libc::FIOASYNC => self.set_signalling(call),
            libc::SYS_fcntl => self.signalling(call),
            libc::SYS_ioctl if a[1] == libc::FIONBIO => self.note_nonblock(call),
            libc::SYS_ioctl if arch::IOCTLS.contains(&(a[1] as u32)) => self.refuse(call),
            number if self.traps == Traps::All && arch::TRANSFERS.contains(&(number as u32)) => {
                match self.trapped(call) {
                    Verdict::Proceed => self.trapped_entry(call),
                    verdict => verdict,
                }
            }
            libc::SYS_ioctl => self.trapped(call),
            // Of no bytes, or they would not be here.
            libc::SYS_read | libc::SYS_write | libc::SYS_pread64 | libc::SYS_pwrite64 => match self.trapped(call) {
                Verdict::Proceed => self.nothing_of_a_zombie(call),
                verdict => verdict,
            },
            libc::SYS_lseek => self.lseek(call),
            libc::SYS_prctl => {
                self.files.clients.forget_all();
                Verdict::Proceed
            }
            libc::SYS_mmap => self.mmap(call),
            number if arch::is_of_sockets(number) => self.uevents.judge(call),
            libc::SYS_getdents64 | libc::SYS_getdents => self.list(call),
            libc::SYS_statfs => match self.names.resolve(here(true), a[0]) {
                Target::Entry(entry) => self.statfs(call, &entry, a[1]),
                _ => Verdict::Proceed,
            },
            libc::SYS_fstatfs => match self.names.descriptor(call.pid, a[0] as i32) {
                Target::Held(entry) => self.statfs(call, &entry, a[1]),
                _ => Verdict::Proceed,
            },
            libc::SYS_getcwd => self.getcwd(call),
            libc::SYS_chdir => self.chdir(call, &self.names.resolve(here(true), a[0])),
            _ => self.refuse(call),
        }
    }

    /// For the calls that take a directory and a path, or with AT_EMPTY_PATH a descriptor.
    pub(super) fn target(&self, call: &Notification, directory: u64, path: u64, flags: u64, follow: bool) -> Target {
        if flags & !AT_FLAGS != 0 {
            // EINVAL, whatever the path.
            return Target::NotOurs;
        }
        if flags as i32 & libc::AT_EMPTY_PATH != 0 {
            let mut first = [1];
            // A null path means the same since 6.11.
            if path == 0 || (ClientMemory::of(call.pid).read(path, &mut first).is_ok() && first == [0]) {
                return self.names.descriptor(call.pid, directory as i32);
            }
        }
        self.names.resolve(Start { pid: call.pid, directory: directory as i32, follow }, path)
    }

    fn openat2(&self, call: &Notification) -> Verdict {
        let [directory, path, how, size, ..] = call.arguments;
        let Some(how) = OpenHow::read(call.pid, how, size) else { return Verdict::Proceed };
        let start = Start { pid: call.pid, directory: directory as i32, follow: how.follows() };
        let Some(path) = read_path(call.pid, path) else { return Verdict::Proceed };
        let in_root = how.resolve & RESOLVE_IN_ROOT != 0;
        let inside = path.iter().position(|byte| !in_root || *byte != b'/').map_or(&[][..], |first| &path[first..]);
        let target = self.names.resolve_bytes(start, inside);
        if matches!(target, Target::Device(..) | Target::Gone(_) | Target::Status | Target::Udev(_) | Target::Entry(_))
            && how.forbids(inside)
        {
            return Verdict::Answer(Err(Errno::XDEV));
        }
        self.open_target(call, target, how.flags as i32)
    }

    fn open(&self, call: &Notification, start: Start, path: u64, flags: i32) -> Verdict {
        let start = Start { follow: flags & libc::O_NOFOLLOW == 0, ..start };
        self.open_target(call, self.names.resolve(start, path), flags)
    }

    fn open_target(&self, call: &Notification, target: Target, flags: i32) -> Verdict {
        match target {
            Target::Device(device, node) if self.listener.is_valid(call.id) => {
                Verdict::of(self.open_device(call, &device, &node, flags))
            }
            Target::Gone(device) => {
                // It reaches nobody, but it is an operation on that device all the same.
                let number = self.lab.arrived(&device, call.pid, "open", &"");
                self.lab.answered(number, Answered::Errno(Errno::NOENT.raw_os_error()), true);
                Verdict::Answer(Err(Errno::NOENT))
            }
            Target::Status => Verdict::of(status::open(&self.lab, &self.listener, call.id, flags)),
            Target::Descriptor(name, device) if self.opener.is_none() => {
                let there = device.filter(|device| device.gone().is_none());
                Verdict::of(match there.and_then(|device| device.node_named(&name).map(|node| (device, node))) {
                    Some((device, node)) => self.open_device(call, &device, &node, flags),
                    None => Err(Errno::NODEV),
                })
            }
            Target::Held(entry) if self.opener.is_none() => self.open_entry(call, &entry, flags),
            Target::Udev(Record::Device(text)) => Verdict::of(status::open_text(&text, &self.listener, call.id, flags)),
            // A socket cannot be opened.
            Target::Udev(Record::Control) => Verdict::Answer(Err(Errno::NXIO)),
            Target::Entry(entry) => self.open_entry(call, &entry, flags),
            Target::Machine(path) => self.open_machine(call, &path, flags),
            Target::Failed(errno) => Verdict::Answer(Err(errno)),
            // By /proc/self/fd/N the kernel opens the inode again, and asks us there.
            Target::Device(..) | Target::Descriptor(..) | Target::Held(_) | Target::NotOurs => Verdict::Proceed,
        }
    }

    fn open_device(
        &self,
        call: &Notification,
        device: &Arc<dyn Plugged>,
        node: &Node,
        flags: i32,
    ) -> Result<(), Errno> {
        if flags & libc::O_DIRECTORY != 0 {
            return Err(Errno::NOTDIR);
        }
        if flags & libc::O_CREAT != 0 && flags & libc::O_EXCL != 0 {
            return Err(Errno::EXIST);
        }
        // open(2): of a file that has no direct I/O.
        if flags & libc::O_DIRECT != 0 && flags & libc::O_PATH == 0 {
            return Err(Errno::INVAL);
        }
        let by_path = flags & libc::O_PATH != 0;
        let close_on_exec = flags & libc::O_CLOEXEC != 0;
        let Some(opener) = &self.opener else {
            let opened = if by_path {
                let entry = self.lab.entries().find(&node.path()).ok_or(Errno::NOENT)?;
                self.files.inodes.stand_in(&entry, true)?
            } else {
                self.files.open_plain(device, node, call.pid, flags)?
            };
            return self.listener.answer_with_descriptor(call.id, opened.as_fd(), close_on_exec);
        };
        // Linux passes no descriptor on that was opened with O_PATH: one that can do nothing stands for it.
        // A device with a position writes there, also to append (`vfs_write` in fs/read_write.c of a file without
        // `write_iter`); FUSE would go to the end.
        let append = if node.positioned { 0 } else { libc::O_APPEND };
        let kept = if by_path { 0 } else { libc::O_ACCMODE | libc::O_NONBLOCK | append };
        let flags = OFlags::from_bits_retain((flags & kept) as u32);
        let name = self.files.announce(device, node, call.pid, by_path);
        let range = match &self.traps {
            Traps::Range(range) if !by_path && node.positioned => Some(positioned(range)),
            Traps::Range(range) if !by_path => Some(streams(range)),
            _ => None,
        };
        let opened = opener.open(Job { flags, close_on_exec, range, ..Job::of(call, name.clone()) });
        // What could not be opened, or not be unlinked, leaves no name behind.
        self.files.withdraw(&name);
        opened.map(drop)
    }

    /// A read or write of no bytes that the kernel would carry out: it would succeed, whatever became of the device.
    fn nothing_of_a_zombie(&self, call: &Notification) -> Verdict {
        match self.names.descriptor(call.pid, call.arguments[0] as i32) {
            Target::Descriptor(_, device) if device.as_deref().is_none_or(is_strict_zombie) => {
                Verdict::Answer(Err(Errno::NODEV))
            }
            Target::Held(entry) if entry.is_gone() && !entry.is_directory() => Verdict::Answer(Err(Errno::NODEV)),
            _ => Verdict::Proceed,
        }
    }

    /// A 32-bit program that opens one of our nodes: its structures have another layout, so it is refused, and never
    /// gets the machine's own device of that name.
    fn foreign_open(&self, call: &Notification) -> Verdict {
        let (directory, path) = match call.number {
            5 | 8 => (libc::AT_FDCWD, call.arguments[0]),
            _ => (call.arguments[0] as i32, call.arguments[1]),
        };
        match self.names.resolve(Start { pid: call.pid, directory, follow: true }, path) {
            Target::Device(..) | Target::Gone(_) => {
                if !self.told_32.swap(true, Ordering::Relaxed) {
                    eprintln!(
                        "outlive: a 32-bit program (pid {}) opened a device: only 64-bit ones are carried",
                        call.pid
                    );
                }
                Verdict::Answer(Err(Errno::NXIO))
            }
            _ => Verdict::Proceed,
        }
    }

    fn readlink(&self, call: &Notification, directory: u64, path: u64, buffer: u64, size: u64) -> Verdict {
        // Not followed: what the link itself says. Our descriptors' links in /proc would name an inode of our mount.
        let start = Start { pid: call.pid, directory: directory as i32, follow: true };
        match self.names.resolve_link(start, path) {
            Target::Descriptor(name, _) => self.give_link(call, buffer, size, format!("/dev/{name}").as_bytes()),
            Target::Held(entry) => {
                let path = if entry.is_gone() { format!("{} (deleted)", entry.path) } else { entry.path.clone() };
                self.give_link(call, buffer, size, path.as_bytes())
            }
            Target::Entry(entry) => match entry.link_text() {
                Some(text) => self.give_link(call, buffer, size, text.as_bytes()),
                None => Verdict::Answer(Err(Errno::INVAL)),
            },
            Target::Machine(path) => match link_machine(call.pid, &path) {
                Ok(text) => self.give_link(call, buffer, size, &text),
                Err(errno) => Verdict::Answer(Err(errno)),
            },
            Target::Device(..) | Target::Status | Target::Udev(_) => Verdict::Answer(Err(Errno::INVAL)),
            Target::Gone(_) => Verdict::Answer(Err(Errno::NOENT)),
            Target::Failed(errno) => Verdict::Answer(Err(errno)),
            Target::NotOurs => Verdict::Proceed,
        }
    }

    /// Writes to the caller's memory, if it is still the caller's.
    pub(super) fn give(&self, call: &Notification, address: u64, bytes: &[u8]) -> Verdict {
        if !self.listener.is_valid(call.id) {
            return Verdict::Answer(Err(Errno::INTR));
        }
        Verdict::Answer(ClientMemory::of(call.pid).write(address, bytes).map(|()| 0).map_err(Errno::from))
    }
}

/// access(2) of a node of ours: its owner may read and write it, and nobody may execute it.
fn access(call: &Notification, target: &Target, mode: i32) -> Verdict {
    match target {
        // EINVAL, whatever the path.
        _ if mode & !(libc::R_OK | libc::W_OK | libc::X_OK) != 0 => Verdict::Proceed,
        Target::Device(..) | Target::Descriptor(..) if mode & libc::X_OK != 0 => Verdict::Answer(Err(Errno::ACCESS)),
        Target::Udev(Record::Control) if mode & libc::X_OK == 0 => Verdict::Answer(Ok(0)),
        Target::Status | Target::Udev(_) if mode & (libc::W_OK | libc::X_OK) != 0 => {
            Verdict::Answer(Err(Errno::ACCESS))
        }
        Target::Device(..) | Target::Descriptor(..) | Target::Status | Target::Udev(_) => Verdict::Answer(Ok(0)),
        Target::Entry(entry) | Target::Held(entry) => Verdict::Answer(access_entry(entry, mode)),
        Target::Machine(path) => Verdict::Answer(access_machine(call.pid, path, mode)),
        Target::Gone(_) => Verdict::Answer(Err(Errno::NOENT)),
        Target::Failed(errno) => Verdict::Answer(Err(*errno)),
        Target::NotOurs => Verdict::Proceed,
    }
}

/// Extended attributes, which `ls -l` asks for: our nodes have none (xattr(7)).
fn attribute(target: &Target, none: Result<i64, Errno>) -> Verdict {
    match target {
        Target::Device(..) | Target::Status | Target::Udev(_) | Target::Entry(_) | Target::Machine(_) => {
            Verdict::Answer(none)
        }
        Target::Gone(_) => Verdict::Answer(Err(Errno::NOENT)),
        Target::Failed(errno) => Verdict::Answer(Err(*errno)),
        Target::Descriptor(..) | Target::Held(_) | Target::NotOurs => Verdict::Proceed,
    }
}

/// Whether it is gone and says so of every call.
pub(super) fn is_strict_zombie(device: &dyn Plugged) -> bool {
    device.gone().is_some() && device.contract() == Contract::Strict
}
