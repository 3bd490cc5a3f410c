//! Receiving on uevent sockets: recvfrom(2), recvmsg(2), recvmmsg(2), where the caller wants to know whom a message is
//! from. The message itself comes from the client's own descriptor (pidfd_getfd(2)); where that is forbidden, and where
//! nobody asks for the sender, the kernel carries the call out, and a sender is what [`Monitor`](super::monitor) has made
//! of its address.

use super::{
    Hub,
    calls::{ADDRESS, address_bytes, fetch, tell_address},
    machine::LARGEST,
    message::group_of,
};
use crate::{
    front::run::supervisor::Verdict,
    sys::{
        memory::ClientMemory,
        seccomp::{Listener, Notification},
    },
};
use outlive_classes::{Errno, Memory};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl},
    net::{
        RecvFlags, recv,
        sockopt::{Timeout, socket_passcred, socket_recv_buffer_size, socket_timeout},
    },
};
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// How often a call that waits is looked at: its client may have got a signal, or be gone.
const LOOK: Duration = Duration::from_millis(20);
/// At most so many calls wait with us, each on a thread; others wait in the kernel.
const SLEEPERS: usize = 64;
/// `ERESTARTSYS` of `linux/errno.h`: the kernel restarts the call or makes it EINTR, as the signal wants it.
const RESTART: i32 = 512;
/// `UIO_MAXIOV` of `linux/uio.h`.
const PARTS: u64 = 1024;
/// The sizes of `struct msghdr` and `struct mmsghdr`, in bytes (64 bit).
const HEADER: usize = 56;
const ENTRY: u64 = 64;
/// `struct cmsghdr` with a `struct ucred`, and with the padding behind that.
const CREDENTIALS: usize = 28;
const CREDENTIALS_SPACE: usize = 32;

/// Where a caller wants a message.
#[derive(Clone)]
enum Place {
    /// recvfrom: buffer, its size, address, its length's address.
    Plain { buffer: (u64, u64), name: u64, length: u64 },
    /// recvmsg: a `struct msghdr`.
    Header(u64),
    /// recvmmsg: that many `struct mmsghdr`.
    Headers { first: u64, count: u64 },
}

impl Place {
    fn asks_for_sender(&self, pid: u32) -> bool {
        match *self {
            Place::Plain { name, .. } => name != 0,
            // What cannot be read fails as it should.
            Place::Header(at) => {
                Header::read(ClientMemory::of(pid), at).map_or(true, |header| (header.name, header.control) != (0, 0))
            }
            Place::Headers { .. } => true,
        }
    }
}

/// A call that receives.
#[derive(Clone)]
struct Receiving {
    id: u64,
    pid: u32,
    place: Place,
    flags: i32,
}

/// What becomes of a call that receives on the socket with that inode.
pub(super) fn judge(hub: &Hub, call: &Notification, inode: u64) -> Verdict {
    let [number, second, third, fourth, fifth, sixth] = call.arguments;
    let (place, flags) = match call.number {
        libc::SYS_recvfrom => (Place::Plain { buffer: (second, third), name: fifth, length: sixth }, fourth),
        libc::SYS_recvmsg => (Place::Header(second), third),
        // A limit of time is the caller's: it gets what there is (as with MSG_WAITFORONE).
        _ => (Place::Headers { first: second, count: third & 0xffff_ffff }, fourth),
    };
    let flags = flags as i32;
    if flags & (libc::MSG_OOB | libc::MSG_ERRQUEUE) != 0 {
        return Verdict::Proceed;
    }
    if hub.table().monitors.get_mut(&inode).is_some_and(|monitor| monitor.take_overrun()) {
        return Verdict::Answer(Err(Errno::NOBUFS));
    }
    if !place.asks_for_sender(call.pid) {
        return Verdict::Proceed;
    }
    let Some(socket) = fetch(call.pid, number as i32) else { return Verdict::Proceed };
    if let (Some(monitor), Ok(size)) = (hub.table().monitors.get_mut(&inode), socket_recv_buffer_size(&socket)) {
        monitor.set_capacity(size);
    }
    let receiving = Receiving { id: call.id, pid: call.pid, place, flags };
    let nonblock = fcntl_getfl(&socket).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK));
    match receiving.carry_out(&socket) {
        Err(Errno::AGAIN) if !nonblock && flags & libc::MSG_DONTWAIT == 0 => sleep(hub, receiving, socket),
        answer => Verdict::Answer(answer),
    }
}

/// Waits for a message on a thread: the supervisor's own has others to answer.
fn sleep(hub: &Hub, receiving: Receiving, socket: OwnedFd) -> Verdict {
    let Ok(listener) = hub.listener.duplicate().map(Listener::new) else {
        return Verdict::Proceed;
    };
    let Some(hub) = hub.this.upgrade() else { return Verdict::Proceed };
    if hub.asleep.fetch_add(1, Ordering::Relaxed) >= SLEEPERS {
        hub.asleep.fetch_sub(1, Ordering::Relaxed);
        return Verdict::Proceed;
    }
    let woken = hub.clone();
    let body = move || {
        if let Some(answer) = wait(&receiving, &socket, || listener.is_valid(receiving.id)) {
            // ENOENT: the caller does not wait any more.
            let _ = listener.answer(receiving.id, answer);
        }
        woken.asleep.fetch_sub(1, Ordering::Relaxed);
    };
    match std::thread::Builder::new().name("uevent".to_owned()).stack_size(128 * 1024).spawn(body) {
        Ok(_) => Verdict::Answered,
        Err(_) => {
            hub.asleep.fetch_sub(1, Ordering::Relaxed);
            Verdict::Proceed
        }
    }
}

/// `None` if the caller does not wait any more.
fn wait(receiving: &Receiving, socket: &OwnedFd, is_valid: impl Fn() -> bool) -> Option<Result<i64, Errno>> {
    // SO_RCVTIMEO
    let limit = socket_timeout(socket, Timeout::Recv).ok().flatten();
    let deadline = limit.map(|limit| Instant::now() + limit);
    let look = Timespec::try_from(LOOK).expect("a moment fits");
    let mut signalled = false;
    loop {
        let mut watched = [PollFd::new(socket, PollFlags::IN)];
        let _ = poll(&mut watched, Some(&look));
        if !is_valid() {
            return None;
        }
        match receiving.carry_out(socket) {
            Err(Errno::AGAIN) => {}
            answer => return Some(answer),
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Some(Err(Errno::AGAIN));
        }
        // Seen twice: a signal to the whole process may just be on its way to another thread.
        let again = has_signal(receiving.pid);
        if again && signalled {
            return Some(Err(Errno::from_raw_os_error(RESTART)));
        }
        signalled = again;
    }
}

/// Whether a signal is pending for a thread that it does not block: proc(5). One that is ignored never is pending.
fn has_signal(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    };
    (mask("SigPnd:") | mask("ShdPnd:")) & !(mask("SigBlk:") | mask("SigIgn:")) != 0
}

/// A `struct msghdr` of a client.
struct Header {
    at: u64,
    name: u64,
    name_room: u32,
    parts: Vec<(u64, u64)>,
    control: u64,
    control_room: u64,
}

impl Header {
    fn read(memory: ClientMemory, at: u64) -> Result<Header, Errno> {
        let mut bytes = [0; HEADER];
        memory.read(at, &mut bytes)?;
        let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if word(24) > PARTS {
            return Err(Errno::MSGSIZE);
        }
        let mut vectors = vec![0; 16 * word(24) as usize];
        memory.read(word(16), &mut vectors)?;
        let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
        let parts = vectors.chunks_exact(16).map(|part| (number(&part[..8]), number(&part[8..]))).collect();
        Ok(Header { at, name: word(0), name_room: word(8) as u32, parts, control: word(32), control_room: word(40) })
    }

    /// Fills in what is told of a message besides its bytes.
    fn fill(&self, memory: ClientMemory, message: &Message, truncated: bool) -> Result<(), Errno> {
        let mut flags = if truncated { libc::MSG_TRUNC } else { 0 };
        if self.name != 0 {
            let room = ADDRESS.min(self.name_room as usize);
            memory.write(self.name, &address_bytes((0, message.group))[..room])?;
            memory.write(self.at + 8, &(ADDRESS as u32).to_ne_bytes())?;
        }
        let mut used = 0;
        if message.credentials {
            let room = if self.control == 0 { 0 } else { self.control_room.min(CREDENTIALS as u64) as usize };
            // What has no room for its header is left out, what is longer is cut (`put_cmsg` of net/core/scm.c).
            let length = if room < 16 { 0 } else { room };
            if length < CREDENTIALS {
                flags |= libc::MSG_CTRUNC;
            }
            memory.write(self.control, &credentials(length)[..length])?;
            used = if length == 0 { 0 } else { self.control_room.min(CREDENTIALS_SPACE as u64) };
        }
        memory.write(self.at + 40, &used.to_ne_bytes())?;
        memory.write(self.at + 48, &flags.to_ne_bytes())?;
        Ok(())
    }
}

/// SCM_CREDENTIALS of the kernel: process 0, user and group root (unix(7)); `length` of it is given.
fn credentials(length: usize) -> [u8; CREDENTIALS] {
    let mut bytes = [0; CREDENTIALS];
    bytes[..8].copy_from_slice(&(length as u64).to_ne_bytes());
    bytes[8..12].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
    bytes[12..16].copy_from_slice(&libc::SCM_CREDENTIALS.to_ne_bytes());
    bytes
}

/// A message that has been received.
struct Message {
    bytes: Vec<u8>,
    /// It may have been longer.
    length: usize,
    group: u32,
    /// Whether its owner wants to know whose it is.
    credentials: bool,
}

impl Receiving {
    /// Receives what there is.
    ///
    /// # Errors
    /// EAGAIN if there is nothing; EFAULT, with the message lost, as netlink has it.
    fn carry_out(&self, socket: &OwnedFd) -> Result<i64, Errno> {
        let memory = ClientMemory::of(self.pid);
        match self.place {
            Place::Plain { buffer, name, length } => {
                let message = self.take(socket)?;
                let given = scatter(memory, &[buffer], &message.bytes)?;
                tell_address(memory, name, length, (0, message.group))?;
                Ok(self.result(&message, given))
            }
            Place::Header(at) => self.fill_header(socket, at),
            Place::Headers { first, count } => {
                let mut done = 0;
                while done < count.min(PARTS) {
                    let at = first + done * ENTRY;
                    match self.fill_header(socket, at) {
                        Ok(length) => memory.write(at + HEADER as u64, &(length as u32).to_ne_bytes())?,
                        Err(errno) if done == 0 => return Err(errno),
                        Err(_) => break,
                    }
                    done += 1;
                }
                Ok(done as i64)
            }
        }
    }

    fn fill_header(&self, socket: &OwnedFd, at: u64) -> Result<i64, Errno> {
        let memory = ClientMemory::of(self.pid);
        let header = Header::read(memory, at)?;
        let message = self.take(socket)?;
        let given = scatter(memory, &header.parts, &message.bytes)?;
        header.fill(memory, &message, given < message.length)?;
        Ok(self.result(&message, given))
    }

    fn take(&self, socket: &OwnedFd) -> Result<Message, Errno> {
        let peek = if self.flags & libc::MSG_PEEK != 0 { RecvFlags::PEEK } else { RecvFlags::empty() };
        let mut bytes = vec![0; LARGEST];
        let (_, length) = recv(socket.as_fd(), &mut bytes[..], peek | RecvFlags::DONTWAIT | RecvFlags::TRUNC)?;
        bytes.truncate(length);
        let (group, credentials) = (group_of(&bytes), socket_passcred(socket)?);
        Ok(Message { bytes, length, group, credentials })
    }

    fn result(&self, message: &Message, given: usize) -> i64 {
        let whole = self.flags & libc::MSG_TRUNC != 0;
        (if whole { message.length } else { given }) as i64
    }
}

/// Writes bytes into the parts of a client's memory, as far as they go.
fn scatter(memory: ClientMemory, parts: &[(u64, u64)], bytes: &[u8]) -> Result<usize, Errno> {
    let mut rest = bytes;
    for (address, room) in parts {
        let (now, later) = rest.split_at(rest.len().min(usize::try_from(*room).unwrap_or(usize::MAX)));
        if !now.is_empty() {
            memory.write(*address, now)?;
        }
        rest = later;
    }
    Ok(bytes.len() - rest.len())
}
