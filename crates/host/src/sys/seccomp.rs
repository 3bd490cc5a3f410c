//! seccomp user notification: `linux/seccomp.h`, seccomp_unotify(2).

use super::{memory::ClientMemory, process::last_error};
use outlive_classes::{Caller, Fault, Memory};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io,
};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use libc::sock_filter as Instruction;

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of `linux/seccomp.h` (6.6): the supervisor runs where the client ran.
const SYNC_WAKE_UP: u64 = 1;

/// Installs a filter on this thread and what it becomes and begets, and gives the descriptor on which its notifications
/// arrive. Sets no_new_privs.
///
/// # Errors
/// EBUSY if a filter above has a listener already: Linux allows one for each tree of filters.
pub(crate) fn install(program: &[Instruction]) -> io::Result<OwnedFd> {
    rustix::thread::set_no_new_privs(true)?;
    install_with(program, 0)
}

/// As [`install`], and a notification that has been received is interrupted by fatal signals only, so that an operation
/// happens once.
///
/// # Errors
/// As above, and EINVAL before Linux 5.19.
pub(crate) fn install_killable(program: &[Instruction]) -> io::Result<OwnedFd> {
    rustix::thread::set_no_new_privs(true)?;
    install_with(program, libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
}

/// Which of a listener's abilities the kernel has, as bits: 1 descriptors (ADDFD), 2 WAIT_KILLABLE_RECV, 4 SYNC_WAKE_UP.
/// To be asked in a process of its own, which has the filter afterwards.
pub(crate) fn abilities(program: &[Instruction]) -> u8 {
    if rustix::thread::set_no_new_privs(true).is_err() {
        return 0;
    }
    let (listener, killable) = match install_with(program, libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Ok(listener) => (Listener::new(listener), 2),
        Err(_) => match install_with(program, 0) {
            Ok(listener) => (Listener::new(listener), 0),
            Err(_) => return 0,
        },
    };
    // There is no such notification; a kernel that knows the request says so.
    let descriptors = listener.lend_descriptor(0, listener.descriptor.as_fd()) == Err(io::Errno::NOENT);
    let wake = listener.request(libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP as *mut u64).is_ok();
    u8::from(descriptors) | killable | if wake { 4 } else { 0 }
}

fn install_with(program: &[Instruction], flags: libc::c_ulong) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::Errno::INVAL)?,
        filter: program.as_ptr().cast_mut(),
    };
    let flags = flags | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // SAFETY: `program` describes `program.len()` instructions that the kernel copies and checks. With NEW_LISTENER
    // the result is a new descriptor.
    unsafe {
        match libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) {
            -1 => Err(last_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd as i32)),
        }
    }
}

/// A system call that waits for us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notification {
    pub(crate) id: u64,
    /// The thread that made it.
    pub(crate) pid: u32,
    /// `AUDIT_ARCH_*` of `linux/audit.h`.
    pub(crate) arch: u32,
    pub(crate) number: i64,
    pub(crate) arguments: [u64; 6],
    /// When it was received.
    pub(crate) since: Instant,
}

/// The memory of a client whose call was trapped. It is written only while that client waits, as its number may be
/// another's afterwards: between that look and the write there is a moment, in which its number would have to come round
/// through all that there are.
#[derive(Clone, Debug)]
pub(crate) struct TrappedMemory {
    listener: Arc<Listener>,
    id: u64,
    since: Instant,
    memory: ClientMemory,
}

/// How long a client is taken to be the one that it was: no machine begins so many processes in that time that their
/// numbers come round.
const SAME: Duration = Duration::from_millis(1);

impl TrappedMemory {
    pub(crate) fn of(listener: &Arc<Listener>, call: &Notification) -> Self {
        TrappedMemory { listener: listener.clone(), id: call.id, since: call.since, memory: ClientMemory::of(call.pid) }
    }
}

impl Memory for TrappedMemory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        self.memory.read(address, into)
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        if self.since.elapsed() < SAME || self.listener.is_valid(self.id) {
            self.memory.write(address, from)
        } else {
            Err(Fault)
        }
    }

    fn caller(&self) -> Option<Caller> {
        self.memory.caller()
    }
}

/// Where notifications arrive. Several threads may receive.
#[derive(Debug)]
pub(crate) struct Listener {
    descriptor: OwnedFd,
}

impl Listener {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        let listener = Listener { descriptor };
        // 6.6. Older kernels answer EINVAL, and wake us wherever they like.
        let _ = listener.request(libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP as *mut u64);
        listener
    }

    /// Another descriptor of it.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        io::fcntl_dupfd_cloexec(&self.descriptor, 0)
    }

    /// Waits for the next one.
    ///
    /// # Errors
    /// ENOENT if the caller was interrupted before we got it: receive again, unless [`Listener::is_deserted`]. Others:
    /// there is nobody left to listen to.
    pub(crate) fn receive(&self) -> io::Result<Notification> {
        // SAFETY: a zeroed seccomp_notif is what the kernel asks for.
        let mut notification: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        self.request(libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notification)?;
        Ok(Notification {
            id: notification.id,
            pid: notification.pid,
            arch: notification.data.arch,
            number: notification.data.nr.into(),
            arguments: notification.data.args,
            since: Instant::now(),
        })
    }

    /// Whether nobody is left to listen to: no task has the filter any more (`seccomp_notify_poll` of kernel/seccomp.c).
    /// Newer kernels then let [`Listener::receive`] fail with ENOENT each time, older ones let it wait.
    pub(crate) fn is_deserted(&self) -> bool {
        let mut watched = [PollFd::new(&self.descriptor, PollFlags::empty())];
        poll(&mut watched, Some(&Timespec::default())).is_ok() && watched[0].revents().contains(PollFlags::HUP)
    }

    /// Whether the caller still waits, so that what was read from its memory was its own.
    pub(crate) fn is_valid(&self, id: u64) -> bool {
        let mut id = id;
        self.request(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw mut id).is_ok()
    }

    /// Lets the kernel carry out the call as if we were not there.
    pub(crate) fn proceed(&self, id: u64) -> io::Result<()> {
        self.send(id, 0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32)
    }

    /// Answers the call.
    pub(crate) fn answer(&self, id: u64, result: Result<i64, io::Errno>) -> io::Result<()> {
        match result {
            Ok(value) => self.send(id, value, 0, 0),
            Err(errno) => self.send(id, 0, -errno.raw_os_error(), 0),
        }
    }

    /// Puts a descriptor into the caller's table at the lowest free number and answers the call with that number. `Ok` as
    /// well if the caller does not wait any more: there is nobody to be told of it.
    ///
    /// # Errors
    /// EMFILE if the caller's table is full. The call is then unanswered.
    pub(crate) fn answer_with_descriptor(&self, id: u64, fd: BorrowedFd<'_>, close_on_exec: bool) -> io::Result<()> {
        self.answer_with_descriptor_at(id, fd, close_on_exec, None)
    }

    /// As above, at number `at`, whatever the caller had there, unless its limit does not allow that number.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn answer_with_descriptor_at(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        close_on_exec: bool,
        at: Option<u32>,
    ) -> io::Result<()> {
        let set = if at.is_some() { libc::SECCOMP_ADDFD_FLAG_SETFD } else { 0 };
        match self.add(id, fd, libc::SECCOMP_ADDFD_FLAG_SEND | set, at.unwrap_or(0), close_on_exec) {
            Ok(_) | Err(io::Errno::NOENT) => Ok(()),
            Err(io::Errno::BADF) if at.is_some() => self.answer_with_descriptor(id, fd, close_on_exec),
            Err(errno) => Err(errno),
        }
    }

    /// Puts a descriptor into the caller's table at the lowest free number, closed on exec, and gives that number. The
    /// caller goes on waiting.
    ///
    /// # Errors
    /// EMFILE if the caller's table is full; ENOENT if the caller does not wait any more.
    pub(crate) fn lend_descriptor(&self, id: u64, fd: BorrowedFd<'_>) -> io::Result<i32> {
        self.give_descriptor(id, fd, true)
    }

    /// As above, to be the caller's own, which may have it kept on exec.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn give_descriptor(&self, id: u64, fd: BorrowedFd<'_>, close_on_exec: bool) -> io::Result<i32> {
        self.add(id, fd, 0, 0, close_on_exec)
    }

    /// SECCOMP_IOCTL_NOTIF_ADDFD; the number that the descriptor got.
    fn add(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        flags: libc::c_ulong,
        newfd: u32,
        close_on_exec: bool,
    ) -> io::Result<i32> {
        let newfd_flags = if close_on_exec { libc::O_CLOEXEC as u32 } else { 0 };
        let srcfd = fd.as_raw_fd() as u32;
        let mut request = libc::seccomp_notif_addfd { id, flags: flags as u32, srcfd, newfd, newfd_flags };
        self.request(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut request)
    }

    fn send(&self, id: u64, val: i64, error: i32, flags: u32) -> io::Result<()> {
        let mut response = libc::seccomp_notif_resp { id, val, error, flags };
        self.request(libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response).map(drop)
    }

    fn request<T>(&self, request: libc::Ioctl, argument: *mut T) -> io::Result<i32> {
        loop {
            // SAFETY: every caller passes the structure that this request reads or writes (or, for SET_FLAGS, a plain
            // value in the argument's place), alive for the call.
            match unsafe { libc::ioctl(self.descriptor.as_raw_fd(), request, argument) } {
                -1 if last_error() == io::Errno::INTR => {}
                -1 => return Err(last_error()),
                value => return Ok(value),
            }
        }
    }
}
