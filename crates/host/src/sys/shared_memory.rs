//! Memory that clients map: a memfd of ours (memfd_create(2)), mapped here as well.

use outlive_classes::{Access, PAGE_SIZE, SharedMemory};
use rustix::{
    fs::{
        CWD, FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create,
        openat,
    },
    io,
    mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap},
};
use std::{
    fmt,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};

/// A region of memory that is in no file system. Nobody can make it smaller or larger (fcntl(2), file sealing), so touching
/// it never raises SIGBUS, here or at a client's, whatever a client does to the descriptor while it has one.
pub(crate) struct Region {
    address: NonNull<u8>,
    size: u64,
    for_both: OwnedFd,
    for_reading: OwnedFd,
}

// SAFETY: the mapping lives as long as the region, and is only ever touched through atomics, as clients may write to it
// at any time anyway.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// One of `size` bytes, rounded up to whole pages, all zeroes. `name` is what /proc/PID/maps shows of it.
    pub(crate) fn new(name: &str, size: u64) -> io::Result<Self> {
        let size = size.checked_next_multiple_of(PAGE_SIZE).ok_or(io::Errno::NOMEM)?;
        let length = usize::try_from(size).map_err(|_| io::Errno::NOMEM)?;
        let for_both = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&for_both, size)?;
        fcntl_add_seals(&for_both, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let again = format!("/proc/self/fd/{}", for_both.as_raw_fd());
        let for_reading = openat(CWD, again.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice replaces none of ours.
        let address = unsafe { mmap(std::ptr::null_mut(), length, protection, MapFlags::SHARED, &for_both, 0)? };
        // SAFETY: changes what a child of this process has of the new mapping: nothing. No child of ours uses a region.
        unsafe { madvise(address, length, Advice::LinuxDontFork)? };
        let address = NonNull::new(address.cast()).ok_or(io::Errno::NOMEM)?;
        Ok(Region { address, size, for_both, for_reading })
    }

    fn word(&self, offset: u64) -> Option<&AtomicU32> {
        if !offset.is_multiple_of(4) || offset >= self.size {
            return None;
        }
        // SAFETY: `offset` is inside of the mapping, which is as long as `size` says, page-aligned, and there as long as
        // `self` is; a word of it is touched by atomics alone in this process.
        Some(unsafe { AtomicU32::from_ptr(self.address.as_ptr().add(offset as usize).cast()) })
    }
}

impl SharedMemory for Region {
    fn size(&self) -> u64 {
        self.size
    }

    fn load(&self, offset: u64) -> u32 {
        self.word(offset).map_or(u32::MAX, |word| word.load(SeqCst))
    }

    fn store(&self, offset: u64, value: u32) {
        if let Some(word) = self.word(offset) {
            word.store(value, SeqCst);
        }
    }

    fn descriptor(&self, access: Access) -> Option<BorrowedFd<'_>> {
        match access {
            Access::ReadWrite => Some(self.for_both.as_fd()),
            Access::Read => Some(self.for_reading.as_fd()),
            Access::Write | Access::Neither => None,
        }
    }

    fn discard(&self) {
        let holes = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if fallocate(&self.for_both, holes, 0, self.size).is_err() {
            (0..self.size).step_by(4).for_each(|offset| self.store(offset, 0));
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is this region's own, and nobody has a reference into it any more.
        let _ = unsafe { munmap(self.address.as_ptr().cast(), self.size as usize) };
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_words_of_whole_pages() {
        let region = Region::new("test", 5000).unwrap();
        assert_eq!(region.size(), 8192);
        for offset in [0, 4, 8188] {
            assert_eq!(region.load(offset), 0);
            region.store(offset, 0x1234_5678);
            assert_eq!(region.load(offset), 0x1234_5678);
        }
        for outside in [1, 8192, u64::MAX, u64::MAX - 3] {
            region.store(outside, 7);
            assert_eq!(region.load(outside), u32::MAX, "{outside}");
        }
        region.discard();
        assert_eq!(region.load(8188), 0);
    }

    #[test]
    fn nobody_can_change_its_size_or_write_to_what_is_for_reading() {
        let region = Region::new("test", 4096).unwrap();
        let both = region.descriptor(Access::ReadWrite).unwrap();
        for size in [0, 1 << 20] {
            assert_eq!(ftruncate(both, size), Err(io::Errno::PERM));
        }
        assert_eq!(fcntl_add_seals(both, SealFlags::FUTURE_WRITE), Err(io::Errno::PERM));
        assert_eq!(io::write(region.descriptor(Access::Read).unwrap(), b"x"), Err(io::Errno::BADF));
        assert!(region.descriptor(Access::Write).is_none());
    }
}
