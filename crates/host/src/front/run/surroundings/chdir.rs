//! chdir(2) into a directory of ours.
//!
//! What a process works in is the kernel's to set, and it does not have the directory at the path that the client gave. So
//! the client's own thread goes there by a descriptor: it is *lent* one, is held by ptrace on its way out of the call that
//! we answer, makes fchdir(2) with the descriptor lent, closes it, and goes on with the result as if nothing had been. All
//! its signals are blocked meanwhile.

use crate::{
    front::run::{
        names::Target,
        opener::Job,
        supervisor::{Supervisor, Verdict},
    },
    lab::entries::Entry,
    sys::{
        seccomp::Notification,
        tracee::{Ended, Registers, Tracee},
    },
};
use outlive_classes::Errno;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::{os::fd::AsFd, path::Path, sync::Arc};

/// What the kernel puts in the place of a call's result when a signal is to be seen to first (`include/linux/errno.h`).
const ERESTARTSYS: i64 = 512;
/// What the client is told if it comes to nothing: somebody else traces it.
const REFUSAL: Errno = Errno::ACCESS;

impl Supervisor {
    /// `target`: where the path leads.
    pub(in crate::front::run) fn chdir(&self, call: &Notification, target: &Target) -> Verdict {
        match target {
            Target::Entry(entry) if entry.is_directory() => self.enter(call, || self.lend_entry(call, entry)),
            Target::Machine(path) => self.enter(call, || self.lend_machine(call, path)),
            Target::Gone(_) => Verdict::Answer(Err(Errno::NOENT)),
            Target::Failed(errno) => Verdict::Answer(Err(*errno)),
            Target::Entry(_) | Target::Device(_) | Target::Status => Verdict::Answer(Err(Errno::NOTDIR)),
            Target::Descriptor(..) | Target::Held(_) | Target::NotOurs => Verdict::Proceed,
        }
    }

    fn enter(&self, call: &Notification, lend: impl FnOnce() -> Result<i32, Errno>) -> Verdict {
        let Ok(mut tracee) = Tracee::seize(call.pid) else { return Verdict::Answer(Err(REFUSAL)) };
        let lent = lend();
        // From here on it is stopped on its way out: that it does not wait any more is found out there.
        tracee.interrupt();
        let _ = self.listener.answer(call.id, Err(*lent.as_ref().err().unwrap_or(&REFUSAL)));
        if let Ok(lent) = lent {
            // One that has ended needs no more.
            let _ = enter_in(&mut tracee, call, lent);
        }
        Verdict::Answered
    }

    fn lend_entry(&self, call: &Notification, entry: &Arc<Entry>) -> Result<i32, Errno> {
        let name = self.files.inodes.directory(entry);
        let (flags, lasting) = (OFlags::DIRECTORY, true);
        self.opener.open(Job { id: call.id, name, flags, close_on_exec: true, lasting, lent: true })
    }

    fn lend_machine(&self, call: &Notification, path: &Path) -> Result<i32, Errno> {
        super::calls::may_what_we_may(call.pid)?;
        // For reading, since one by O_PATH cannot be lent: where it may be searched only, that is EACCES.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, super::calls::here(call.pid, path), flags, Mode::empty())?;
        self.listener.lend_descriptor(call.id, directory.as_fd())
    }
}

/// Has the caller go where `lent` is, and close it.
fn enter_in(tracee: &mut Tracee, call: &Notification, lent: i32) -> Result<(), Ended> {
    tracee.wait_for_interrupt()?;
    let before = tracee.registers()?;
    if !is_on_its_way_out(&before, call) {
        return Ok(());
    }
    let mask = tracee.signal_mask()?;
    tracee.set_signal_mask(u64::MAX)?;
    let lent = [u64::from(lent.cast_unsigned()), 0, 0, 0, 0, 0];
    let result = tracee.call(&before, libc::SYS_fchdir, lent)?;
    tracee.call(&before, libc::SYS_close, lent)?;
    tracee.finish_call(&before, result)?;
    tracee.set_signal_mask(mask)
}

/// Whether it has just been answered: then it stands right behind that system call.
fn is_on_its_way_out(registers: &Registers, call: &Notification) -> bool {
    let result = registers.rax as i64;
    let answered = result == -i64::from(REFUSAL.raw_os_error()) || result == -ERESTARTSYS;
    answered && registers.orig_rax == call.number as u64 && registers.rdi == call.arguments[0]
}
