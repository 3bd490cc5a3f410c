//! The channel to the kernel: requests come out of it, replies go in.

use super::wire::{InHeader, NOTIFY_POLL, Opcode, OutHeader, PollWakeup, REQUEST_ROOM};
use outlive_classes::Errno;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_setfl},
    io::{self, IoSlice},
};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Replies of up to this many bytes are sent in one piece.
const SMALL: usize = 256;

/// An open `/dev/fuse` (or `/dev/cuse`).
#[derive(Debug)]
pub(crate) struct Channel {
    descriptor: OwnedFd,
}

impl Channel {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Channel { descriptor }
    }

    /// Waits for the next request and reads it into `room`. `None` when the connection has ended.
    pub(crate) fn receive<'a>(&self, room: &'a mut Room) -> Option<Received<'a>> {
        loop {
            match self.read(room) {
                Read::Request(n) => return room.received(n),
                Read::Nothing => {}
                Read::Ended => return None,
            }
        }
    }

    /// Reads the next request into `room`, from where [`Room::received`] has it; waits for one unless told not to.
    pub(crate) fn read(&self, room: &mut Room) -> Read {
        match io::read(self.descriptor.as_fd(), &mut room.bytes[..]) {
            Ok(n) => Read::Request(n),
            // Interrupted, or the request was withdrawn between its announcement and our read (fuse(4)).
            Err(io::Errno::INTR | io::Errno::NOENT | io::Errno::AGAIN) => Read::Nothing,
            Err(_) => Read::Ended,
        }
    }

    /// Whether reads from here on wait for a request: not for those who wait for several channels.
    pub(crate) fn set_waiting(&self, waits: bool) -> io::Result<()> {
        fcntl_setfl(&self.descriptor, if waits { OFlags::empty() } else { OFlags::NONBLOCK })
    }

    /// Wakes whoever sleeps in poll on the file that the kernel calls `kh`.
    pub(crate) fn notify_poll(&self, kh: u64) {
        // ENOENT: nobody polls that file any more.
        let _ = self.send(0, NOTIFY_POLL, PollWakeup { kh }.as_bytes());
    }

    /// Whether the kernel has ended the connection (`fuse_dev_poll` of fs/fuse/dev.c).
    pub(crate) fn has_ended(&self) -> bool {
        let mut asked = [PollFd::new(&self.descriptor, PollFlags::empty())];
        let answered = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        answered.is_err() || asked[0].revents().contains(PollFlags::ERR)
    }

    fn send(&self, unique: u64, error: i32, body: &[u8]) -> io::Result<()> {
        let length = size_of::<OutHeader>() + body.len();
        let header = OutHeader { len: length as u32, error, unique };
        // The kernel takes each part by pages; most replies are small, and in one piece they are one page.
        let mut small = [0; SMALL];
        let whole = if length <= SMALL {
            small[..size_of::<OutHeader>()].copy_from_slice(header.as_bytes());
            small[size_of::<OutHeader>()..length].copy_from_slice(body);
            Some(&small[..length])
        } else {
            None
        };
        loop {
            let sent = match whole {
                Some(whole) => io::write(self.descriptor.as_fd(), whole),
                None => io::writev(self.descriptor.as_fd(), &[IoSlice::new(header.as_bytes()), IoSlice::new(body)]),
            };
            match sent {
                Err(io::Errno::INTR) => {}
                result => return result.map(drop),
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// What a look for a request brought.
pub(crate) enum Read {
    /// One of so many bytes.
    Request(usize),
    /// None this time.
    Nothing,
    /// The connection has ended.
    Ended,
}

/// Memory for one request.
pub(crate) struct Room {
    bytes: Box<[u8]>,
}

impl Room {
    pub(crate) fn new() -> Self {
        Room { bytes: vec![0; REQUEST_ROOM].into_boxed_slice() }
    }

    /// The request that was read into it, of `n` bytes. `None` if that is not what a kernel sends.
    pub(crate) fn received(&self, n: usize) -> Option<Received<'_>> {
        let (header, body) = InHeader::read_from_prefix(self.bytes.get(..n)?).ok()?;
        Some(Received { header, body })
    }
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub(crate) header: InHeader,
    body: &'a [u8],
}

impl<'a> Received<'a> {
    pub(crate) fn opcode(&self) -> Option<Opcode> {
        Opcode::from_number(self.header.opcode)
    }

    /// The structure that its opcode comes with, and what follows it.
    ///
    /// # Errors
    /// EIO if the message is too short: not what a kernel sends.
    pub(crate) fn parse<T: FromBytes + KnownLayout + Immutable>(&self) -> Result<(T, &'a [u8]), Errno> {
        T::read_from_prefix(self.body).map_err(|_| Errno::IO)
    }

    /// The name that a lookup or an unlink comes with.
    ///
    /// # Errors
    /// EIO if it is not terminated.
    pub(crate) fn name(&self) -> Result<&'a [u8], Errno> {
        let end = self.body.iter().position(|byte| *byte == 0).ok_or(Errno::IO)?;
        Ok(&self.body[..end])
    }
}

/// The answer that one request is owed. Given once, by a method that consumes it; dropped without, it answers EIO, so
/// that no client ever waits for one that was forgotten.
#[derive(Debug)]
#[must_use]
pub(crate) struct Reply {
    channel: Arc<Channel>,
    /// Zero once it has been answered: the kernel gives no request that number.
    unique: u64,
}

impl Reply {
    pub(crate) fn to(channel: &Arc<Channel>, header: &InHeader) -> Self {
        Reply { channel: channel.clone(), unique: header.unique }
    }

    pub(crate) fn bytes(mut self, body: &[u8]) {
        self.send(0, body);
    }

    pub(crate) fn error(mut self, errno: Errno) {
        self.send(-errno.raw_os_error(), &[]);
    }

    /// Requests without an answer: FORGET and its like.
    pub(crate) fn none(mut self) {
        self.unique = 0;
    }

    fn send(&mut self, error: i32, body: &[u8]) {
        // ENOENT: the request was aborted; any other error: the connection has ended. Nobody waits then.
        let _ = self.channel.send(std::mem::take(&mut self.unique), error, body);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.unique != 0 {
            self.send(-Errno::IO.raw_os_error(), &[]);
            debug_assert!(std::thread::panicking(), "a request was dropped without an answer");
        }
    }
}
