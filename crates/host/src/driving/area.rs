//! The memory that a host has given for what is too large for frames.

use outlive_protocol::{Place, Violation, Welcome};
use rustix::{
    fs::{SealFlags, fcntl_get_seals, fstat},
    io::{Errno, pread, pwrite},
};
use std::os::fd::OwnedFd;

#[derive(Debug)]
pub(super) struct Area(OwnedFd);

impl Area {
    /// Of a descriptor that came with a welcome. It has to be what the protocol says, so that no call on it ever waits for
    /// somebody.
    pub(super) fn new(descriptor: OwnedFd, welcome: &Welcome) -> Result<Self, Violation> {
        // Only memory has seals: fcntl(2).
        let sealed = fcntl_get_seals(&descriptor).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
        let size = fstat(&descriptor).map_or(0, |stat| stat.st_size as u64);
        if sealed && size >= welcome.area { Ok(Area(descriptor)) } else { Err(Violation::NoDescriptor) }
    }

    /// What is there, read once. `None`: it cannot be read.
    pub(super) fn read(&self, place: Place) -> Option<Vec<u8>> {
        let mut bytes = vec![0; place.length as usize];
        let mut done = 0;
        while done < bytes.len() {
            match pread(&self.0, &mut bytes[done..], u64::from(place.offset) + done as u64) {
                Err(Errno::INTR) => {}
                Ok(more) if more > 0 => done += more,
                _ => return None,
            }
        }
        Some(bytes)
    }

    /// Writes `bytes` there. Whether that worked.
    pub(super) fn write(&self, place: Place, bytes: &[u8]) -> bool {
        let mut done = 0;
        while done < bytes.len() {
            match pwrite(&self.0, &bytes[done..], u64::from(place.offset) + done as u64) {
                Err(Errno::INTR) => {}
                Ok(more) if more > 0 => done += more,
                _ => return false,
            }
        }
        true
    }
}
