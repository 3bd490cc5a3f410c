//! The machine's own uevents, which the tree hears as well: one real netlink socket, open while anybody listens.

use super::{
    Hub, MACHINE, Table,
    message::{KERNEL, UDEV, group_of, property},
};
use rustix::{
    event::epoll,
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SocketFlags, SocketType, bind,
        netlink::{KOBJECT_UEVENT, SocketAddrNetlink},
        recv, socket_with,
        sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force},
    },
};
use std::{os::fd::OwnedFd, sync::Arc};

/// The largest message that is passed on, in bytes: the kernel's are 2 KiB and a path, udev's somewhat more.
pub(super) const LARGEST: usize = 16 * 1024;
/// Bursts of the machine's uevents, as when a hub with many devices is plugged in.
const BUFFER: usize = 1 << 20;
/// How many messages are passed on before others have their turn.
const TURN: usize = 64;

impl Table {
    /// Opens the real socket, if it is not open. Where that is not possible only the lab's devices are heard of.
    pub(super) fn listen_to_machine(&mut self, watcher: &OwnedFd) {
        if self.machine.is_none()
            && let Ok(socket) = open()
        {
            let data = epoll::EventData::new_u64(MACHINE);
            self.machine = epoll::add(watcher, &socket, data, epoll::EventFlags::IN).is_ok().then_some(socket);
        }
    }
}

/// In both groups, which needs no privilege (`NL_CFG_F_NONROOT_RECV`). To send to them does: so whoever is heard here is
/// the kernel or a privileged daemon, and is believed.
fn open() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(KOBJECT_UEVENT))?;
    if set_socket_recv_buffer_size_force(&socket, BUFFER).is_err() {
        set_socket_recv_buffer_size(&socket, BUFFER)?;
    }
    bind(&socket, &SocketAddrNetlink::new(0, KERNEL | UDEV))?;
    Ok(socket)
}

impl Hub {
    /// Passes on what has come from the machine, but for what is about a name that here means a device of the lab.
    pub(super) fn relay(&self) {
        let mut room = vec![0; LARGEST];
        for _ in 0..TURN {
            let mut table = self.table();
            let Some(socket) = &table.machine else { return };
            let length = match recv(socket, &mut room[..], RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
                Ok((_, length)) => length,
                Err(Errno::NOBUFS) => {
                    table.monitors.values_mut().filter(|monitor| monitor.machine).for_each(|monitor| monitor.lose());
                    continue;
                }
                Err(_) => return,
            };
            let Some(message) = room.get(..length) else { continue };
            let name = property(message, "DEVNAME").map(|name| name.trim_start_matches("/dev/"));
            if name.is_some_and(|name| self.lab.entries().find(&format!("/dev/{name}")).is_some()) {
                continue;
            }
            table.send(&self.epoll, group_of(message), &Arc::from(message), |monitor| monitor.machine);
        }
    }
}
