//! The process tree of CMD, and what sees to it that the tree and its supervisor end together.
//!
//! ```text
//! outlive run (the supervisor)
//!   └─ the guardian: one thread, a child subreaper (prctl(2)), does nothing but wait
//!        └─ CMD and all that it begets, daemons too
//! ```
//! If the supervisor dies, however it dies, the guardian's socket hangs up, and it kills everything below it. If the
//! guardian is killed, its tree becomes the supervisor's (a subreaper as well), which does the same. Neither needs
//! privileges, nor a namespace that the programs would see.

use super::{StartError, filter, road::Traps};
use crate::{
    fuse::mount::{receive_descriptors, send_descriptors},
    sys::{
        process::{SignalState, exec, fork, kill, next_signal, signal_descriptor},
        seccomp,
    },
    trial::End,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair},
    process::{Pid, WaitOptions, WaitStatus, set_child_subreaper, wait},
};
use std::{
    ffi::OsString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

/// What to execute, and with what.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) command: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    /// In the places of standard input, output and error; `None`: the supervisor's own.
    pub(super) standard: [Option<OwnedFd>; 3],
    /// What is to be trapped.
    pub(super) traps: Traps,
}

/// A tree that has been started.
#[derive(Debug)]
pub(super) struct Tree {
    guardian: Pid,
    /// To the guardian: it tells how CMD ends; it kills the tree when told, or when we are gone.
    line: OwnedFd,
    /// Signals that the supervisor got.
    signals: OwnedFd,
    command: i32,
}

/// What comes with the listener: whether who waits for us is interrupted by fatal signals only.
const KILLABLE: u8 = b'K';
const INTERRUPTIBLE: u8 = b'I';

/// How the guardian's line speaks: one byte says what, four more say which.
const STARTED: u8 = b'S';
const EXITED: u8 = b'E';
const KILLED: u8 = b'D';
const KILL_ALL: u8 = b'X';

/// Signals that the supervisor passes on to CMD. INT and QUIT only if a process sent them: the terminal has sent them to
/// CMD already.
const PASSED_ON: [i32; 6] = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

impl Tree {
    /// Starts CMD under the filter, with the signals as they were `before` us.
    pub(super) fn start(start: &Start, before: &SignalState) -> Result<Started, StartError> {
        set_child_subreaper(Some(rustix::process::getpid())).map_err(StartError::system("becoming a subreaper"))?;
        let (ours, theirs) = pair()?;
        let (listener_end, command_end) = pair()?;
        // Everything that must not be missed is blocked from here on, in the guardian and in our threads alike.
        let signals = signal_descriptor(&PASSED_ON).map_err(StartError::system("signalfd"))?;
        let guardian = fork(|| {
            // What the supervisor alone may hold is closed here, or its death would go unnoticed.
            close_all_but(&[theirs.as_fd(), command_end.as_fd()], start);
            guard(&theirs, &command_end, start, before)
        })
        .map_err(StartError::system("fork"))?;
        drop((theirs, command_end));
        let (message, mut descriptors) =
            receive_descriptors(listener_end.as_fd()).map_err(StartError::system("receiving the listener"))?;
        let Some(listener) = descriptors.pop() else {
            let errno = number_of(&message).map_or(Errno::IO, Errno::from_raw_os_error);
            return Err(StartError::Filter(errno));
        };
        let tree = Tree { guardian, line: ours, signals, command: 0 };
        let killable = message.first() == Some(&KILLABLE);
        let traps = if killable { start.traps.clone() } else { Traps::Nothing };
        Ok(Started { tree, listener, traps, killable, execution: Execution { line: listener_end } })
    }

    /// Something that makes the guardian kill the tree.
    pub(super) fn stopper(&self) -> Result<Stopper, StartError> {
        let line = self.line.try_clone().map_err(|_| StartError::system("dup")(Errno::MFILE))?;
        Ok(Stopper { line })
    }

    /// The guardian's process number: the root of the tree.
    pub(super) fn root(&self) -> i32 {
        self.guardian.as_raw_nonzero().get()
    }

    fn hear(&self) -> Option<(u8, i32)> {
        let (message, _) = receive_descriptors(self.line.as_fd()).ok()?;
        Some((*message.first()?, number_of(&message[1..])?))
    }

    /// Waits until the whole tree has ended; the result is CMD's.
    pub(super) fn wait(mut self) -> End {
        let mut end = None;
        loop {
            let mut watched = [PollFd::new(&self.line, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
            if poll(&mut watched, None).is_err() {
                continue;
            }
            let (heard, signalled) = (!watched[0].revents().is_empty(), !watched[1].revents().is_empty());
            if signalled {
                self.pass_signals_on(end.is_some());
            }
            if heard {
                match self.hear() {
                    Some((STARTED, pid)) => self.command = pid,
                    Some((EXITED, code)) => end = Some(End::Exit(code)),
                    Some((KILLED, signal)) => end = Some(End::Signal(signal)),
                    _ => break,
                }
            }
        }
        // The guardian is gone: in the end, or killed by somebody, and then the tree is ours to end.
        kill_below(std::process::id(), || reap_any(|_, _| ()));
        end.unwrap_or(End::Signal(libc::SIGKILL))
    }

    /// To CMD; when CMD has ended, to all that it left behind.
    fn pass_signals_on(&mut self, ended: bool) {
        while let Some(arrived) = next_signal(&self.signals) {
            let interactive = [libc::SIGINT, libc::SIGQUIT].contains(&arrived.signal);
            if ended {
                // What runs in the background commonly ignores the terminal's signals; but who sends them to us now
                // wants an end of the waiting.
                let signal = if interactive { libc::SIGTERM } else { arrived.signal };
                for pid in descendants(self.root() as u32) {
                    let _ = kill(pid as i32, signal);
                }
            } else if self.command != 0 && (!interactive || arrived.from_process) {
                let _ = kill(self.command, arrived.signal);
            }
        }
    }
}

/// What a start brings.
pub(super) struct Started {
    pub(super) tree: Tree,
    /// Where the filter's notifications arrive.
    pub(super) listener: OwnedFd,
    /// What is trapped.
    pub(super) traps: Traps,
    /// Whether a call that waits for us is interrupted by fatal signals only.
    pub(super) killable: bool,
    pub(super) execution: Execution,
}

/// Whether CMD could be executed.
#[derive(Debug)]
pub(super) struct Execution {
    line: OwnedFd,
}

impl Execution {
    /// Waits until CMD has been executed.
    ///
    /// # Errors
    /// The errno of execve(2).
    pub(super) fn wait(self) -> Result<(), Errno> {
        match receive_descriptors(self.line.as_fd()) {
            Ok((message, _)) if message.is_empty() => Ok(()),
            Ok((message, _)) => Err(number_of(&message).map_or(Errno::IO, Errno::from_raw_os_error)),
            Err(errno) => Err(errno),
        }
    }
}

/// Makes the guardian kill the tree.
#[derive(Debug)]
pub(crate) struct Stopper {
    line: OwnedFd,
}

impl Stopper {
    /// Kills every process of the tree, with SIGKILL.
    pub(crate) fn stop(&self) {
        // If the guardian is gone, so is the tree.
        let _ = send(&self.line, &[KILL_ALL], SendFlags::NOSIGNAL);
    }
}

/// The guardian's life. Gives its exit code.
fn guard(line: &OwnedFd, command_end: &OwnedFd, start: &Start, before: &SignalState) -> i32 {
    let me = Some(rustix::process::getpid());
    let Ok(children) = signal_descriptor(&[libc::SIGCHLD]) else { return 125 };
    if set_child_subreaper(me).is_err() {
        return 125;
    }
    let Ok(command) = fork(|| become_command(command_end, start, before)) else { return 125 };
    // Our copies would keep the other ends from seeing that CMD has been executed, and hold what is CMD's alone.
    close_all_but(&[line.as_fd(), children.as_fd()], &Start::nothing());
    tell(line, STARTED, command.as_raw_nonzero().get());
    loop {
        let mut watched = [PollFd::new(line, PollFlags::IN), PollFd::new(&children, PollFlags::IN)];
        if poll(&mut watched, None).is_err() {
            continue;
        }
        if !watched[0].revents().is_empty() {
            // Told to, or the supervisor has died.
            kill_below(std::process::id(), || reap(line, command));
            return 0;
        }
        while next_signal(&children).is_some() {}
        if !reap(line, command) {
            return 0;
        }
    }
}

/// Takes leave of the guardian's children that have ended, and reports CMD's end; `false` if there are no others.
fn reap(line: &OwnedFd, command: Pid) -> bool {
    reap_any(|pid, status| {
        if pid == command {
            report(line, status);
        }
    })
}

fn reap_any(mut ended: impl FnMut(Pid, WaitStatus)) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => ended(pid, status),
            Ok(None) => return true,
            // ECHILD
            Err(_) => return false,
        }
    }
}

fn report(line: &OwnedFd, status: WaitStatus) {
    if let Some(code) = status.exit_status() {
        tell(line, EXITED, code);
    } else if let Some(signal) = status.terminating_signal() {
        tell(line, KILLED, signal);
    }
}

fn tell(line: &OwnedFd, what: u8, which: i32) {
    let mut message = vec![what];
    message.extend(which.to_ne_bytes());
    let _ = send(line, &message, SendFlags::NOSIGNAL);
}

/// The last steps of the process that becomes CMD.
fn become_command(line: &OwnedFd, start: &Start, before: &SignalState) -> i32 {
    let installed = match seccomp::install_killable(&filter::program(&start.traps)) {
        // An old kernel: without that, nothing is trapped that must happen once.
        Err(Errno::INVAL) => {
            seccomp::install(&filter::program(&Traps::Nothing)).map(|listener| (listener, INTERRUPTIBLE))
        }
        installed => installed.map(|listener| (listener, KILLABLE)),
    };
    let (listener, kind) = match installed {
        Ok(installed) => installed,
        Err(errno) => {
            let _ = send_descriptors(line.as_fd(), &errno.raw_os_error().to_ne_bytes(), &[]);
            return 125;
        }
    };
    if send_descriptors(line.as_fd(), &[kind], &[listener.as_fd()]).is_err() {
        return 125;
    }
    drop(listener);
    for (place, descriptor) in start.standard.iter().enumerate() {
        let Some(descriptor) = descriptor else { continue };
        let done = match place {
            0 => rustix::stdio::dup2_stdin(descriptor),
            1 => rustix::stdio::dup2_stdout(descriptor),
            _ => rustix::stdio::dup2_stderr(descriptor),
        };
        if done.is_err() {
            return 125;
        }
    }
    before.restore();
    let errno = exec(&start.command, &start.environment);
    // The line closes on exec; that it speaks now says that there was none.
    let _ = send_descriptors(line.as_fd(), &errno.raw_os_error().to_ne_bytes(), &[]);
    exit_code_of(errno)
}

/// 127 if there is no such program, 126 if it cannot be executed: as shells have it (POSIX, Shell Command Language).
pub(super) fn exit_code_of(errno: Errno) -> i32 {
    if errno == Errno::NOENT { 127 } else { 126 }
}

impl Start {
    fn nothing() -> Start {
        Start { command: Vec::new(), environment: Vec::new(), standard: [None, None, None], traps: Traps::Nothing }
    }
}

/// Closes what this process has of the supervisor's: all but those `kept`, and what CMD shall have.
fn close_all_but(kept: &[BorrowedFd<'_>], start: &Start) {
    use std::os::fd::AsRawFd;
    let mut kept: Vec<_> = kept.iter().map(AsRawFd::as_raw_fd).collect();
    kept.extend(start.standard.iter().flatten().map(AsRawFd::as_raw_fd));
    crate::sys::process::close_what_closes_on_exec(&kept);
}

/// Kills every descendant of `root`, this process, until `reap` finds that there is none. Those that are no children
/// of ours become so when their parents die: we are their subreaper.
fn kill_below(root: u32, reap: impl Fn() -> bool) {
    while reap() {
        for pid in descendants(root) {
            let _ = kill(pid as i32, libc::SIGKILL);
        }
        let pause = Timespec::try_from(Duration::from_millis(1)).expect("a millisecond fits");
        let _ = poll(&mut [], Some(&pause));
    }
}

/// All processes below `root`, from the parents that /proc names.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(parents.iter().filter(|(_, theirs)| *theirs == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.remove(0);
    found
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted from the last one.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn number_of(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

fn pair() -> Result<(OwnedFd, OwnedFd), StartError> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(StartError::system("socketpair"))
}
