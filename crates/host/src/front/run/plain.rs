//! The road without FUSE: a client's descriptor is one end of a socket, and every read, write and ioctl of the tree is
//! trapped, whatever its descriptor.
//!
//! ```text
//! client's end ── ours     one byte waits in each: the client's says IN as long as the device lives; ours makes the
//!      │                   kernel say ERR and HUP to the client when we close it, as the device goes (unix_release_sock in
//!      │                   net/unix/af_unix.c)
//!      └ in its byte travels one end of a second pair, the witness: it is closed with the client's end, by whatever
//!        process has it last, also when ours has been closed long before
//! ```

use super::files::{Files, OpenFile};
use crate::{fuse::mount::send_descriptors, lab::Detail};
use outlive_classes::{Errno, Plugged};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fs::{OFlags, fcntl_setfl, fstat},
    net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair},
};
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
};

/// Where last closes are told.
pub(super) struct Sockets {
    closes: Arc<OwnedFd>,
}

/// How long the thread that hears of closes sleeps before it looks whether anybody needs it.
const LOOK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The ends of a descriptor.
struct Ends {
    ours: OwnedFd,
    theirs: OwnedFd,
    witness: OwnedFd,
}

/// A descriptor of ours that is closed when its device goes, or with its file.
pub(super) type Line = Arc<Mutex<Option<OwnedFd>>>;

impl Sockets {
    /// Starts the thread that hears of last closes.
    ///
    /// # Errors
    /// Those of epoll_create(2).
    pub(super) fn new() -> Result<Self, Errno> {
        Ok(Sockets { closes: Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?) })
    }

    pub(super) fn serve(&self, files: Weak<Files>) -> std::io::Result<()> {
        let closes = self.closes.clone();
        let work = move || {
            let mut events = Vec::with_capacity(64);
            while let Some(files) = files.upgrade() {
                events.clear();
                let _ = epoll::wait(&*closes, spare_capacity(&mut events), Some(&LOOK));
                events.iter().for_each(|event: &epoll::Event| files.closed(event.data.u64()));
            }
        };
        thread::Builder::new().name("closes".to_owned()).spawn(work).map(drop)
    }
}

/// Any socket.
pub(super) fn some_socket() -> Result<OwnedFd, Errno> {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).map(|(socket, _)| socket)
}

impl Ends {
    fn new() -> Result<Self, Errno> {
        let pair = || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let ((ours, theirs), (witness, with_client)) = (pair()?, pair()?);
        send(&theirs, b"!", SendFlags::NOSIGNAL)?;
        send_descriptors(ours.as_fd(), b"!", &[with_client.as_fd()])?;
        Ok(Ends { ours, theirs, witness })
    }
}

impl Files {
    /// Opens `device` for thread `pid`: what is to become its descriptor.
    ///
    /// # Errors
    /// What the device says, or that there are no descriptors left.
    pub(super) fn open_plain(&self, device: &Arc<dyn Plugged>, pid: u32, flags: i32) -> Result<OwnedFd, Errno> {
        let sockets = self.sockets.as_ref().ok_or(Errno::IO)?;
        let Ends { ours, theirs, witness } = Ends::new()?;
        let inode = fstat(&theirs)?.st_ino;
        if flags & libc::O_NONBLOCK != 0 {
            fcntl_setfl(&theirs, OFlags::NONBLOCK)?;
        }
        let name = device.node().name.clone();
        let file = self.open_device(Some(device.clone()), &name, pid, flags)?;
        let line: Line = Arc::new(Mutex::new(Some(ours)));
        let kept = line.clone();
        let watch = file.on_gone(Box::new(move |_| drop(line.lock().unwrap_or_else(PoisonError::into_inner).take())));
        let file = OpenFile {
            file,
            device: name,
            generation: device.generation().0,
            node: inode,
            watch: Mutex::new(Some(watch)),
            line: Some(kept),
        };
        let watched = witness.try_clone().map_err(|_| Errno::MFILE)?;
        let fh = self.adopt(device, file, witness);
        match epoll::add(&*sockets.closes, &watched, epoll::EventData::new_u64(fh), epoll::EventFlags::HUP) {
            Ok(()) => Ok(theirs),
            Err(errno) => {
                self.closed(fh);
                Err(errno)
            }
        }
    }

    /// The last descriptor of a file has been closed.
    pub(super) fn closed(&self, fh: u64) {
        if let Ok(file) = self.file(fh) {
            self.lab.detail(|| Some(Detail::Closed { device: &file.device, handle: file.file.id() }));
        }
        self.close(fh);
    }
}
