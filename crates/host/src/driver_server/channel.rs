//! The socket to a server, and the area that both have: packets without waiting, and copies.

use outlive_protocol::{Place, limits::FRAME_MAX};
use rustix::{
    fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create},
    io::{self, Errno, IoSlice, IoSliceMut, pread, pwrite},
    net::{
        RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg,
        send, sendmsg,
    },
};
use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Places that are longer than this, in bytes, give their memory back when they are not used any more.
const KEPT: u32 = 4 << 20;

/// Room for a packet: a byte more than a frame, so that one that is too long shows.
pub(super) type Room = [u8; FRAME_MAX + 1];

#[derive(Debug)]
pub(super) struct Channel {
    socket: OwnedFd,
    area: OwnedFd,
}

/// A packet that has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    /// Its size; 0: the other end has hung up.
    pub(super) size: usize,
    /// Whether descriptors came along. The kernel has let go of them: there was no room for any.
    pub(super) descriptors: usize,
}

impl Channel {
    /// Over `socket`, with an area of `size` bytes that nobody can make smaller or larger.
    pub(super) fn new(socket: OwnedFd, size: u32) -> io::Result<Self> {
        let area = memfd_create("outlive-area", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&area, size.into())?;
        fcntl_add_seals(&area, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Channel { socket, area })
    }

    /// Sends a packet if there is room for it now.
    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        retried(|| send(&self.socket, frame, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)).map(drop)
    }

    /// Sends the packet that the area's descriptor belongs to.
    pub(super) fn send_area(&self, frame: &[u8]) -> io::Result<()> {
        let descriptors = [self.area.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&self.socket, &[IoSlice::new(frame)], &mut control, flags).map(drop)
    }

    /// Receives a packet if there is one now.
    pub(super) fn receive(&self, room: &mut Room) -> io::Result<Packet> {
        let received = retried(|| {
            let mut control = RecvAncillaryBuffer::default();
            recvmsg(&self.socket, &mut [IoSliceMut::new(room)], &mut control, RecvFlags::DONTWAIT)
        })?;
        let descriptors = usize::from(received.flags.contains(ReturnFlags::CTRUNC));
        Ok(Packet { size: received.bytes, descriptors })
    }

    /// Writes `data` to a place of the area.
    pub(super) fn put(&self, place: Place, data: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < data.len() {
            match retried(|| pwrite(&self.area, &data[done..], u64::from(place.offset) + done as u64))? {
                0 => return Err(Errno::IO),
                written => done += written,
            }
        }
        Ok(())
    }

    /// Copies what is at a place of the area, once: the server may go on writing there.
    pub(super) fn get(&self, place: Place) -> io::Result<Vec<u8>> {
        let size = place.length as usize;
        let mut data = Vec::with_capacity(size);
        while data.len() < size {
            let at = u64::from(place.offset) + data.len() as u64;
            match retried(|| pread(&self.area, rustix::buffer::spare_capacity(&mut data), at))? {
                0 => return Err(Errno::IO),
                _ => data.truncate(size),
            }
        }
        Ok(data)
    }

    /// A place is not used any more.
    pub(super) fn discard(&self, place: Place) {
        if place.length > KEPT {
            let holes = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = fallocate(&self.area, holes, place.offset.into(), place.length.into());
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
