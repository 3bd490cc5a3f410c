//! One uevent socket of a client: our end of the pair of which the client has the other, and what has not been read.
//!
//! The buffer of a netlink socket is bounded, and so is this: what does not fit is lost, and the reader is told once, by
//! ENOBUFS (netlink(7)). From then on nothing more comes until all has been read, as `netlink_overrun` and
//! `netlink_rcv_wake` of `net/netlink/af_netlink.c` have it. The kernel's own part of the buffer is small (a pair of unix
//! sockets has that of the sender), so the rest waits here.

use crate::sys::socket::unread;
use rustix::{
    io::Errno,
    net::{SendFlags, SocketAddrUnix, bind, send},
};
use std::{
    collections::VecDeque,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What the kernel keeps of memory for a small message besides its bytes (`SKB_TRUESIZE`), about.
const OVERHEAD: usize = 768;
/// No client has more than this of our memory, however large a buffer it asks for: libudev asks for 128 MiB.
const LIMIT: usize = 16 << 20;

/// A uevent socket.
pub(super) struct Monitor {
    pub(super) ours: OwnedFd,
    /// SOCK_RAW or SOCK_DGRAM, as its owner asked.
    pub(super) kind: i32,
    /// The multicast groups that it is in, as bits.
    groups: u32,
    /// Its address, once it is bound.
    pub(super) port: Option<u32>,
    /// Whether the machine's own uevents reach its owner.
    pub(super) machine: bool,
    /// The bytes that may wait for its reader.
    capacity: usize,
    backlog: VecDeque<Arc<[u8]>>,
    /// What the backlog would be in the kernel's memory.
    size: usize,
    congested: bool,
    overrun: bool,
    /// NETLINK_NO_ENOBUFS.
    pub(super) silent: bool,
}

impl Monitor {
    pub(super) fn new(ours: OwnedFd, kind: i32, machine: bool, capacity: usize) -> Monitor {
        let (groups, port, backlog, size) = (0, None, VecDeque::new(), 0);
        let (congested, overrun, silent) = (false, false, false);
        Monitor { ours, kind, groups, port, machine, capacity, backlog, size, congested, overrun, silent }
    }

    pub(super) fn groups(&self) -> u32 {
        self.groups
    }

    /// Puts it into `groups`.
    pub(super) fn join(&mut self, groups: u32) {
        if self.groups == 0 && groups != 0 {
            self.take_address(groups);
        }
        self.groups = groups;
    }

    /// Gives our end an address that reads as that of a netlink message of the kernel's, which is all that a client sees
    /// who receives without us: a duplicate at a low number, io_uring. `struct sockaddr_un` begins as `sockaddr_nl` does,
    /// with a family; behind that an abstract name may have any bytes but a first that is not zero. So: two bytes of
    /// padding, the port 0, the group. What follows makes it unique.
    fn take_address(&self, groups: u32) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let last = LAST.fetch_add(1, Ordering::Relaxed);
        let mut name = vec![0; 5];
        name.extend((1_u32 << groups.trailing_zeros()).to_ne_bytes());
        name.extend(format!("outlive-{}-{last}", std::process::id()).bytes());
        // Without one such a client is told of no sender.
        let _ = SocketAddrUnix::new_abstract_name(&name).and_then(|address| bind(&self.ours, &address));
    }

    /// As its owner has set it: SO_RCVBUF, in bytes.
    pub(super) fn set_capacity(&mut self, bytes: usize) {
        self.capacity = bytes.min(LIMIT);
    }

    /// Sends it a message, or loses that.
    pub(super) fn offer(&mut self, message: &Arc<[u8]>) {
        let waiting = unread(self.ours.as_fd()).unwrap_or(0) + self.size;
        if waiting == 0 {
            self.congested = false;
        }
        if self.congested || waiting > self.capacity {
            return self.lose();
        }
        self.size += message.len() + OVERHEAD;
        self.backlog.push_back(message.clone());
        self.pump();
    }

    /// A message is lost.
    pub(super) fn lose(&mut self) {
        if !self.silent {
            // Told once for each time that it falls behind.
            self.overrun |= !self.congested;
            self.congested = true;
        }
    }

    /// Moves what waits here to where its reader finds it. `true` if all of it.
    pub(super) fn pump(&mut self) -> bool {
        while let Some(message) = self.backlog.front() {
            match send(&self.ours, message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => return false,
                // Sent, too large, or there is nobody any more.
                _ => self.size -= message.len() + OVERHEAD,
            }
            self.backlog.pop_front();
        }
        true
    }

    /// Whether nothing of its waits here.
    pub(super) fn is_idle(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Whether its reader has to be told, now, that messages were lost.
    pub(super) fn take_overrun(&mut self) -> bool {
        std::mem::take(&mut self.overrun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};

    fn pair(capacity: usize) -> (Monitor, OwnedFd) {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("socketpair");
        let mut monitor = Monitor::new(ours, libc::SOCK_RAW, true, 0);
        monitor.set_capacity(capacity);
        (monitor, theirs)
    }

    fn read(theirs: &OwnedFd) -> Option<u32> {
        let mut room = [0; 4];
        recv(theirs, &mut room, RecvFlags::DONTWAIT).ok().map(|_| u32::from_ne_bytes(room))
    }

    fn message(number: u32) -> Arc<[u8]> {
        Arc::from([&number.to_ne_bytes()[..], &[0; 500]].concat())
    }

    /// Far more than the kernel keeps for a pair arrives, in order, as its reader gets on.
    #[test]
    fn what_the_kernel_does_not_keep_waits_here() {
        let (mut monitor, theirs) = pair(LIMIT);
        (0..5000).for_each(|number| monitor.offer(&message(number)));
        assert!(!monitor.pump(), "all fits into the kernel");
        let mut next = 0;
        while let Some(number) = read(&theirs) {
            assert_eq!(number, next);
            next += 1;
            monitor.pump();
        }
        assert_eq!((next, monitor.size, monitor.take_overrun()), (5000, 0, false));
    }

    #[test]
    fn who_falls_behind_is_told_once_and_begins_anew() {
        let (mut monitor, theirs) = pair(2304);
        (0..10).for_each(|number| monitor.offer(&message(number)));
        assert_eq!([monitor.take_overrun(), monitor.take_overrun()], [true, false]);
        let first: Vec<_> = std::iter::from_fn(|| read(&theirs)).collect();
        assert!((1..10).contains(&first.len()), "{first:?}");
        monitor.offer(&message(10));
        assert_eq!((read(&theirs), monitor.take_overrun()), (Some(10), false));
    }

    #[test]
    fn nobody_is_waited_for() {
        let (mut monitor, theirs) = pair(LIMIT);
        drop(theirs);
        (0..10_000).for_each(|number| monitor.offer(&message(number)));
        assert!(monitor.pump());
        assert_eq!(monitor.size, 0);
    }
}
