//! mmap(2) of a device whose memory its clients share with it.
//!
//! FUSE can map its files through the page cache only, where the device would not see what a client writes (or from
//! another file, FOPEN_PASSTHROUGH, which needs CAP_SYS_ADMIN and one file for all regions). So the memory is a memfd of
//! ours, and the client's own thread maps it (see `stead`). What the kernel knows of a mapping (its length, protection, fork,
//! mremap, partial unmapping) it then knows of this one. That other threads can see the descriptor lent meanwhile is no
//! danger to us: the memfd is sealed.

use super::{
    arch::MAPPED_BY_US,
    descriptor::Descriptor,
    names::Target,
    stead::Instead,
    supervisor::{Supervisor, Verdict},
};
use crate::{front::open_file::access, sys::seccomp::Notification, trial::Answered};
use outlive_classes::{Errno, MapCall, PAGE_SIZE, Plugged};
use rustix::fs::fstat;
use std::{
    os::fd::BorrowedFd,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering::Relaxed},
};

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

impl Supervisor {
    /// mmap(2) of a file.
    pub(super) fn mmap(&self, call: &Notification) -> Verdict {
        let [_, length, _, _, number, offset] = call.arguments;
        // EINVAL, whatever the file.
        if length == 0 {
            return Verdict::Proceed;
        }
        let Some(descriptor) = Descriptor::of(call.pid, number as i32) else { return Verdict::Proceed };
        match self.names.target_of(&descriptor) {
            // Attributes cannot be mapped.
            Target::Held(_) => Verdict::Answer(Err(Errno::NODEV)),
            // The kernel says that it is EINVAL.
            Target::Descriptor(..) if !offset.is_multiple_of(PAGE_SIZE) => Verdict::Proceed,
            Target::Descriptor(name, device) => Verdict::of(self.map(call, &descriptor, &name, device.as_ref())),
            _ => Verdict::Proceed,
        }
    }

    /// `call` maps `descriptor`, an open file of the device called `name`; `Ok`: the caller has been answered.
    ///
    /// # Errors
    /// What the caller is to be told.
    fn map(
        &self,
        call: &Notification,
        descriptor: &Descriptor,
        name: &str,
        device: Option<&Arc<dyn Plugged>>,
    ) -> Result<(), Errno> {
        let [_, length, _, flags, _, offset] = call.arguments;
        let file = self.files.file_of(descriptor.file.inode);
        // A socket is open for both; on FUSE others may have the same inode open, for something else.
        let socket = file.as_ref().filter(|file| file.line.is_some());
        let access = socket.map_or_else(|| access(descriptor.flags), |file| file.access);
        let shared = matches!(flags as i32 & libc::MAP_TYPE, libc::MAP_SHARED | libc::MAP_SHARED_VALIDATE);
        let asked = MapCall { offset, length, access, shared };
        let operation = self.lab.arrived(name, call.pid, "mmap", &asked);
        // An inode without an open file: of a device that has gone, or closed just now by another thread.
        let mapping = file.ok_or(Errno::NODEV).and_then(|file| file.file.map(&asked));
        let mapped = mapping.and_then(|mapping| {
            let memory = mapping.memory.descriptor(access).ok_or(Errno::ACCESS)?;
            device.into_iter().for_each(|device| self.files.mappings.note(device, memory));
            self.carry_out(call, memory, mapping.offset, operation)
        });
        let gone = device.is_none_or(|device| device.gone().is_some());
        mapped.inspect_err(|errno| self.lab.answered(operation, Answered::Errno(errno.raw_os_error()), gone))
    }

    /// Carries out operation `operation`; `Ok`: the caller has been answered.
    ///
    /// # Errors
    /// What the caller is to be told.
    fn carry_out(&self, call: &Notification, memory: BorrowedFd<'_>, offset: u64, operation: u64) -> Result<(), Errno> {
        let [address, length, protection, flags, ..] = call.arguments;
        // The kernel looks at the lower half of the descriptor's number; our filter at the upper one, too.
        let number = |lent| u64::from(MAPPED_BY_US) << 32 | lent;
        let arguments = |lent| [address, length, protection, flags, number(lent), offset];
        // As long as the caller is held, or its next call might be told of before.
        let told = |told: Result<i64, Errno>| {
            let answered = told.map_or_else(|errno| Answered::Errno(errno.raw_os_error()), Answered::Ok);
            self.lab.answered(operation, answered, false);
        };
        let instead = Instead { listener: &self.listener, call, refusal: Errno::NODEV };
        // Its table is full, most likely.
        let lend = || self.listener.lend_descriptor(call.id, memory).map_err(|_| Errno::NOMEM);
        instead.make(lend, (libc::SYS_mmap, arguments), told).map_err(|errno| {
            self.say_that_it_is_traced(call, errno);
            Errno::NODEV
        })
    }

    fn say_that_it_is_traced(&self, call: &Notification, errno: Errno) {
        // One that is being killed may not be traced either.
        let traced = errno == Errno::PERM && self.listener.is_valid(call.id);
        if traced && !self.told_traced.swap(true, Relaxed) {
            eprintln!(
                "outlive: a program (pid {}) that maps a device is traced by somebody else (strace, gdb), or may not be \
                 traced: its mmap says ENODEV",
                call.pid
            );
        }
    }
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
