//! To whom the kernel sends signals for a descriptor: `F_SETOWN_EX` and `F_SETSIG` of fcntl(2).

use super::process::last_error;
use rustix::io;
use std::os::fd::{AsFd, AsRawFd};

/// `F_SETSIG` of `asm-generic/fcntl.h`.
pub(crate) const F_SETSIG: i32 = 10;
/// `F_SETOWN_EX` of `asm-generic/fcntl.h`.
pub(crate) const F_SETOWN_EX: i32 = 15;

/// `struct f_owner_ex` of `asm-generic/fcntl.h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct Owner {
    /// `F_OWNER_TID`, `F_OWNER_PID` or `F_OWNER_PGRP`.
    pub(crate) kind: i32,
    /// 0: nobody.
    pub(crate) pid: i32,
}

/// Sets who gets the signals.
///
/// # Errors
/// EINVAL: there is no such kind; ESRCH: there is nobody of that number.
pub(crate) fn set_owner(file: impl AsFd, owner: Owner) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed, and the kernel only reads the structure, which lives until it returns.
    match unsafe { libc::fcntl(file.as_fd().as_raw_fd(), F_SETOWN_EX, &raw const owner) } {
        -1 => Err(last_error()),
        _ => Ok(()),
    }
}

/// Sets which signal; 0 for SIGIO without a word of what it is about.
///
/// # Errors
/// EINVAL: there is no such signal.
pub(crate) fn set_signal(file: impl AsFd, signal: i32) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed, and the argument is a number.
    match unsafe { libc::fcntl(file.as_fd().as_raw_fd(), F_SETSIG, signal) } {
        -1 => Err(last_error()),
        _ => Ok(()),
    }
}
