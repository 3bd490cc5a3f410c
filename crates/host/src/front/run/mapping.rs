//! mmap(2) of a device whose memory its clients share with it.
//!
//! FUSE can map its files through the page cache only, where the device would not see what a client writes (or from
//! another file, FOPEN_PASSTHROUGH, which needs CAP_SYS_ADMIN and one file for all regions). So the memory is a memfd of
//! ours, and the client's own thread maps it: it is *lent* a descriptor of the memfd, is held by ptrace on its way out of
//! the call that we answer, and makes the same call again with the descriptor lent; then it closes that, and goes on with
//! the result as if nothing had been. All its signals are blocked meanwhile. What the kernel knows of a mapping (its
//! length, protection, fork, mremap, partial unmapping) it then knows of this one.
//!
//! Other threads of the client can see the descriptor lent for those tens of microseconds, and one that forks then keeps it
//! until it execs. It is no danger to us: the memfd is sealed.

use super::{arch::MAPPED_BY_US, supervisor::Supervisor};
use crate::{
    sys::{
        seccomp::Notification,
        tracee::{Ended, Registers, Tracee},
    },
    trial::Answered,
};
use outlive_classes::{Errno, MapCall, PAGE_SIZE, Plugged};
use rustix::fs::fstat;
use std::{
    os::fd::BorrowedFd,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering::Relaxed},
};

/// What the kernel puts in the place of a call's result when a signal is to be seen to first (`include/linux/errno.h`).
const ERESTARTSYS: i64 = 512;

/// What has been mapped of which device, to find those who have it mapped.
#[derive(Default)]
pub(super) struct Mappings(Mutex<Vec<(Weak<dyn Plugged>, MemoryId)>>);

/// The file system and the inode of a memfd, as fstat(2) tells them, and /proc/PID/maps of those who have it mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MemoryId {
    major: u32,
    minor: u32,
    inode: u64,
}

impl Mappings {
    fn note(&self, device: &Arc<dyn Plugged>, memory: BorrowedFd<'_>) {
        let Ok(stat) = fstat(memory) else { return };
        let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
        let id = MemoryId { major, minor, inode: stat.st_ino };
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.retain(|(device, _)| device.strong_count() > 0);
        if !noted.iter().any(|(_, known)| *known == id) {
            noted.push((Arc::downgrade(device), id));
        }
    }

    /// The memory of `device` that has been mapped.
    pub(super) fn of(&self, device: &Arc<dyn Plugged>) -> Vec<MemoryId> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |noted: &Weak<dyn Plugged>| noted.upgrade().is_some_and(|other| Arc::ptr_eq(&other, device));
        noted.iter().filter(|(device, _)| is_it(device)).map(|(_, id)| *id).collect()
    }
}

impl MemoryId {
    /// Whether a line of /proc/PID/maps is about it (proc(5)): range, permissions, offset, device, inode, name.
    pub(super) fn is_in(self, line: &str) -> bool {
        let mut fields = line.split_ascii_whitespace().skip(3);
        let device = fields.next().and_then(|device| device.split_once(':'));
        let hexadecimal = |text: &str| u32::from_str_radix(text, 16).ok();
        let device = device.and_then(|(major, minor)| Some((hexadecimal(major)?, hexadecimal(minor)?)));
        device == Some((self.major, self.minor))
            && fields.next().and_then(|inode| inode.parse().ok()) == Some(self.inode)
    }
}

/// How the caller is answered.
pub(super) enum Mapped {
    /// With this.
    Answer(Errno),
    /// It has its mapping, or has been told why not, or has ended.
    Done,
}

impl Supervisor {
    /// `call` maps an open file of the device called `name`. `None`: nothing that reaches a device; the kernel says what is
    /// wrong with it.
    pub(super) fn map(&self, call: &Notification, name: &str, device: Option<&Arc<dyn Plugged>>) -> Option<Mapped> {
        let [_, length, _, flags, number, offset] = call.arguments;
        if length == 0 || !offset.is_multiple_of(PAGE_SIZE) {
            return None;
        }
        let (inode, access) = self.names.open_inode(call.pid, number as i32)?;
        let shared = matches!(flags as i32 & libc::MAP_TYPE, libc::MAP_SHARED | libc::MAP_SHARED_VALIDATE);
        let asked = MapCall { offset, length, access, shared };
        let operation = self.lab.arrived(name, call.pid, "mmap", &asked);
        // An inode without an open file: of a device that has gone, or closed just now by another thread.
        let mapping = self.files.file_of(inode).ok_or(Errno::NODEV).and_then(|file| file.file.map(&asked));
        let mapped = mapping.and_then(|mapping| {
            let memory = mapping.memory.descriptor(access).ok_or(Errno::ACCESS)?;
            device.into_iter().for_each(|device| self.files.mappings.note(device, memory));
            self.carry_out(call, memory, mapping.offset, operation)
        });
        Some(match mapped {
            Ok(()) => Mapped::Done,
            Err(errno) => {
                self.lab.answered(operation, Answered::Errno(errno.raw_os_error()));
                Mapped::Answer(errno)
            }
        })
    }

    /// Carries out operation `operation`; `Ok`: the caller has been answered.
    ///
    /// # Errors
    /// What the caller is to be told.
    fn carry_out(&self, call: &Notification, memory: BorrowedFd<'_>, offset: u64, operation: u64) -> Result<(), Errno> {
        let mut tracee = Tracee::seize(call.pid).map_err(|errno| {
            // One that is being killed may not be traced either.
            let traced = errno == Errno::PERM && self.listener.is_valid(call.id);
            if traced && !self.told_traced.swap(true, Relaxed) {
                eprintln!(
                    "outlive: a program (pid {}) that maps a device is traced by somebody else (strace, gdb), or may \
                     not be traced: its mmap says ENODEV",
                    call.pid
                );
            }
            Errno::NODEV
        })?;
        let lent = self.listener.lend_descriptor(call.id, memory);
        // From here on it is stopped on its way out: that it does not wait any more is found out there.
        tracee.interrupt();
        let _ = self.listener.answer(call.id, Err(refusal(lent)));
        let mapped = match lent {
            Ok(lent) => map_in(&mut tracee, call, lent, offset).unwrap_or(Err(Errno::INTR)),
            Err(errno) => Err(refusal(Err(errno))),
        };
        // As long as the caller is held, or its next call might be told of before.
        let answered = mapped.map_or_else(|errno| Answered::Errno(errno.raw_os_error()), Answered::Ok);
        self.lab.answered(operation, answered);
        Ok(())
    }
}

/// What the caller is told if the mapping comes to nothing: that its table is full, most likely.
fn refusal(lent: Result<i32, Errno>) -> Errno {
    match lent {
        Ok(_) => Errno::NODEV,
        Err(_) => Errno::NOMEM,
    }
}

/// Has the caller map descriptor `lent`, and close it.
fn map_in(tracee: &mut Tracee, call: &Notification, lent: i32, offset: u64) -> Result<Result<i64, Errno>, Ended> {
    tracee.wait_for_interrupt()?;
    let before = tracee.registers()?;
    if !is_on_its_way_out(&before, call) {
        return Ok(Err(Errno::INTR));
    }
    let mask = tracee.signal_mask()?;
    tracee.set_signal_mask(u64::MAX)?;
    let [address, length, protection, flags, ..] = call.arguments;
    // The kernel looks at the lower half of the descriptor's number; our filter at the upper one, too.
    let number = u64::from(MAPPED_BY_US) << 32 | u64::from(lent.cast_unsigned());
    let result = tracee.call(&before, libc::SYS_mmap, [address, length, protection, flags, number, offset])?;
    tracee.call(&before, libc::SYS_close, [u64::from(lent.cast_unsigned()), 0, 0, 0, 0, 0])?;
    tracee.finish_call(&before, result)?;
    tracee.set_signal_mask(mask)?;
    let failed = (-4095..0).contains(&result);
    Ok(if failed { Err(Errno::from_raw_os_error(-result as i32)) } else { Ok(result) })
}

/// Whether it has just been answered: then it stands right behind that system call. On kernels that let any signal end
/// the wait for us (before 5.19), it may be elsewhere by now; it makes the call again then, and keeps the descriptor lent.
fn is_on_its_way_out(registers: &Registers, call: &Notification) -> bool {
    let result = registers.rax as i64;
    let answered = result == -i64::from(refusal(Ok(0)).raw_os_error()) || result == -ERESTARTSYS;
    let Registers { rdi, rsi, rdx, r10, r8, r9, .. } = *registers;
    answered && registers.orig_rax == call.number as u64 && [rdi, rsi, rdx, r10, r8, r9] == call.arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::shared_memory::Region;
    use outlive_classes::{Access, SharedMemory};

    #[test]
    fn memory_is_known_in_maps_again() {
        let (region, other) = (Region::new("mine", 4096).unwrap(), Region::new("other", 4096).unwrap());
        let stat = fstat(region.descriptor(Access::Read).unwrap()).unwrap();
        let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
        let id = MemoryId { major, minor, inode: stat.st_ino };
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let found: Vec<_> = maps.lines().filter(|line| id.is_in(line)).collect();
        assert!(matches!(&found[..], [line] if line.contains("/memfd:mine")), "{found:?}");
        drop(other);
    }
}
