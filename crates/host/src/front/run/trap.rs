//! The fast road: ioctls, reads and writes on descriptors in a high range of numbers are trapped and answered by the supervisor, without the
//! detour through FUSE. The descriptors are the same files on FUSE as ever; so a call that is not trapped (after dup2 to
//! a low number, by io_uring, in a process that got the descriptor at another number) goes there and does the same.
//!
//! Reads and writes of no bytes take this way on every road: FUSE would not tell us of them. And where there is no FUSE
//! (`plain.rs`), all take it.

use super::{
    descriptor::Descriptor,
    lending::{LENDING, Lending},
    owed::{FlightId, Owed, Trapped},
    plain::Settling,
    position::{Course, Spot},
    road::Traps,
    supervisor::{Supervisor, Verdict},
    table::OpenFile,
};
use crate::{
    front::flight::Start,
    sys::{
        memory::ClientMemory,
        seccomp::{Notification, TrappedMemory},
    },
};
use outlive_classes::{Call, Errno, Memory};
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
pub(super) fn is_the_kernels(command: u32) -> bool {
    const FIBMAP: u32 = 1;
    const FIGETBSZ: u32 = 2;
    command == FIBMAP || command == FIGETBSZ || matches!((command >> 8) as u8, b'T' | b'f' | b'X')
}

impl Supervisor {
    /// ioctl FIONBIO, which is the kernel's.
    pub(super) fn note_nonblock(&self, notification: &Notification) -> Verdict {
        let [descriptor, _, address, ..] = notification.arguments;
        let mut on = [0; 4];
        if let Some(file) = self.files.file_at(notification.pid, descriptor as u32)
            && ClientMemory::of(notification.pid).read(address, &mut on).is_ok()
        {
            file.file.set_nonblock(on != [0; 4]);
        }
        Verdict::Proceed
    }

    /// A call that moves data on a descriptor of ours, or tells its driver something. The kernel carries it out if it is
    /// not ours, or goes on by FUSE.
    pub(super) fn trapped(&self, notification: &Notification) -> Verdict {
        let [descriptor, second, ..] = notification.arguments;
        let number = descriptor as u32;
        if !self.killable || notification.number == libc::SYS_ioctl && is_the_kernels(second as u32) {
            return Verdict::Proceed;
        }
        let file = match &self.traps {
            Traps::Range(range) if range.contains(&number) => {
                self.files.clients.file(&self.files, notification.pid, number)
            }
            // Others are rare, and not worth remembering.
            _ => self.files.file_at(notification.pid, number),
        };
        let Some(file) = file else { return Verdict::Proceed };
        // By FUSE that could not be had.
        let lends = notification.number == libc::SYS_ioctl && LENDING.contains(&(second as u32));
        let place = match (self.waiting.take(), &self.traps) {
            (None, Traps::Nothing | Traps::Range(_)) if !lends => return Verdict::Proceed,
            (place, _) => place,
        };
        if !file.is_open_for(notification.number) {
            return Verdict::Answer(Err(Errno::BADF));
        }
        if notification.number != libc::SYS_ioctl && must_know_nonblock(&file, notification.number) {
            let descriptor = Descriptor::of(notification.pid, number.cast_signed());
            file.file.set_nonblock(descriptor.is_some_and(|it| it.flags & libc::O_NONBLOCK != 0));
        }
        // The position is the kernel's, where there is FUSE.
        let moves_some = notification.arguments[2] != 0;
        if file.positioned && file.line.is_none() && notification.number != libc::SYS_ioctl && moves_some {
            return Verdict::Proceed;
        }
        let memory = TrappedMemory::of(&self.listener, notification);
        let Transfer { call, buffers, course } = match transfer(notification, &memory, &file) {
            Ok(decoded) => decoded,
            Err(errno) => return Verdict::Answer(Err(errno)),
        };
        let (id, listener) = (notification.id, self.listener.clone());
        // Reads take what there is, and so do ioctls such as EVIOCSCLOCKID.
        let takes = file.line.is_some() && !matches!(call, Call::Write { .. } | Call::WriteAt { .. });
        let settling =
            takes.then(|| Settling { file: file.clone(), pid: notification.pid, number: number.cast_signed() });
        let answered = false;
        let owed = Trapped { listener, id, memory: memory.clone(), buffers, course, settling, answered, _place: place };
        let pid = notification.pid;
        let memory = Lending::by_notification(memory, pid, &self.lab, (self.listener.clone(), id));
        let (id, owed, memory) = (FlightId::Trap(id), Owed::Trap(owed), Arc::new(memory));
        let (file, device) = (file.file.clone(), file.device.clone());
        self.files.flights.begin(Start { id, owed, pid, file, device, call, memory });
        Verdict::Answered
    }
}

/// Whether it has to be looked up if a read or write of `file` may sleep. To look takes longer than such a call. Who finds
/// something to read does not need it, unless another reader takes that away first; then it is what fcntl(2) or FIONBIO last
/// made of it, which only `plain` does not see.
fn must_know_nonblock(file: &OpenFile, number: i64) -> bool {
    if file.line.is_some() { file.file.heeds_nonblock() } else { file.file.may_sleep(number == libc::SYS_read) }
}

/// What is asked for.
struct Transfer {
    call: Call,
    /// Where a read puts its data.
    buffers: Vec<Buffer>,
    /// Where it goes, in a file with a position.
    course: Option<Course>,
}

fn transfer(notification: &Notification, memory: &TrappedMemory, file: &Arc<OpenFile>) -> Result<Transfer, Errno> {
    let [_, second, third, ..] = notification.arguments;
    if notification.number == libc::SYS_ioctl {
        let call = Call::Ioctl { command: second as u32, argument: third };
        return Ok(Transfer { call, buffers: Vec::new(), course: None });
    }
    let course = match Spot::of(notification) {
        spot if file.positioned => Some(spot.course(file, notification)?),
        Spot::Onward => None,
        // pread(2) of what has none.
        Spot::At(_) => return Err(Errno::SPIPE),
    };
    let most = course.as_ref().map_or(LARGEST, |course| course.room);
    let buffers = match notification.number {
        libc::SYS_read | libc::SYS_write | libc::SYS_pread64 | libc::SYS_pwrite64 => {
            vec![Buffer { address: second, size: third as usize }]
        }
        _ => vector(second, third, memory)?,
    };
    let reads = matches!(
        notification.number,
        libc::SYS_read | libc::SYS_readv | libc::SYS_pread64 | libc::SYS_preadv | libc::SYS_preadv2
    );
    let call = if reads {
        Call::Read { size: buffers.iter().fold(0, |size: usize, buffer| size.saturating_add(buffer.size)).min(most) }
    } else {
        Call::Write { data: gather(&buffers, memory, most)? }
    };
    let call = match &course {
        Some(course) => call.at(course.at),
        None => call,
    };
    Ok(Transfer { call, buffers: if reads { buffers } else { Vec::new() }, course })
}

/// `struct iovec` of `linux/uio.h`, so many of them.
fn vector(address: u64, count: u64, memory: &TrappedMemory) -> Result<Vec<Buffer>, Errno> {
    if count > UIO_MAXIOV {
        return Err(Errno::INVAL);
    }
    let mut bytes = vec![0; count as usize * 16];
    memory.read(address, &mut bytes)?;
    let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
    Ok(bytes.chunks_exact(16).map(|it| Buffer { address: word(&it[..8]), size: word(&it[8..]) as usize }).collect())
}

/// What is there, up to `most` bytes.
fn gather(buffers: &[Buffer], memory: &TrappedMemory, most: usize) -> Result<Vec<u8>, Errno> {
    let mut data = Vec::new();
    for buffer in buffers {
        let start = data.len();
        data.resize(start + buffer.size.min(most - start), 0);
        memory.read(buffer.address, &mut data[start..])?;
    }
    Ok(data)
}

/// A part of a client's memory.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    pub(super) address: u64,
    pub(super) size: usize,
}

/// No call on a file without a position moves more, in bytes.
const LARGEST: usize = 128 * 1024;
/// `linux/uio.h`
const UIO_MAXIOV: u64 = 1024;

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
