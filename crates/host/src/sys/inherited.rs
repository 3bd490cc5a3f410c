//! Descriptors that this process was started with.

use rustix::io::{self, FdFlags, fcntl_getfd, fcntl_setfd};
use std::{
    os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd},
    sync::Mutex,
};

/// Those that have been taken.
static TAKEN: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// Takes descriptor `number`, which nobody in this process has opened, and which no program that it starts will have.
///
/// # Errors
/// EBADF if there is none, if it is a standard one, if this process has opened it itself, or if it has been taken before.
pub(crate) fn take(number: RawFd) -> io::Result<OwnedFd> {
    let mut taken = TAKEN.lock().map_err(|_| io::Errno::BADF)?;
    if number <= 2 || taken.contains(&number) {
        return Err(io::Errno::BADF);
    }
    // SAFETY: used for two calls on the number alone; if it is not open they fail with EBADF.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    // All that we open closes on exec. What came to us by exec does not.
    if fcntl_getfd(descriptor)?.contains(FdFlags::CLOEXEC) {
        return Err(io::Errno::BADF);
    }
    fcntl_setfd(descriptor, FdFlags::CLOEXEC)?;
    taken.push(number);
    // SAFETY: it is open, came by exec, and is given out once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsRawFd, IntoRawFd};

    #[test]
    fn a_descriptor_is_taken_once_and_only_if_it_came_by_exec() {
        for number in [-1, 0, 1, 2, 1_000_000] {
            assert_eq!(take(number).unwrap_err(), io::Errno::BADF, "{number}");
        }
        let ours = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(take(ours.as_raw_fd()).unwrap_err(), io::Errno::BADF);
        fcntl_setfd(&ours, FdFlags::empty()).unwrap();
        let number = ours.into_raw_fd();
        let taken = take(number).unwrap();
        assert!(fcntl_getfd(&taken).unwrap().contains(FdFlags::CLOEXEC));
        assert_eq!(take(number).unwrap_err(), io::Errno::BADF);
    }
}
