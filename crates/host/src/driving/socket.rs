//! The socket to a host: packets, each whole.

use outlive_protocol::limits::FRAME_MAX;
use rustix::{
    io::{self, Errno, IoSliceMut},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, Shutdown, recvmsg, send,
        shutdown,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use std::{mem::MaybeUninit, os::fd::OwnedFd, sync::Arc, time::Duration};

/// A host that has not made room for an answer in this time does not read any more.
const PATIENCE: Duration = Duration::from_secs(5);
/// One is right; with more than that the kernel keeps the rest to itself.
const DESCRIPTORS: usize = 2;

#[derive(Debug)]
pub(super) struct Socket(Arc<OwnedFd>);

/// What has come.
#[derive(Debug)]
pub(super) enum Packet {
    /// So many bytes, the first of the buffer, and what came with them.
    Frame(usize, Vec<OwnedFd>),
    /// More bytes than a frame has.
    TooLong,
    /// The other end has closed, or was told to.
    End,
}

/// Room for a packet.
pub(super) type Buffer = Box<[u8; FRAME_MAX]>;

impl Socket {
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
        Ok(Socket(Arc::new(socket)))
    }

    pub(super) fn descriptor(&self) -> &Arc<OwnedFd> {
        &self.0
    }

    /// The next packet; waits for it.
    pub(super) fn receive(&self, buffer: &mut Buffer) -> Packet {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let message = loop {
            let mut parts = [IoSliceMut::new(&mut buffer[..])];
            match recvmsg(&*self.0, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                Err(_) => return Packet::End,
                Ok(message) => break message,
            }
        };
        let mut descriptors = Vec::new();
        for entry in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = entry {
                descriptors.extend(fds);
            }
        }
        match message.bytes {
            0 => Packet::End,
            _ if message.flags.contains(ReturnFlags::TRUNC) => Packet::TooLong,
            size => Packet::Frame(size, descriptors),
        }
    }

    /// Sends a frame. Waits, though not for ever, for a host that does not read; one that cannot be reached is cut off, which
    /// [`receive`](Socket::receive) tells.
    pub(super) fn send(&self, frame: &[u8]) {
        loop {
            match send(&*self.0, frame, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                Ok(_) => return,
                Err(_) => return self.close(),
            }
        }
    }

    /// Ends the connection; what has been sent can still be read.
    pub(super) fn close(&self) {
        // It may be at its end already.
        let _ = shutdown(&*self.0, Shutdown::Both);
    }
}
