//! Which calls on sockets come to us: asking for a uevent socket, and calls on descriptors in the range where we put
//! those. All other sockets are left alone, but for what prepares a netlink socket.

use super::calls::ADDRESS;
use crate::{
    front::run::{
        arch::{BIND, RECVMMSG, SENDMMSG, SETSOCKOPT, SOCKET, SOCKET_CALLS},
        filter::{ALLOW, NOTIFY, argument, jump, load, notify_of_descriptors},
    },
    sys::seccomp::Instruction,
};
use std::ops::Range;

/// The numbers that uevent sockets get while there are free ones. Programs get the lowest free number from the kernel, so
/// hardly anything else is here; it is below 1024, for select(2).
pub(super) const NUMBERS: Range<u32> = 448..512;

/// What becomes of each call on sockets.
pub(crate) fn cases() -> impl Iterator<Item = (u32, Vec<Instruction>)> {
    SOCKET_CALLS.chain([RECVMMSG, SENDMMSG]).map(|number| (number, case(number)))
}

/// Calls come to us on descriptors in the range; and at any number what prepares a netlink socket, which few programs do
/// often, so that one for which the range had no room can be used: a bind to an address as long as netlink's (of others
/// hardly any is), and options of netlink's.
fn case(number: u32) -> Vec<Instruction> {
    let range = notify_of_descriptors(&NUMBERS);
    let over_the_range = (range.len() - 1) as u8;
    let first = match number {
        SOCKET => {
            return vec![
                load(argument(0)),
                jump(libc::BPF_JEQ, libc::AF_NETLINK as u32, 0, 2),
                load(argument(2)),
                jump(libc::BPF_JEQ, libc::NETLINK_KOBJECT_UEVENT as u32, 1, 0),
                ALLOW,
                NOTIFY,
            ];
        }
        BIND => vec![load(argument(2)), jump(libc::BPF_JEQ, ADDRESS as u32, over_the_range, 0)],
        SETSOCKOPT => vec![load(argument(1)), jump(libc::BPF_JEQ, libc::SOL_NETLINK as u32, over_the_range, 0)],
        _ => Vec::new(),
    };
    [first, range].concat()
}
