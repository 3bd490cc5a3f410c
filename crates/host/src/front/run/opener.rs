//! Who opens our files for clients: a thread that does not have the channel to the kernel.
//!
//! An open of a file of ours waits for an answer of ours, and such a wait does not end with the death of who waits (fuse
//! waits for what the server has taken: `request_wait_answer` in fs/fuse/dev.c), but with the answer or with the end of
//! the channel. So whoever opens must not be what keeps the channel from being closed: if the supervisor is killed in
//! the middle of an open, its threads exit, and the channel is closed with the last of them that has it in its table. A
//! thread that had it and waited would wait for itself, for ever.

use crate::sys::{
    seccomp::{Listener, Notification},
    table::{Descriptorless, start_apart},
};
use outlive_classes::Errno;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, openat, readlink, unlinkat};
use std::{
    collections::HashSet,
    ops::Range,
    os::fd::{AsFd, OwnedFd},
    sync::mpsc,
};

/// Opens files and gives them to clients.
pub(super) struct Opener {
    jobs: mpsc::Sender<Errand>,
}

/// An open for a caller that waits.
pub(super) struct Job {
    /// The caller's notification, and its thread.
    pub(super) id: u64,
    pub(super) pid: u32,
    /// The name on the mount.
    pub(super) name: String,
    pub(super) flags: OFlags,
    pub(super) close_on_exec: bool,
    /// Where the descriptor is to be, if there is a number free.
    pub(super) range: Option<Range<u32>>,
    /// The name stays; else it is for this once.
    pub(super) lasting: bool,
    /// The caller is to wait on, with the descriptor, which is closed on exec.
    pub(super) lent: bool,
}

impl Job {
    /// An open of `name` for who makes `call`: at the lowest free number, for reading, and the name is used once.
    pub(super) fn of(call: &Notification, name: String) -> Self {
        let (id, pid, flags) = (call.id, call.pid, OFlags::empty());
        Job { id, pid, name, flags, close_on_exec: false, range: None, lasting: false, lent: false }
    }
}

struct Errand {
    job: Job,
    done: mpsc::SyncSender<Result<i32, Errno>>,
}

impl Descriptorless for Errand {}

impl Opener {
    /// `root`: of our mount.
    pub(super) fn start(root: OwnedFd, listener: &Listener) -> rustix::io::Result<Opener> {
        let (jobs, todo) = mpsc::channel();
        start_apart("opener", [root, listener.duplicate()?], todo, work)?;
        Ok(Opener { jobs })
    }

    /// Carries out an open; `Ok`: the caller has its descriptor, whose number is given if it is lent, or does not wait any
    /// more.
    ///
    /// # Errors
    /// What the caller is to be told, and has not been.
    pub(super) fn open(&self, job: Job) -> Result<i32, Errno> {
        let (done, result) = mpsc::sync_channel(1);
        self.jobs.send(Errand { job, done }).map_err(|_| Errno::IO)?;
        result.recv().unwrap_or(Err(Errno::IO))
    }
}

fn work([root, listener]: [OwnedFd; 2], todo: mpsc::Receiver<Errand>) {
    let listener = Listener::new(listener);
    // Until it is asked the kernel takes user 0 for the owner of the root, whom an ordinary user's mount does not know;
    // then nothing could be unlinked there (`inode_permission` in fs/namei.c), and the links of /proc that tell us our
    // descriptors (`Files::file_at`) would say something else.
    let _ = fstat(&root);
    for Errand { job, done } in todo {
        let _ = done.send(carry_out(&root, &listener, &job));
    }
}

fn carry_out(root: &OwnedFd, listener: &Listener, job: &Job) -> Result<i32, Errno> {
    let opened = openat(root, job.name.as_str(), job.flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty());
    if !job.lasting {
        // From here on the inode lives by its users alone: the kernel forgets the name of one that could not be opened,
        // too.
        let _ = unlinkat(root, job.name.as_str(), AtFlags::empty());
    }
    let opened = opened?;
    if job.lent {
        return listener.lend_descriptor(job.id, opened.as_fd());
    }
    let at = job.range.as_ref().and_then(|range| free_number(job.pid, range));
    listener.answer_with_descriptor_at(job.id, opened.as_fd(), job.close_on_exec, at).map(|()| 0)
}

/// The lowest number in `range` that a thread's table has free. All opens go one after the other, so no other open of
/// ours takes it; and nobody else gives out such numbers, but a client that asks for one by name (dup2(2), `F_DUPFD`) at
/// this very moment from another thread.
fn free_number(pid: u32, range: &Range<u32>) -> Option<u32> {
    // Most programs have few there, and to look at one is cheaper than to list all that they have open.
    let mut first = range.clone().take(FEW);
    if let Some(free) = first.find(|number| readlink(format!("/proc/{pid}/fd/{number}"), Vec::new()).is_err()) {
        return Some(free);
    }
    let table = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let taken: HashSet<u32> = table.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    range.clone().find(|number| !taken.contains(number))
}

/// So many descriptors in the range are few.
const FEW: usize = 8;
