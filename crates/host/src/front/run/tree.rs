//! The process tree of CMD, and what sees to it that the tree and its supervisor end together.
//!
//! ```text
//! outlive run (the supervisor)
//!   └─ the guardian: one thread, a child subreaper (prctl(2)), does nothing but wait
//!        └─ CMD and all that it begets, daemons too; when all of that has ended, a second program, if there is one
//! ```
//! If the supervisor dies, however it dies, the guardian's socket hangs up, and it kills everything below it. If the
//! guardian is killed, its tree becomes the supervisor's (a subreaper as well), which does the same. Neither needs
//! privileges, nor a namespace that the programs would see.

use super::{
    StartError,
    guardian::{
        ENDED, EXITED, GO_ON, KILL_ALL, KILLABLE, KILLED, STARTED, Stage, close_all_but, guard, hear, number_of, tell,
    },
    road::Traps,
};
use crate::{
    fuse::mount::receive_descriptors,
    sys::{
        child,
        process::{SignalState, fork, kill, next_signal, signal_descriptor},
    },
    trial::End,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Pid, WaitOptions, WaitStatus, set_child_subreaper, wait, waitpid},
};
use std::{
    ffi::OsString,
    os::fd::{AsFd, OwnedFd},
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
    /// Where the listener of the second program will arrive.
    second: Option<OwnedFd>,
    /// Which program runs: 0, or 1 for the second.
    stage: i32,
}

/// Signals that the supervisor passes on to CMD. INT and QUIT only if a process sent them: the terminal has sent them to
/// CMD already.
const PASSED_ON: [i32; 6] = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

impl Tree {
    /// Starts CMD under the filter, with the signals as they were `before` us. `second` is started by
    /// [`go_on`](Tree::go_on).
    pub(super) fn start(start: &Start, second: Option<&Start>, before: &SignalState) -> Result<Started, StartError> {
        set_child_subreaper(Some(rustix::process::getpid())).map_err(StartError::system("becoming a subreaper"))?;
        let (ours, theirs) = pair()?;
        let (listener_end, command_end) = pair()?;
        let (second_end, second_line) = second.map(|_| pair()).transpose()?.unzip();
        // Everything that must not be missed is blocked from here on, in the guardian and in our threads alike.
        let signals = signal_descriptor(&PASSED_ON).map_err(StartError::system("signalfd"))?;
        let guardian = fork(|| {
            let first = Stage { line: &command_end, start };
            let second = second_line.as_ref().zip(second).map(|(line, start)| Stage { line, start });
            let stages: Vec<Stage<'_>> = [first].into_iter().chain(second).collect();
            // What the supervisor alone may hold is closed here, or its death would go unnoticed.
            close_all_but(&[theirs.as_fd()], &stages);
            guard(&theirs, &stages, before)
        })
        .map_err(StartError::system("fork"))?;
        drop((theirs, command_end, second_line));
        let tree = Tree { guardian, line: ours, signals, command: 0, second: second_end, stage: 0 };
        let (attended, execution) = Attended::receive(listener_end, &start.traps)?;
        Ok(Started { tree, attended, execution })
    }

    /// Has the second program started, once [`wait_for_first`](Tree::wait_for_first) has returned; `traps` as for the first.
    pub(super) fn go_on(&mut self, traps: &Traps) -> Result<(Attended, Execution), StartError> {
        let second = self.second.take().ok_or(StartError::system("starting a second program")(Errno::INVAL))?;
        self.stage = 1;
        tell(&self.line, GO_ON, 0);
        Attended::receive(second, traps)
    }

    /// Something that makes the guardian kill the tree.
    pub(super) fn stopper(&self) -> Result<Stopper, StartError> {
        let line = self.line.try_clone().map_err(|_| StartError::system("dup")(Errno::MFILE))?;
        Ok(Stopper { line, stage: self.stage })
    }

    /// The guardian's process number: the root of the tree.
    pub(super) fn root(&self) -> i32 {
        self.guardian.as_raw_nonzero().get()
    }

    /// Waits until the whole tree of the first of two programs has ended; the result is that program's.
    pub(super) fn wait_for_first(&mut self) -> End {
        let (end, waits) = self.hear_out();
        if !waits {
            end_all();
        }
        end.unwrap_or(End::Signal(libc::SIGKILL))
    }

    /// Waits until the whole tree has ended; the result is CMD's, or that of the second program if that was started.
    pub(super) fn wait(mut self) -> End {
        let (end, _) = self.hear_out();
        // If the guardian waits for us to go on: we shall not.
        end_all();
        end.unwrap_or(End::Signal(libc::SIGKILL))
    }

    /// Hears how the program ends that runs, until its tree has ended, and whether the guardian waits to go on. Else it is
    /// gone.
    fn hear_out(&mut self) -> (Option<End>, bool) {
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
                match hear(&self.line) {
                    Some((STARTED, pid)) => self.command = pid,
                    Some((EXITED, code)) => end = Some(End::Exit(code)),
                    Some((KILLED, signal)) => end = Some(End::Signal(signal)),
                    Some((ENDED, _)) => return (end, true),
                    None => return (end, false),
                    Some(_) => {}
                }
            }
        }
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
    pub(super) attended: Attended,
    pub(super) execution: Execution,
}

/// What it takes to answer the calls of a program.
pub(super) struct Attended {
    /// Where the filter's notifications arrive.
    pub(super) listener: OwnedFd,
    /// What is trapped.
    pub(super) traps: Traps,
    /// Whether a call that waits for us is interrupted by fatal signals only.
    pub(super) killable: bool,
}

impl Attended {
    /// Receives it from a program that is about to be executed, whose line is `line`.
    fn receive(line: OwnedFd, traps: &Traps) -> Result<(Self, Execution), StartError> {
        let (message, mut descriptors) =
            receive_descriptors(line.as_fd()).map_err(StartError::system("receiving the listener"))?;
        let Some(listener) = descriptors.pop() else {
            return Err(match number_of(&message) {
                Some(errno) => StartError::Filter(Errno::from_raw_os_error(errno)),
                None => {
                    StartError::system("starting a program: the process that was to do it is gone")(Errno::CONNRESET)
                }
            });
        };
        let killable = message.first() == Some(&KILLABLE);
        let traps = if killable { traps.clone() } else { Traps::Nothing };
        Ok((Attended { listener, traps, killable }, Execution { line }))
    }
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

/// Makes the guardian kill the tree of the program that ran when it was asked for.
#[derive(Debug)]
pub(crate) struct Stopper {
    line: OwnedFd,
    stage: i32,
}

impl Stopper {
    /// Kills every process of the tree, with SIGKILL.
    pub(crate) fn stop(&self) {
        // If the guardian is gone, so is the tree.
        tell(&self.line, KILL_ALL, self.stage);
    }
}

pub(super) fn reap_any(mut ended: impl FnMut(Pid, WaitStatus)) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => ended(pid, status),
            Ok(None) => return true,
            // ECHILD
            Err(_) => return false,
        }
    }
}

/// Ends all that is left when the guardian is gone, but for our own helpers: in the end nothing; but if somebody has killed
/// it, its tree is ours.
fn end_all() {
    let own = std::process::id();
    loop {
        let left = descendants_but(own, &child::helpers());
        if left.is_empty() {
            return;
        }
        for pid in left {
            let _ = kill(pid as i32, libc::SIGKILL);
            // Of those that are not ours to reap it says ECHILD.
            let _ = waitpid(Pid::from_raw(pid as i32), WaitOptions::NOHANG);
        }
        pause();
    }
}

fn pause() {
    let pause = Timespec::try_from(Duration::from_millis(1)).expect("a millisecond fits");
    let _ = poll(&mut [], Some(&pause));
}

/// Kills every descendant of `root`, this process, until `reap` finds that there is none. Those that are no children
/// of ours become so when their parents die: we are their subreaper.
pub(super) fn kill_below(root: u32, mut reap: impl FnMut() -> bool) {
    while reap() {
        for pid in descendants(root) {
            let _ = kill(pid as i32, libc::SIGKILL);
        }
        pause();
    }
}

/// All processes below `root`, from the parents that /proc names.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    descendants_but(root, &[])
}

/// The same without `spared` and what is below them.
fn descendants_but(root: u32, spared: &[u32]) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let counts = |pid: &u32| !spared.contains(pid);
    let parents: Vec<(u32, u32)> = pids.filter(counts).filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
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

fn pair() -> Result<(OwnedFd, OwnedFd), StartError> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(StartError::system("socketpair"))
}
