//! Which calls on sockets come to us: asking for a uevent socket, and calls on descriptors in the range where we put
//! those. All other sockets are left alone, but for what prepares a netlink socket.

use super::calls::ADDRESS;
use crate::{
    front::run::{
        arch::{BIND, RECVMMSG, SENDMMSG, SETSOCKOPT, SOCKET, SOCKET_CALLS},
        filter::{NUMBER, argument, give, jump, load, skip_if_below, skip_unless_equal},
    },
    sys::seccomp::Instruction,
};
use std::ops::Range;

/// The numbers that uevent sockets get while there are free ones. Programs get the lowest free number from the kernel, so
/// hardly anything else is here; it is below 1024, for select(2).
pub(super) const NUMBERS: Range<u32> = 448..512;

/// Goes on behind itself, with the number of the call in the accumulator, for all calls but those on sockets.
pub(crate) fn watch() -> Vec<Instruction> {
    let verdict = [give(libc::SECCOMP_RET_ALLOW), give(libc::SECCOMP_RET_USER_NOTIF)];
    let mut socket = vec![load(argument(0)), jump(libc::BPF_JEQ, libc::AF_NETLINK as u32, 0, 2)];
    socket.extend([load(argument(2)), jump(libc::BPF_JEQ, libc::NETLINK_KOBJECT_UEVENT as u32, 1, 0)]);
    socket.extend(verdict);
    let others = others(verdict);
    let mut watch = vec![
        jump(libc::BPF_JEQ, RECVMMSG, 4 + socket.len() as u8, 0),
        jump(libc::BPF_JEQ, SENDMMSG, 3 + socket.len() as u8, 0),
    ];
    let inside = 1 + socket.len() + others.len();
    watch.push(skip_if_below(SOCKET_CALLS.start, inside as u8 + 1));
    // Below it was skipped over; what is not below the end is above.
    watch.push(jump(libc::BPF_JGE, SOCKET_CALLS.end, inside as u8, 0));
    watch.push(skip_unless_equal(SOCKET, socket.len()));
    watch.extend(socket);
    watch.extend(others);
    watch
}

/// Of the calls besides socket(2): those on descriptors in the range; and at any number what prepares a netlink socket,
/// which few programs do often, so that one for which the range had no room can be used: a bind to an address as long as
/// netlink's (of others hardly any is), and options of netlink's.
fn others(verdict: [Instruction; 2]) -> Vec<Instruction> {
    let range = [load(argument(0)), jump(libc::BPF_JGE, NUMBERS.start, 0, 1), jump(libc::BPF_JGE, NUMBERS.end, 0, 1)];
    // Over the range and the allow.
    let to_notify = range.len() as u8 + 1;
    let option = [load(argument(1)), jump(libc::BPF_JEQ, libc::SOL_NETLINK as u32, to_notify, 0)];
    // What follows looks at the number again.
    let option = [&[load(NUMBER), skip_unless_equal(SETSOCKOPT, option.len())], &option[..]].concat();
    let bind = [load(argument(2)), jump(libc::BPF_JEQ, ADDRESS as u32, option.len() as u8 + to_notify, 0)];
    [&[skip_unless_equal(BIND, bind.len())], &bind[..], &option, &range, &verdict].concat()
}
