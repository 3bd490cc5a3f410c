//! The road without FUSE: a client's descriptor is one end of a socket, and every read, write and ioctl of the tree is
//! trapped, whatever its descriptor.
//!
//! ```text
//! client's end ── ours     as long as there is something to read, a *token* waits at the client's end, and the kernel says
//!                          IN of it. It is taken back by a descriptor that we borrow from the client, after the read that
//!                          read what there was. That the client's end has been closed for good, ours says (HUP).
//! ```
//!
//! Of a device that signals its news (`O_ASYNC`) each is a token, up to a limit, since the kernel sends a signal for each
//! message; and one for the closing.
//!
//! As the device goes, ours is closed: since something waits there unread, the kernel says ERR and HUP to the client from
//! then on (`unix_release_sock` in net/unix/af_unix.c). Before that the client's end gets a last message, in which one end of
//! another pair travels, the *witness*: it is closed with the client's end, by whatever process has that last, and the
//! other end tells us.

use super::{arch::TRANSFERS, files::Files, table::OpenFile};
use crate::{
    front::open_file::{self, open_device},
    fuse::mount::send_descriptors,
    lab::Detail,
    sys::process::borrow_descriptor,
};
use outlive_classes::{Errno, File, Node, Plugged, PollBits};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fs::{OFlags, fcntl_setfl, fstat},
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair, sockopt},
};
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicU64},
    thread,
};

/// Where last closes are told.
pub(super) struct Sockets {
    closes: Arc<OwnedFd>,
    /// Held by who sees to the closes that have been told.
    hearing: Mutex<()>,
}

/// How long the thread that hears of closes sleeps before it looks whether anybody needs it.
const LOOK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// How many last closes are seen to at a time.
const MANY: usize = 256;

/// So many tokens wait at most: who does not read hears of no more.
const MANY_NEWS: usize = 16;

/// Our end of a descriptor: a socket as long as its device lives, then the witness.
pub(super) struct Line {
    /// The number of the file.
    fh: u64,
    closes: Arc<OwnedFd>,
    state: Mutex<State>,
}

struct State {
    ours: Option<OwnedFd>,
    /// How many tokens wait at the client's end.
    tokens: usize,
    witness: Option<OwnedFd>,
}

/// What a trapped read is over with: the client's descriptor may have nothing to read any more.
pub(super) struct Settling {
    pub(super) file: Arc<OpenFile>,
    pub(super) pid: u32,
    pub(super) number: i32,
}

impl Sockets {
    /// Starts the thread that hears of last closes.
    ///
    /// # Errors
    /// Those of epoll_create(2).
    pub(super) fn new() -> Result<Self, Errno> {
        Ok(Sockets { closes: Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?), hearing: Mutex::default() })
    }

    pub(super) fn serve(&self, files: Weak<Files>) -> std::io::Result<()> {
        let closes = self.closes.clone();
        let work = move || {
            while let Some(files) = files.upgrade() {
                let _ = epoll::wait(&*closes, spare_capacity(&mut Vec::<epoll::Event>::with_capacity(1)), Some(&LOOK));
                files.hear_closes();
            }
        };
        thread::Builder::new().name("closes".to_owned()).spawn(work).map(drop)
    }
}

/// A pair of sockets that keep messages apart.
fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Any socket.
pub(super) fn some_socket() -> Result<OwnedFd, Errno> {
    pair().map(|(socket, _)| socket)
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, end: &OwnedFd) -> Result<(), Errno> {
        epoll::add(&*self.closes, end, epoll::EventData::new_u64(self.fh), epoll::EventFlags::HUP)
    }

    /// There may be news of `file`.
    fn news(&self, file: &dyn File) {
        let mut state = self.state();
        if file.poll().contains(PollBits::HUP) {
            self.end(&mut state);
        } else if state.tokens < if file.signals() { MANY_NEWS } else { 1 }
            && is_readable(file)
            && let Some(ours) = &state.ours
        {
            // EPIPE: the client's end has been closed.
            state.tokens += usize::from(send(ours, b"!", SendFlags::NOSIGNAL | SendFlags::DONTWAIT).is_ok());
        }
    }

    /// The device has gone.
    fn end(&self, state: &mut State) {
        let Some(ours) = state.ours.take() else { return };
        // Without descriptors for the witness nobody hears of the last close, and the handle stays until the lab ends.
        if let Ok((witness, travels)) = pair() {
            // Before it travels: it may be closed at once.
            let _ = self.watch(&witness);
            let _ = send_descriptors(ours.as_fd(), b"!", &[travels.as_fd()]);
            state.witness = Some(witness);
        }
    }

    /// Takes the tokens back if there is nothing to read any more. Under the lock, so that what comes meanwhile puts
    /// another one there afterwards.
    fn settle(&self, file: &dyn File, pid: u32, number: i32) {
        let mut state = self.state();
        if state.tokens > 0
            && state.ours.is_some()
            && !is_readable(file)
            && let Some(theirs) = borrow_descriptor(pid, number)
        {
            while state.tokens > 0 && recv(&theirs, &mut [0; 8], RecvFlags::DONTWAIT).is_ok() {
                state.tokens -= 1;
            }
        }
    }
}

/// Has the kernel say that nothing can be written to `theirs`: more than a quarter of its buffer waits (`unix_writable` in
/// net/unix/af_unix.c).
fn fill(theirs: &OwnedFd) -> Result<(), Errno> {
    // As small as it can be.
    sockopt::set_socket_send_buffer_size(theirs, 0)?;
    while send(theirs, b"!", SendFlags::NOSIGNAL | SendFlags::DONTWAIT).is_ok() {}
    Ok(())
}

fn is_readable(file: &dyn File) -> bool {
    file.poll().contains(PollBits::IN)
}

impl Settling {
    pub(super) fn settle(&self) {
        if let Some(line) = &self.file.line {
            line.settle(&*self.file.file, self.pid, self.number);
        }
    }
}

impl Files {
    /// Opens `device` by its node `by` for thread `pid`: what is to become its descriptor.
    ///
    /// # Errors
    /// What the device says, or that there are no descriptors left.
    pub(super) fn open_plain(
        &self,
        device: &Arc<dyn Plugged>,
        by: &Node,
        pid: u32,
        flags: i32,
    ) -> Result<OwnedFd, Errno> {
        let sockets = self.sockets.as_ref().ok_or(Errno::IO)?;
        // A device that has one opener is free once that has closed it, whoever has heard of it.
        self.hear_closes();
        let (ours, theirs) = pair()?;
        // Never read: see above.
        send(&theirs, b"!", SendFlags::NOSIGNAL)?;
        let inode = fstat(&theirs)?.st_ino;
        if flags & libc::O_NONBLOCK != 0 {
            fcntl_setfl(&theirs, OFlags::NONBLOCK)?;
        }
        let name = device.node().name.clone();
        let file = open_device(&self.lab, Some(device.clone()), (&name, Some(by)), pid, flags)?;
        if !file.poll().contains(PollBits::OUT) {
            fill(&theirs)?;
        }
        let state = Mutex::new(State { ours: None, tokens: 0, witness: None });
        let line = Arc::new(Line { fh: self.next(), closes: sockets.closes.clone(), state });
        line.watch(&ours)?;
        line.state().ours = Some(ours);
        let (weak, told) = (Arc::downgrade(&file), line.clone());
        let news = move || {
            if let Some(file) = weak.upgrade() {
                told.news(&*file);
            }
        };
        let watch = file.on_news(Arc::new(news.clone()));
        let open = open_file::OpenFile {
            file,
            device: name,
            positioned: by.positioned,
            access: open_file::access(flags),
            watch: Mutex::new(Some(watch)),
        };
        let (position, signals, generation) = (AtomicU64::default(), Mutex::default(), device.generation().0);
        let file = OpenFile { open, position, generation, node: inode, signals, line: Some(line.clone()) };
        self.adopt(device, by, line.fh, file);
        // What came before it was watched.
        news();
        Ok(theirs)
    }

    /// Sees to the last closes that there have been by now: when it returns they are over, but for those beyond [`MANY`], which
    /// the thread hears of next.
    fn hear_closes(&self) {
        let Some(sockets) = &self.sockets else { return };
        let _alone = sockets.hearing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = Vec::with_capacity(MANY);
        let _ = epoll::wait(&*sockets.closes, spare_capacity(&mut events), Some(&AT_ONCE));
        events.iter().for_each(|event: &epoll::Event| self.closed(event.data.u64()));
    }

    /// The last descriptor of a file has been closed.
    fn closed(&self, fh: u64) {
        if let Ok(file) = self.file(fh) {
            self.lab.detail(|| Some(Detail::Closed { device: &file.device, handle: file.file.id() }));
        }
        self.close(fh);
    }
}

impl OpenFile {
    /// Whether it is open for call `number` of [`TRANSFERS`]. The kernel does not know: a socket is open for both.
    pub(super) fn is_open_for(&self, number: i64) -> bool {
        debug_assert!(TRANSFERS.contains(&(number as u32)));
        match number {
            libc::SYS_read | libc::SYS_readv | libc::SYS_pread64 | libc::SYS_preadv | libc::SYS_preadv2 => {
                self.access.reads()
            }
            libc::SYS_ioctl => true,
            _ => self.access.writes(),
        }
    }
}
