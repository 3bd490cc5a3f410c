//! Descriptors of a device's memory, which its clients are given and give back: of cards, by PRIME. In Linux they are dma-bufs;
//! here they are the memfd itself, which the client may map, pass on and keep as long as it likes.
//!
//! To be given one, a client has to wait for us by seccomp: so the filter sends us that ioctl on every road. What it gives
//! back is known by its inode.

use crate::{
    lab::Lab,
    sys::{memory::ClientMemory, process::borrow_descriptor, seccomp::Listener},
};
use outlive_classes::{Access, Caller, Errno, Fault, Memory, SharedMemory};
use std::sync::Arc;

/// The ioctls by which a client is given a descriptor: PRIME_HANDLE_TO_FD of `drm/drm.h`.
pub(super) const LENDING: [u32; 1] = [outlive_classes::drm::uapi::ioctl::PRIME_HANDLE_TO_FD];

/// A client's memory, whose table of descriptors is to be had as well.
pub(super) struct Lending<M> {
    memory: M,
    pid: u32,
    lab: Arc<Lab>,
    /// By which it waits, if that is a notification.
    waits: Option<(Arc<Listener>, u64)>,
}

impl Lending<ClientMemory> {
    /// That of thread `pid`, which waits for FUSE: nothing can be put into its table.
    pub(super) fn by_fuse(pid: u32, lab: &Arc<Lab>) -> Self {
        Lending { memory: ClientMemory::of(pid), pid, lab: lab.clone(), waits: None }
    }
}

impl<M: Memory> Lending<M> {
    /// That of thread `pid`, which waits for the answer to notification `id`.
    pub(super) fn by_notification(memory: M, pid: u32, lab: &Arc<Lab>, waits: (Arc<Listener>, u64)) -> Self {
        Lending { memory, pid, lab: lab.clone(), waits: Some(waits) }
    }
}

impl<M: Memory> Memory for Lending<M> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        self.memory.read(address, into)
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        self.memory.write(address, from)
    }

    fn expect(&self, ranges: &[(u64, usize)]) {
        self.memory.expect(ranges);
    }

    fn lend(&self, memory: &dyn SharedMemory, writable: bool, close_on_exec: bool) -> Result<i32, Errno> {
        let (listener, id) = self.waits.as_ref().ok_or(Errno::OPNOTSUPP)?;
        let access = if writable { Access::ReadWrite } else { Access::Read };
        let descriptor = memory.descriptor(access).ok_or(Errno::OPNOTSUPP)?;
        listener.give_descriptor(*id, descriptor, close_on_exec).map_err(|errno| match errno {
            // It does not wait any more, and hears nothing of this.
            Errno::NOENT => Errno::INTR,
            errno => errno,
        })
    }

    fn lent(&self, descriptor: i32) -> Result<Arc<dyn SharedMemory>, Errno> {
        let theirs = borrow_descriptor(self.pid, descriptor).ok_or(Errno::BADF)?;
        self.lab.buffers().known_by(&theirs).ok_or(Errno::INVAL)
    }

    fn caller(&self) -> Option<Caller> {
        self.memory.caller()
    }
}
