//! A client's open file of a device, and the requests of the FUSE protocol that any front gets for one.

use crate::{
    caller::caller,
    fuse::{
        channel::{Channel, Received},
        wire,
    },
    lab::{Detail, Lab},
    trial::Answered,
};
use outlive_classes::{Access, Call, Errno, File, Node, OpenFlags, Plugged, PollBits};
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use zerocopy::IntoBytes;

/// What every poller hears of, asked or not: ERR and HUP (poll(2)).
const POLL_ALWAYS: u32 = PollBits::ERR.0 | PollBits::HUP.0;

/// An open file of a device.
pub(super) struct OpenFile {
    pub(super) file: Arc<dyn File>,
    /// Its device's name.
    pub(super) device: String,
    /// Whether its reads and writes are at a position.
    pub(super) positioned: bool,
    /// How it was opened.
    pub(super) access: Access,
    /// Wakes its pollers when there is news.
    pub(super) watch: Mutex<Option<Box<dyn Send + Sync>>>,
}

/// Opens `device`, called `name`, by one of its nodes, or its first, for thread `pid`: an operation on it, that may find it
/// gone. `flags` are those of open(2).
///
/// # Errors
/// What the device says; ENODEV if it is not there any more.
pub(super) fn open_device(
    lab: &Lab,
    device: Option<Arc<dyn Plugged>>,
    (name, by): (&str, Option<&Node>),
    pid: u32,
    flags: i32,
) -> Result<Arc<dyn File>, Errno> {
    let number = lab.arrived(name, pid, "open", &"");
    let open = |device: &Arc<dyn Plugged>| match by {
        Some(node) => device.open_by(node, open_flags(flags)),
        None => device.open(open_flags(flags)),
    };
    let opened = device.as_ref().ok_or(Errno::NODEV).and_then(|device| behind_closes(|| open(device)));
    if let Ok(file) = &opened {
        file.opened_by(&|| caller(pid));
        lab.detail(|| Some(Detail::Opened { number, handle: file.id() }));
    }
    let answer = opened.as_ref().map_or_else(|e| Answered::Errno(e.raw_os_error()), |_| Answered::Ok(0));
    lab.answered(number, answer, device.is_none_or(|device| device.gone().is_some()));
    opened
}

/// For how long a close may be under way to us: its client goes on before we have heard of it (`fuse_release_common` in
/// fs/fuse/file.c does not wait), and on a busy machine somebody who was waiting for that client opens before that.
const CLOSE_ON_ITS_WAY: Duration = Duration::from_millis(200);

/// Opens what only so many may have open. That others have it is no answer before their closes have come.
fn behind_closes<T>(open: impl Fn() -> Result<T, Errno>) -> Result<T, Errno> {
    let start = Instant::now();
    loop {
        match open() {
            Err(Errno::BUSY) if start.elapsed() < CLOSE_ON_ITS_WAY => thread::sleep(Duration::from_millis(1)),
            answer => return answer,
        }
    }
}

fn open_flags(flags: i32) -> OpenFlags {
    OpenFlags { access: access(flags), nonblock: flags & libc::O_NONBLOCK != 0 }
}

/// The access mode in the flags of open(2).
pub(super) fn access(flags: i32) -> Access {
    match flags & libc::O_ACCMODE {
        libc::O_RDONLY => Access::Read,
        libc::O_WRONLY => Access::Write,
        libc::O_RDWR => Access::ReadWrite,
        _ => Access::Neither,
    }
}

/// A read, write or ioctl as the kernel asks for it.
pub(super) struct Asked {
    /// The number of the open file.
    pub(super) fh: u64,
    call: Call,
    /// Where in a file with a position, in bytes.
    at: u64,
    /// The flags of the open file now, as in open(2); an ioctl comes without them.
    flags: Option<i32>,
    /// It is a read for the page cache.
    caches: bool,
    /// It comes from a 32-bit program.
    compat: bool,
}

impl Asked {
    /// Takes a request of that kind apart.
    ///
    /// # Errors
    /// EIO: not what a kernel sends.
    pub(super) fn parse(request: &Received<'_>) -> Result<Asked, Errno> {
        use wire::{IoctlIn, ReadIn, WriteIn};
        let (caches, compat) = (false, false);
        match request.opcode() {
            Some(wire::Opcode::Read) => {
                let (ReadIn { fh, offset: at, size, read_flags, flags, .. }, _) = request.parse()?;
                let (call, caches) = (Call::Read { size: size as usize }, read_flags & wire::READ_LOCKOWNER == 0);
                Ok(Asked { fh, call, at, flags: Some(flags.cast_signed()), caches, compat })
            }
            Some(wire::Opcode::Write) => {
                let (WriteIn { fh, offset: at, size, flags, .. }, data) = request.parse()?;
                let data = data.get(..size as usize).ok_or(Errno::IO)?.to_vec();
                Ok(Asked { fh, call: Call::Write { data }, at, flags: Some(flags.cast_signed()), caches, compat })
            }
            _ => {
                let (IoctlIn { fh, flags, command, argument, .. }, _) = request.parse()?;
                let compat = flags & wire::IOCTL_COMPAT != 0;
                Ok(Asked { fh, call: Call::Ioctl { command, argument }, at: 0, flags: None, caches, compat })
            }
        }
    }
}

impl OpenFile {
    /// What it is asked to do.
    ///
    /// # Errors
    /// What no device of ours does.
    pub(super) fn admit(&self, asked: Asked) -> Result<Call, Errno> {
        if asked.caches {
            // For the page cache: splicing, which devices do not have (splice(2)). What was cached would still be
            // there when the device is gone (I16).
            return Err(if self.file.gone().is_some() { Errno::NODEV } else { Errno::INVAL });
        }
        if asked.compat && self.file.gone().is_none() {
            // The structures of a 32-bit program are laid out differently; the class knows one layout.
            return Err(Errno::NOTTY);
        }
        if let Some(flags) = asked.flags {
            self.file.set_nonblock(flags & libc::O_NONBLOCK != 0);
        }
        Ok(if self.positioned { asked.call.at(asked.at) } else { asked.call })
    }

    /// Answers for thread `pid` what poll(2) asks, and has the kernel told of news by `channel` if it wants to know.
    pub(super) fn poll(&self, lab: &Lab, channel: Option<&Arc<Channel>>, asked: &wire::PollIn, pid: u32) -> Vec<u8> {
        let wire::PollIn { kh, flags, events, .. } = *asked;
        if flags & wire::POLL_SCHEDULE_NOTIFY != 0 {
            let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
            if watch.is_none() {
                let channel = channel.cloned();
                // Before the state is looked at, so that what comes in between wakes the sleeper.
                let wake = move || channel.iter().for_each(|channel| channel.notify_poll(kh));
                *watch = Some(self.file.on_news(Arc::new(wake)));
            }
        }
        let bits = self.file.poll();
        lab.detail(|| {
            let waits = flags & wire::POLL_SCHEDULE_NOTIFY != 0 && bits.0 & (events | POLL_ALWAYS) == 0;
            Some(Detail::Polled { device: &self.device, handle: self.file.id(), pid, bits, waits })
        });
        wire::PollOut { revents: bits.0, padding: 0 }.as_bytes().to_vec()
    }
}

/// The body of the answer to a call of that name that succeeded with `value`.
pub(super) fn value_body(name: &str, value: i32) -> Vec<u8> {
    if name == "write" {
        wire::WriteOut { size: value.cast_unsigned(), padding: 0 }.as_bytes().to_vec()
    } else {
        wire::IoctlOut { result: value, ..Default::default() }.as_bytes().to_vec()
    }
}
