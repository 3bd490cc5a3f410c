//! The calls on uevent sockets, but for receiving: what `net/netlink/af_netlink.c` says of them.

use super::{Hub, Uevents, filter::NUMBERS, message::KERNEL, monitor::Monitor, receive};
use crate::{
    front::run::supervisor::Verdict,
    sys::{memory::ClientMemory, seccomp::Notification},
};
use outlive_classes::{Errno, Fault, Memory};
use rustix::{
    event::epoll,
    fs::fstat,
    net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair, sockopt::socket_recv_buffer_size},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};
use std::{
    collections::HashSet,
    fs::{read_link, read_to_string, symlink_metadata},
    os::fd::{AsFd, OwnedFd},
    sync::{MutexGuard, PoisonError},
};

/// The size of `struct sockaddr_nl`, in bytes (`linux/netlink.h`).
pub(super) const ADDRESS: usize = 12;
/// More uevent sockets than this one tree does not get, so that they leave descriptors for its devices.
const LIMIT: usize = 1024;

type Answer = Result<i64, Errno>;

impl Uevents {
    /// What becomes of a call on a socket.
    pub(in crate::front::run) fn judge(&self, call: &Notification) -> Verdict {
        if call.number == libc::SYS_socket {
            return self.hub.socket(call);
        }
        match monitor_of(call) {
            Some(inode) if self.hub.table().monitors.contains_key(&inode) => self.hub.judge(call, inode),
            _ => Verdict::Proceed,
        }
    }
}

impl Hub {
    fn socket(&self, call: &Notification) -> Verdict {
        let kind = call.arguments[1] as i32;
        let flags = kind & (libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
        if ![libc::SOCK_RAW, libc::SOCK_DGRAM].contains(&(kind & !flags)) {
            // No such netlink socket.
            return Verdict::Proceed;
        }
        Verdict::of(self.make(call, kind & !flags, flags))
    }

    fn make(&self, call: &Notification, kind: i32, flags: i32) -> Result<(), Errno> {
        let nonblock = if flags & libc::SOCK_NONBLOCK != 0 { SocketFlags::NONBLOCK } else { SocketFlags::empty() };
        // SEQPACKET keeps messages apart and says when the other end has been closed.
        let family = AddressFamily::UNIX;
        let (ours, theirs) = socketpair(family, SocketType::SEQPACKET, SocketFlags::CLOEXEC | nonblock, None)?;
        // What is written at a low number has nowhere to go.
        shutdown(&ours, Shutdown::Read)?;
        let inode = fstat(&theirs)?.st_ino;
        let network = |process: &str| read_link(format!("/proc/{process}/ns/net")).ok();
        let machine = network("self").is_some_and(|ours| network(&call.pid.to_string()) == Some(ours));
        {
            let mut table = self.table();
            if table.monitors.len() >= LIMIT {
                return Err(Errno::NFILE);
            }
            epoll::add(&self.epoll, &ours, epoll::EventData::new_u64(inode), epoll::EventFlags::empty())?;
            table.monitors.insert(inode, Monitor::new(ours, kind, machine, socket_recv_buffer_size(&theirs)?));
            if machine {
                table.listen_to_machine(&self.epoll);
            }
        }
        self.place(call, &theirs, flags & libc::SOCK_CLOEXEC != 0)
    }

    /// Gives the caller its end, where its calls come to us if there is a free number.
    fn place(&self, call: &Notification, theirs: &OwnedFd, close_on_exec: bool) -> Result<(), Errno> {
        let process = process_of(call.pid).unwrap_or(call.pid);
        let number = self.reserve(process, call.pid);
        let placed = match self.listener.is_valid(call.id) {
            true => self.listener.answer_with_descriptor_at(call.id, theirs.as_fd(), close_on_exec, number),
            false => Ok(()),
        };
        if let Some(number) = number {
            self.placing().remove(&(process, number));
        }
        placed
    }

    /// A number of the range that is free in a process, and that no other thread of ours is about to use there: it would
    /// close that socket.
    fn reserve(&self, process: u32, pid: u32) -> Option<u32> {
        let is_free = |number: &u32| symlink_metadata(format!("/proc/{pid}/fd/{number}")).is_err();
        // Looked at once it is ours: before, another may have come to its end with it.
        NUMBERS.clone().find(|number| {
            let ours = self.placing().insert((process, *number));
            let free = ours && is_free(number);
            if ours && !free {
                self.placing().remove(&(process, *number));
            }
            free
        })
    }

    fn placing(&self) -> MutexGuard<'_, HashSet<(u32, u32)>> {
        self.placing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, call: &Notification, inode: u64) -> Verdict {
        let [_, second, third, fourth, fifth, _] = call.arguments;
        let memory = ClientMemory::of(call.pid);
        let answer = match call.number {
            libc::SYS_recvfrom | libc::SYS_recvmsg | libc::SYS_recvmmsg => return receive::judge(self, call, inode),
            libc::SYS_bind => self.bind(call, inode, second, third as i32),
            libc::SYS_connect => self.connect(call, inode, second, third as i32),
            libc::SYS_getsockname => tell_address(memory, second, third, self.address(inode)),
            // Of one that is not connected: the kernel.
            libc::SYS_getpeername => tell_address(memory, second, third, (0, 0)),
            libc::SYS_setsockopt if second as i32 == libc::SOL_NETLINK => {
                self.set_option(call, inode, third as i32, fourth, fifth as i32)
            }
            libc::SYS_getsockopt => match self.option(inode, second as i32, third as i32) {
                Some(value) => tell_option(memory, fourth, fifth, value),
                None => return Verdict::Proceed,
            },
            // To multicast needs CAP_NET_ADMIN, and a message to the kernel CAP_SYS_ADMIN.
            libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => Err(Errno::PERM),
            _ => return Verdict::Proceed,
        };
        Verdict::Answer(answer)
    }

    /// `netlink_bind`.
    fn bind(&self, call: &Notification, inode: u64, address: u64, length: i32) -> Answer {
        let (port, groups) = read_address(call.pid, address, length)?;
        let theirs = fetch(call.pid, call.arguments[0] as i32);
        let mut table = self.table();
        let bound = table.monitors.get(&inode).ok_or(Errno::BADF)?.port;
        match bound {
            Some(known) if known != port => return Err(Errno::INVAL),
            Some(_) => {}
            None if port != 0 && table.monitors.values().any(|other| other.port == Some(port)) => {
                return Err(Errno::ADDRINUSE);
            }
            None => table.bind(inode, port, call.pid),
        }
        let monitor = table.monitors.get_mut(&inode).ok_or(Errno::BADF)?;
        monitor.join(groups);
        if let Some(theirs) = theirs {
            monitor.set_capacity(socket_recv_buffer_size(&theirs)?);
        }
        Ok(0)
    }

    /// `netlink_connect`: to the kernel, or with rights that nobody has here.
    fn connect(&self, call: &Notification, inode: u64, address: u64, length: i32) -> Answer {
        let mut family = [0; 2];
        ClientMemory::of(call.pid).read(address, &mut family).map_err(Errno::from)?;
        if family == (libc::AF_UNSPEC as u16).to_ne_bytes() {
            return Ok(0);
        }
        if read_address(call.pid, address, length)? != (0, 0) {
            return Err(Errno::PERM);
        }
        let mut table = self.table();
        if table.monitors.get(&inode).is_some_and(|monitor| monitor.port.is_none()) {
            table.bind(inode, 0, call.pid);
        }
        Ok(0)
    }

    fn address(&self, inode: u64) -> (u32, u32) {
        let table = self.table();
        table.monitors.get(&inode).map_or((0, 0), |monitor| (monitor.port.unwrap_or(0), monitor.groups()))
    }

    /// `netlink_setsockopt`.
    fn set_option(&self, call: &Notification, inode: u64, name: i32, value: u64, length: i32) -> Answer {
        let mut word = [0; 4];
        if length >= 4 {
            ClientMemory::of(call.pid).read(value, &mut word).map_err(Errno::from)?;
        }
        let value = u32::from_ne_bytes(word);
        let mut table = self.table();
        let monitor = table.monitors.get_mut(&inode).ok_or(Errno::BADF)?;
        match name {
            libc::NETLINK_ADD_MEMBERSHIP | libc::NETLINK_DROP_MEMBERSHIP => {
                // The kernel has 32 groups of uevents.
                let group = value.checked_sub(1).and_then(|shift| KERNEL.checked_shl(shift)).ok_or(Errno::INVAL)?;
                let joins = name == libc::NETLINK_ADD_MEMBERSHIP;
                let groups = monitor.groups();
                monitor.join(if joins { groups | group } else { groups & !group });
            }
            libc::NETLINK_NO_ENOBUFS => monitor.silent = value != 0,
            libc::NETLINK_PKTINFO
            | libc::NETLINK_BROADCAST_ERROR
            | libc::NETLINK_CAP_ACK
            | libc::NETLINK_EXT_ACK
            | libc::NETLINK_GET_STRICT_CHK => {}
            libc::NETLINK_LISTEN_ALL_NSID => return Err(Errno::PERM),
            _ => return Err(Errno::NOPROTOOPT),
        }
        Ok(0)
    }

    /// The options by which a program finds out what a socket is (sd_is_socket(3)).
    fn option(&self, inode: u64, level: i32, name: i32) -> Option<i32> {
        match name {
            _ if level != libc::SOL_SOCKET => None,
            libc::SO_DOMAIN => Some(libc::AF_NETLINK),
            libc::SO_PROTOCOL => Some(libc::NETLINK_KOBJECT_UEVENT),
            libc::SO_TYPE => self.table().monitors.get(&inode).map(|monitor| monitor.kind),
            _ => None,
        }
    }
}

impl super::Table {
    /// Binds a socket to `port`, or with 0 to the number of its process, as that knows it, or to another if that is taken
    /// (`netlink_autobind`).
    fn bind(&mut self, inode: u64, port: u32, pid: u32) {
        let taken = |port: u32| self.monitors.values().any(|monitor| monitor.port == Some(port));
        let own = || (0..).map(|n: u32| if n == 0 { process_seen(pid) } else { 0_u32.wrapping_sub(4096 + n) });
        let port = if port == 0 { own().find(|port| *port != 0 && !taken(*port)) } else { Some(port) };
        if let Some(monitor) = self.monitors.get_mut(&inode) {
            monitor.port = port;
        }
    }
}

/// The inode of the socket that a call is on.
fn monitor_of(call: &Notification) -> Option<u64> {
    let link = read_link(format!("/proc/{}/fd/{}", call.pid, call.arguments[0] as i32)).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The client's own descriptor, for us. `None` if we may not have it.
pub(super) fn fetch(pid: u32, number: i32) -> Option<OwnedFd> {
    let process = i32::try_from(process_of(pid)?).ok().and_then(Pid::from_raw)?;
    let process = pidfd_open(process, PidfdFlags::empty()).ok()?;
    pidfd_getfd(process, number, PidfdGetfdFlags::empty()).ok()
}

/// The number of a thread's process.
fn process_of(pid: u32) -> Option<u32> {
    status_line(pid, "Tgid:")?.trim().parse().ok()
}

/// The same as that process sees it: 0 if it is gone.
fn process_seen(pid: u32) -> u32 {
    let line = status_line(pid, "NStgid:").unwrap_or_default();
    line.split_whitespace().last().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// What a line of /proc/PID/status says: proc(5).
fn status_line(pid: u32, key: &str) -> Option<String> {
    let status = read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned)
}

/// The port and the groups of a `struct sockaddr_nl`.
fn read_address(pid: u32, address: u64, length: i32) -> Result<(u32, u32), Errno> {
    let mut bytes = [0; ADDRESS];
    if length < ADDRESS as i32 {
        return Err(Errno::INVAL);
    }
    ClientMemory::of(pid).read(address, &mut bytes).map_err(Errno::from)?;
    if bytes[..2] != (libc::AF_NETLINK as u16).to_ne_bytes() {
        return Err(Errno::INVAL);
    }
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    Ok((word(4), word(8)))
}

/// A `struct sockaddr_nl`.
pub(super) fn address_bytes((port, groups): (u32, u32)) -> [u8; ADDRESS] {
    let mut bytes = [0; ADDRESS];
    bytes[..2].copy_from_slice(&(libc::AF_NETLINK as u16).to_ne_bytes());
    bytes[4..8].copy_from_slice(&port.to_ne_bytes());
    bytes[8..].copy_from_slice(&groups.to_ne_bytes());
    bytes
}

/// Writes an address where there is room for it, and its whole length (`move_addr_to_user` of `net/socket.c`).
pub(super) fn tell_address(memory: ClientMemory, at: u64, length: u64, address: (u32, u32)) -> Answer {
    let room = read_length(memory, length)?;
    let bytes = address_bytes(address);
    memory.write(at, &bytes[..room.min(ADDRESS)])?;
    memory.write(length, &(ADDRESS as u32).to_ne_bytes())?;
    Ok(0)
}

fn tell_option(memory: ClientMemory, at: u64, length: u64, value: i32) -> Answer {
    let room = read_length(memory, length)?.min(4);
    memory.write(at, &value.to_ne_bytes()[..room])?;
    memory.write(length, &(room as u32).to_ne_bytes())?;
    Ok(0)
}

fn read_length(memory: ClientMemory, at: u64) -> Result<usize, Errno> {
    let mut bytes = [0; 4];
    memory.read(at, &mut bytes).map_err(|Fault| Errno::FAULT)?;
    usize::try_from(i32::from_ne_bytes(bytes)).map_err(|_| Errno::INVAL)
}
