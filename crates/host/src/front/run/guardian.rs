//! The guardian: starts CMD, and when its whole tree has ended a second program, if there is one; reaps, kills when it is
//! told to, and when the supervisor is gone. It has one thread, and does nothing else.

use super::{
    filter,
    road::Traps,
    tree::{Start, kill_below, reap_any},
};
use crate::{
    fuse::mount::{receive_descriptors, send_descriptors},
    sys::{
        process::{SignalState, exec, fork, next_signal, signal_descriptor},
        seccomp,
    },
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{SendFlags, send},
    process::{Pid, WaitStatus, set_child_subreaper},
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// One of the programs that the guardian starts.
pub(super) struct Stage<'a> {
    /// Its line to the supervisor: it gives the listener, and closes on exec.
    pub(super) line: &'a OwnedFd,
    pub(super) start: &'a Start,
}

/// What comes with the listener: whether who waits for us is interrupted by fatal signals only.
pub(super) const KILLABLE: u8 = b'K';
const INTERRUPTIBLE: u8 = b'I';

/// How the guardian's line speaks: one byte says what, four more say which.
pub(super) const STARTED: u8 = b'S';
pub(super) const EXITED: u8 = b'E';
pub(super) const KILLED: u8 = b'D';
/// The whole tree of the first program has ended, and a second one waits to be started.
pub(super) const ENDED: u8 = b'N';
pub(super) const KILL_ALL: u8 = b'X';
pub(super) const GO_ON: u8 = b'G';

/// In the environment of the second program: how the first one ended, as a shell has it: its exit code, or 128 and the
/// number of the signal.
const EXIT_VARIABLE: &str = "OUTLIVE_EXIT";

/// The guardian's life. Gives its exit code.
pub(super) fn guard(line: &OwnedFd, stages: &[Stage<'_>], before: &SignalState) -> i32 {
    let me = Some(rustix::process::getpid());
    let Ok(children) = signal_descriptor(&[libc::SIGCHLD]) else { return 125 };
    if set_child_subreaper(me).is_err() {
        return 125;
    }
    let mut former = None;
    for (number, stage) in (0..).zip(stages) {
        if number > 0 && !is_to_go_on(line) {
            return 0;
        }
        let Ok(command) = fork(|| become_command(stage, former, before)) else { return 125 };
        let later = &stages[number as usize + 1..];
        // Our copies would keep the other ends from seeing that CMD has been executed, and hold what is CMD's alone.
        close_all_but(&[line.as_fd(), children.as_fd()], later);
        tell(line, STARTED, command.as_raw_nonzero().get());
        former = attend(line, &children, command, number);
        if former.is_none() || later.is_empty() {
            return 0;
        }
        tell(line, ENDED, 0);
    }
    0
}

/// Waits until there is nobody left of `command`'s tree, or kills it when told to. Gives its exit code; `None` if the
/// supervisor has died.
fn attend(line: &OwnedFd, children: &OwnedFd, command: Pid, stage: i32) -> Option<i32> {
    let mut code = 0;
    loop {
        let mut watched = [PollFd::new(line, PollFlags::IN), PollFd::new(children, PollFlags::IN)];
        if poll(&mut watched, None).is_err() {
            continue;
        }
        if !watched[0].revents().is_empty() {
            match hear(line) {
                // It came too late for the program that it was meant for.
                Some((KILL_ALL, meant)) if meant != stage => continue,
                told => {
                    kill_below(std::process::id(), || reap(line, command, &mut code));
                    return told.map(|_| code);
                }
            }
        }
        while next_signal(children).is_some() {}
        if !reap(line, command, &mut code) {
            return Some(code);
        }
    }
}

/// Waits to be told to start the next program. `false` if the supervisor has died.
fn is_to_go_on(line: &OwnedFd) -> bool {
    loop {
        match hear(line) {
            Some((GO_ON, _)) => return true,
            Some(_) => {}
            None => return false,
        }
    }
}

/// Takes leave of the guardian's children that have ended, and reports CMD's end, which it writes down as a shell would;
/// `false` if there are no others.
fn reap(line: &OwnedFd, command: Pid, code: &mut i32) -> bool {
    reap_any(|pid, status| {
        if pid == command {
            *code = status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(*code);
            report(line, status);
        }
    })
}

fn report(line: &OwnedFd, status: WaitStatus) {
    if let Some(code) = status.exit_status() {
        tell(line, EXITED, code);
    } else if let Some(signal) = status.terminating_signal() {
        tell(line, KILLED, signal);
    }
}

pub(super) fn tell(line: &OwnedFd, what: u8, which: i32) {
    let mut message = vec![what];
    message.extend(which.to_ne_bytes());
    let _ = send(line, &message, SendFlags::NOSIGNAL);
}

/// The next message on a line; `None` if the other end has closed.
pub(super) fn hear(line: &OwnedFd) -> Option<(u8, i32)> {
    let (message, _) = receive_descriptors(line.as_fd()).ok()?;
    Some((*message.first()?, number_of(&message[1..])?))
}

/// The last steps of the process that becomes CMD. `former`: how the program before it ended.
fn become_command(stage: &Stage<'_>, former: Option<i32>, before: &SignalState) -> i32 {
    let Stage { line, start } = stage;
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
    let former = former.map(|code| (EXIT_VARIABLE.into(), code.to_string().into()));
    let environment: Vec<_> = start.environment.iter().cloned().chain(former).collect();
    let errno = exec(&start.command, &environment);
    // The line closes on exec; that it speaks now says that there was none.
    let _ = send_descriptors(line.as_fd(), &errno.raw_os_error().to_ne_bytes(), &[]);
    exit_code_of(errno)
}

/// 127 if there is no such program, 126 if it cannot be executed: as shells have it (POSIX, Shell Command Language).
pub(super) fn exit_code_of(errno: Errno) -> i32 {
    if errno == Errno::NOENT { 127 } else { 126 }
}

/// Closes what this process has of the supervisor's: all but those `kept`, and what the programs of `stages` shall have.
pub(super) fn close_all_but(kept: &[BorrowedFd<'_>], stages: &[Stage<'_>]) {
    use std::os::fd::AsRawFd;
    let mut kept: Vec<_> = kept.iter().map(AsRawFd::as_raw_fd).collect();
    for Stage { line, start } in stages {
        kept.push(line.as_raw_fd());
        kept.extend(start.standard.iter().flatten().map(AsRawFd::as_raw_fd));
    }
    crate::sys::process::close_what_closes_on_exec(&kept);
}

pub(super) fn number_of(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}
