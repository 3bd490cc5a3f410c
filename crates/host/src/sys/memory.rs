//! Reading and writing another process' memory: process_vm_readv(2), process_vm_writev(2).

use crate::caller::caller;
use outlive_classes::{Caller, Fault, Memory};

/// The memory of the process that thread `pid` belongs to. Good as long as that thread waits for an answer of ours:
/// only then is its number certain not to have been given to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientMemory {
    pid: i32,
}

impl ClientMemory {
    pub(crate) fn of(pid: u32) -> Self {
        // A pid of Linux fits: PID_MAX_LIMIT is 2^22.
        ClientMemory { pid: pid as i32 }
    }

    /// As much of the range as can be read: the number of bytes.
    pub(crate) fn read_some(self, address: u64, into: &mut [u8]) -> usize {
        let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: into.len() };
        // SAFETY: `local` is `into`, exclusively ours and long enough; the kernel checks the remote range.
        let n = unsafe { libc::process_vm_readv(self.pid, &local, 1, &remote, 1, 0) };
        n.max(0) as usize
    }
}

impl Memory for ClientMemory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        if self.read_some(address, into) == into.len() { Ok(()) } else { Err(Fault) }
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        let local = libc::iovec { iov_base: from.as_ptr().cast_mut().cast(), iov_len: from.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: from.len() };
        // SAFETY: `local` is `from`, which the kernel only reads here; it checks the remote range.
        let n = unsafe { libc::process_vm_writev(self.pid, &local, 1, &remote, 1, 0) };
        if n >= 0 && n as usize == from.len() { Ok(()) } else { Err(Fault) }
    }

    fn caller(&self) -> Option<Caller> {
        caller(self.pid.cast_unsigned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_read_and_written_and_a_wild_address_is_a_fault() {
        let memory = ClientMemory::of(std::process::id());
        let mut there = *b"before";
        let address = there.as_mut_ptr() as u64;
        let mut here = [0; 6];
        memory.read(address, &mut here).unwrap();
        assert_eq!(&here, b"before");
        memory.write(address, b"after!").unwrap();
        assert_eq!(std::hint::black_box(&there), b"after!");
        assert_eq!(memory.read(8, &mut here), Err(Fault));
        assert_eq!(memory.write(u64::MAX - 3, b"x"), Err(Fault));
    }
}
