//! chdir(2) into a directory of ours.
//!
//! What a process works in is the kernel's to set, and it does not have the directory at the path that the client gave. So
//! the client's own thread goes there by a descriptor that it is lent (see `stead`).

use crate::{
    front::run::{
        names::Target,
        opener::Job,
        stead::Instead,
        supervisor::{Supervisor, Verdict},
    },
    lab::entries::Entry,
    sys::seccomp::Notification,
};
use outlive_classes::Errno;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::{os::fd::AsFd, path::Path, sync::Arc};

impl Supervisor {
    /// `target`: where the path leads.
    pub(in crate::front::run) fn chdir(&self, call: &Notification, target: &Target) -> Verdict {
        match target {
            Target::Entry(entry) if entry.is_directory() => self.enter(call, || self.lend_entry(call, entry)),
            Target::Machine(path) => self.enter(call, || self.lend_machine(call, path)),
            Target::Gone(_) => Verdict::Answer(Err(Errno::NOENT)),
            Target::Failed(errno) => Verdict::Answer(Err(*errno)),
            Target::Entry(_) | Target::Device(..) | Target::Status | Target::Udev(_) => {
                Verdict::Answer(Err(Errno::NOTDIR))
            }
            Target::Descriptor(..) | Target::Held(_) | Target::NotOurs => Verdict::Proceed,
        }
    }

    fn enter(&self, call: &Notification, lend: impl FnOnce() -> Result<i32, Errno>) -> Verdict {
        // EACCES: somebody else traces it.
        let instead = Instead { listener: &self.listener, call, refusal: Errno::ACCESS };
        match instead.make(lend, (libc::SYS_fchdir, |lent| [lent, 0, 0, 0, 0, 0]), |_| {}) {
            Ok(()) => Verdict::Answered,
            Err(_) => Verdict::Answer(Err(Errno::ACCESS)),
        }
    }

    fn lend_entry(&self, call: &Notification, entry: &Arc<Entry>) -> Result<i32, Errno> {
        let Some(opener) = &self.opener else {
            let stand_in = self.files.inodes.stand_in(entry, false)?;
            return self.listener.lend_descriptor(call.id, stand_in.as_fd());
        };
        let name = self.files.inodes.directory(entry);
        opener.open(Job { flags: OFlags::DIRECTORY, lasting: true, lent: true, ..Job::of(call, name) })
    }

    fn lend_machine(&self, call: &Notification, path: &Path) -> Result<i32, Errno> {
        super::calls::may_what_we_may(call.pid)?;
        // For reading, since one by O_PATH cannot be lent: where it may be searched only, that is EACCES.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, super::calls::here(call.pid, path), flags, Mode::empty())?;
        self.listener.lend_descriptor(call.id, directory.as_fd())
    }
}
