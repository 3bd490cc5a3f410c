//! What rustix has not of sockets.

use super::process::last_error;
use rustix::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How much of what was sent by this end of a pair has not been read at the other, in bytes of memory that the kernel
/// keeps for it: `SIOCOUTQ`, unix(7).
pub(crate) fn unread(end: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one int, which `bytes` is. SIOCOUTQ is TIOCOUTQ (linux/sockios.h).
    match unsafe { libc::ioctl(end.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) } {
        0 => Ok(usize::try_from(bytes).unwrap_or(0)),
        _ => Err(last_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
    use std::os::fd::AsFd;

    #[test]
    fn what_has_been_read_does_not_count() {
        let (a, b) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("socketpair");
        assert_eq!(unread(a.as_fd()), Ok(0));
        send(&a, &[7; 300], SendFlags::empty()).unwrap();
        assert!(unread(a.as_fd()).unwrap() >= 300);
        recv(&b, &mut [0; 10], RecvFlags::empty()).unwrap();
        assert_eq!(unread(a.as_fd()), Ok(0));
    }
}
