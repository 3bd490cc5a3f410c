//! Who is at the other end of a control socket.

use rustix::{fd::AsFd, io, net::sockopt::socket_peercred};

/// The user at the other end: the one who connected, or the one who listens (`SO_PEERCRED` of `unix(7)`).
pub(super) fn user(socket: impl AsFd) -> io::Result<u32> {
    Ok(socket_peercred(socket)?.uid.as_raw())
}

/// The effective user of this process.
pub(super) fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a process of user `own` talks to one of user `other`: both ways, only to itself and to root.
pub(super) fn is_trusted(own: u32, other: u32) -> bool {
    other == own || other == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_oneself_and_root_are_trusted() {
        // 65534 is what a user outside of a user namespace looks like from within.
        let cases = [(1000, 1000, true), (1000, 0, true), (0, 0, true), (0, 1000, false), (1000, 1001, false)];
        for (own, other, trusted) in cases.into_iter().chain([(1000, 65534, false), (0, 65534, false)]) {
            assert_eq!(is_trusted(own, other), trusted, "{own} and {other}");
        }
    }

    #[test]
    fn the_kernel_says_who_the_peer_is() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(user(&one), Ok(own_user()));
    }
}
