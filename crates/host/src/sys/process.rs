//! fork(2), signals of a process to be, exec.

use rustix::{
    io,
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};
use std::{
    ffi::{CString, OsString},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
};

/// Forks; the child runs `child` and ends with the exit code that it returns.
///
/// # Panics
/// If this process has threads: a child of such a process may not even allocate memory.
pub(crate) fn fork(child: impl FnOnce() -> i32) -> io::Result<Pid> {
    let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(1);
    assert_eq!(threads, 1, "forks come before threads");
    // SAFETY: the process has one thread, so the child has a whole copy of it and may do whatever the parent may.
    match unsafe { libc::fork() } {
        -1 => Err(last_error()),
        0 => {
            let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(101);
            // SAFETY: ends the child without running the parent's exit handlers or flushing its buffers twice.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(Pid::from_raw(pid).expect("fork gives the parent a positive number")),
    }
}

/// The errno of the system call that just failed.
pub(super) fn last_error() -> io::Errno {
    io::Errno::from_raw_os_error(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

/// Executes `command`, searched in PATH as execvp(3) does. Returns only on failure, with the errno: ENOENT if there is
/// no such program.
pub(crate) fn exec(command: &[OsString], environment: &[(OsString, OsString)]) -> io::Errno {
    for (key, value) in environment {
        // SAFETY: the caller is a process with one thread (see `fork`), so nobody reads the environment meanwhile.
        unsafe { std::env::set_var(key, value) };
    }
    let Ok(arguments) = command.iter().map(|a| CString::new(a.clone().into_vec())).collect::<Result<Vec<_>, _>>()
    else {
        return io::Errno::INVAL;
    };
    let mut pointers: Vec<_> = arguments.iter().map(|a| a.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: `pointers` is a null-terminated array of strings that live until execvp returns, if it does.
    unsafe { libc::execvp(pointers[0], pointers.as_ptr()) };
    last_error()
}

/// What a process inherits as to signals: which are blocked, and which it ignores.
#[derive(Clone, Debug)]
pub(crate) struct SignalState {
    mask: libc::sigset_t,
    ignored: Vec<i32>,
}

/// Signals whose disposition we change and therefore restore for CMD. SIGPIPE: Rust's runtime ignores it before main,
/// so what it was before is unknown; as std's own `Command` does, the default is restored.
const TOUCHED: [i32; 6] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP, libc::SIGTSTP, libc::SIGCHLD];

impl SignalState {
    /// What this process has now.
    pub(crate) fn current() -> Self {
        // SAFETY: plain queries into memory of ours; a zeroed sigset_t or sigaction is a valid one.
        unsafe {
            let mut mask = std::mem::zeroed();
            libc::sigprocmask(libc::SIG_SETMASK, std::ptr::null(), &mut mask);
            let is_ignored = |signal: &i32| {
                let mut action: libc::sigaction = std::mem::zeroed();
                libc::sigaction(*signal, std::ptr::null(), &mut action);
                action.sa_sigaction == libc::SIG_IGN
            };
            SignalState { mask, ignored: TOUCHED.into_iter().filter(is_ignored).collect() }
        }
    }

    /// Lets the signals through to this thread that came through before: what waits is delivered at once.
    pub(crate) fn unblock(&self) {
        // SAFETY: sets a mask that was read before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask, std::ptr::null_mut()) };
    }

    /// Gives it to this process, which is about to exec.
    pub(crate) fn restore(&self) {
        // SAFETY: sets dispositions to SIG_DFL or SIG_IGN, which need no handler, and a mask that was read before.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            for signal in TOUCHED {
                let disposition = if self.ignored.contains(&signal) { libc::SIG_IGN } else { libc::SIG_DFL };
                libc::signal(signal, disposition);
            }
            libc::sigprocmask(libc::SIG_SETMASK, &self.mask, std::ptr::null_mut());
        }
    }
}

/// Sees to it that children leave their exit status and SIGCHLD comes: whoever started us may have ignored it, which is
/// inherited (wait(2), notes).
pub(crate) fn hear_of_children() {
    // SAFETY: sets the disposition to the default, which needs no handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Blocks every signal but those of job control for this thread and those that it will make, and gives a
/// descriptor on which `signals` arrive instead: signalfd(2), non-blocking.
pub(crate) fn signal_descriptor(signals: &[i32]) -> io::Result<OwnedFd> {
    // SAFETY: sets are initialised by sigfillset and sigemptyset; signalfd returns a descriptor that nobody else owns.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&mut set);
        // Job control goes on as the terminal has it: a stopped job's supervisor stops with it.
        for signal in [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGCONT] {
            libc::sigdelset(&mut set, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        libc::sigemptyset(&mut set);
        for signal in signals {
            libc::sigaddset(&mut set, *signal);
        }
        match libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(last_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// A signal that arrived on a [`signal_descriptor`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) signal: i32,
    /// Whether a process sent it (kill(2)), and not the terminal.
    pub(crate) from_process: bool,
}

/// The next signal, or `None` if there is none waiting.
pub(crate) fn next_signal(descriptor: &OwnedFd) -> Option<Arrived> {
    // SAFETY: a zeroed signalfd_siginfo is valid, and the kernel writes whole ones into it.
    unsafe {
        let mut info: libc::signalfd_siginfo = std::mem::zeroed();
        let size = size_of_val(&info);
        let n = libc::read(descriptor.as_raw_fd(), (&raw mut info).cast(), size);
        (n == size as isize)
            .then_some(Arrived { signal: info.ssi_signo as i32, from_process: info.ssi_code == libc::SI_USER })
    }
}

/// Sends `signal` to a process, as kill(2).
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill touches no memory of ours.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(last_error()) }
}

/// Leaves namespaces behind for new ones: unshare(2).
///
/// # Panics
/// If asked for anything but namespaces: sharing less of a descriptor table or of memory could break others' promises.
pub(crate) fn unshare(flags: rustix::thread::UnshareFlags) -> io::Result<()> {
    let namespaces = rustix::thread::UnshareFlags::NEWUSER | rustix::thread::UnshareFlags::NEWNS;
    assert!(namespaces.contains(flags), "only namespaces");
    // SAFETY: namespaces are nothing that Rust's rules know of; the descriptor table stays shared as it was.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Closes every descriptor from 3 on that would close on exec, except those `kept`: for a fork that does not exec.
///
/// Whatever owned them in this process must not be used or dropped any more; so this is for a child that leaves by
/// `_exit` and touches nothing of its parent's.
pub(crate) fn close_what_closes_on_exec(kept: &[i32]) {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<i32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2 && !kept.contains(number)) {
        // SAFETY: fcntl and close on numbers; by the contract above nobody uses their owners again. One of them was
        // the directory's own, closed by now: EBADF.
        unsafe {
            let flags = libc::fcntl(number, libc::F_GETFD);
            if flags >= 0 && flags & libc::FD_CLOEXEC != 0 {
                libc::close(number);
            }
        }
    }
}

/// The signal that a process died of, asked of its pidfd, also after it has been reaped. `None` if it lives or exited,
/// and on kernels before 6.15.
pub(crate) fn deadly_signal(pidfd: &OwnedFd) -> Option<i32> {
    /// `struct pidfd_info` of `linux/pidfd.h`, its first version: 64 bytes.
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        mask: u64,
        cgroup: u64,
        ids: [u32; 11],
        exit_code: i32,
    }
    const _: () = assert!(size_of::<Info>() == 64);
    /// `PIDFD_GET_INFO`: _IOWR(0xff, 11, struct pidfd_info).
    const GET_INFO: libc::Ioctl = (3 << 30 | 64 << 16 | 0xff << 8 | 11) as libc::Ioctl;
    /// `PIDFD_INFO_EXIT`
    const EXIT: u64 = 1 << 3;
    let mut info = Info { mask: EXIT, ..Info::default() };
    // SAFETY: the kernel writes at most the 64 bytes that the request's number names.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO, &raw mut info) };
    // As wait(2) has it: the signal in the low seven bits, zero for one that exited.
    let signal = info.exit_code & 0x7f;
    (result == 0 && info.mask & EXIT != 0 && signal != 0).then_some(signal)
}

/// What a thread has open as `number`: the very same open file (pidfd_getfd(2)). `None` if there is none, or we may not.
pub(crate) fn borrow_descriptor(thread: u32, number: i32) -> Option<OwnedFd> {
    let process = |id: u32| Pid::from_raw(id.cast_signed());
    // PIDFD_THREAD (6.9) is O_EXCL: a thread may have a table of its own.
    let itself = PidfdFlags::from_bits_retain(libc::O_EXCL as u32);
    let opened = pidfd_open(process(thread)?, itself).or_else(|_| {
        let status = std::fs::read_to_string(format!("/proc/{thread}/status")).map_err(|_| io::Errno::SRCH)?;
        let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
        pidfd_open(leader.and_then(process).ok_or(io::Errno::SRCH)?, PidfdFlags::empty())
    });
    pidfd_getfd(opened.ok()?, number, PidfdGetfdFlags::empty()).ok()
}
