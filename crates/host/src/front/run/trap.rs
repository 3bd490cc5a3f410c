//! The fast road: ioctls on descriptors in a high range of numbers are trapped and answered by the supervisor, without the
//! detour through FUSE. The descriptors are the same files on FUSE as ever; so a call that is not trapped (after dup2 to
//! a low number, by io_uring, in a process that got the descriptor at another number) goes there and does the same.
//!
//! Reads and writes of no bytes take this way on every road: FUSE would not tell us of them.

use super::{
    flight::{FlightId, Owed, Trapped},
    supervisor::{Supervisor, Verdict},
};
use crate::sys::seccomp::{Notification, TrappedMemory};
use outlive_classes::Call;
use rustix::process::{Resource, getrlimit};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// select(2) knows descriptors below this (`FD_SETSIZE`).
const HIGHEST: u64 = 1024;
/// With room for fewer there is no such range.
const LOWEST: u64 = 128;

/// The numbers whose calls are trapped: the upper half of what the soft limit of this process allows and select(2) can
/// still name. `None` if the limit is too low for that.
pub(super) fn range() -> Option<Range<u32>> {
    let end = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).min(HIGHEST);
    (end >= LOWEST).then_some((end / 2) as u32..end as u32)
}

/// Ioctls that the kernel answers for any file, before a driver is asked (`do_vfs_ioctl` in fs/ioctl.c): those of
/// `asm-generic/ioctls.h` and `linux/fs.h`, by the byte that says whose they are, and two that are older than that.
fn is_the_kernels(command: u32) -> bool {
    const FIBMAP: u32 = 1;
    const FIGETBSZ: u32 = 2;
    command == FIBMAP || command == FIGETBSZ || matches!((command >> 8) as u8, b'T' | b'f' | b'X')
}

impl Supervisor {
    /// An ioctl on a descriptor in the range, or a read or write of no bytes on any.
    pub(super) fn trapped(&self, notification: &Notification) -> Verdict {
        let [descriptor, second, third, ..] = notification.arguments;
        let number = descriptor as u32;
        let ioctl = notification.number == libc::SYS_ioctl;
        if !self.killable || ioctl && is_the_kernels(second as u32) {
            return Verdict::Proceed;
        }
        let Some(place) = self.waiting.take() else { return Verdict::Proceed };
        // Others are rare, and not worth remembering.
        let file = match self.trapped.as_ref().is_some_and(|range| range.contains(&number)) {
            true => self.files.clients.file(&self.files, notification.pid, number),
            false => self.files.file_at(notification.pid, number),
        };
        let Some(file) = file else { return Verdict::Proceed };
        let memory = TrappedMemory::of(&self.listener, notification);
        let call = match notification.number {
            libc::SYS_ioctl => Call::Ioctl { command: second as u32, argument: third },
            libc::SYS_read => Call::Read { size: 0 },
            _ => Call::Write { data: Vec::new() },
        };
        let id = FlightId::Trap(notification.id);
        let listener = self.listener.clone();
        let owed = Owed::Trap(Trapped {
            listener,
            id: notification.id,
            memory: memory.clone(),
            buffer: second,
            answered: false,
            _place: place,
        });
        self.files.begin(id, owed, notification.pid, file, call, Arc::new(memory));
        Verdict::Answered
    }
}

/// How many trapped calls may wait for their answers: the kernel looks through all of them for each answer, and beside
/// thousands one takes milliseconds. What comes beyond that waits in FUSE.
const PLACES: usize = 64;

/// The places of trapped calls.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<AtomicUsize>);

/// One of them, until it is dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Places {
    fn take(&self) -> Option<Place> {
        let taken = self.0.fetch_add(1, Relaxed);
        let place = Place(self.0.clone());
        (taken < PLACES).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places() {
        let places = Places::default();
        let taken: Vec<_> = (0..PLACES).map(|_| places.take().unwrap()).collect();
        assert!(places.take().is_none());
        drop(taken);
        assert!(places.take().is_some());
    }

    #[test]
    fn the_kernel_keeps_its_own_ioctls() {
        let kernels: [u32; 6] =
            [libc::FIONBIO as u32, libc::FIOCLEX as u32, libc::FIONREAD as u32, libc::TCGETS as u32, 1, 0x8008_6601];
        assert!(kernels.into_iter().all(is_the_kernels));
        // I2C_SLAVE, I2C_SMBUS, SG_IO, MEMGETINFO, EVIOCGVERSION
        assert!(
            [0x0703_u32, 0x0720, 0x2285, 0x8020_4d01, 0x8004_4501].into_iter().all(|command| !is_the_kernels(command))
        );
    }
}
