//! Signals for news: `F_SETOWN` and `O_ASYNC` of fcntl(2) on descriptors of ours.
//!
//! FUSE has no `fasync`, so the kernel keeps the owner of such a file and never sends him anything. In its place there is a
//! pair of sockets for each file that somebody has asked signals of, the *bell*: whatever is set of the file is set of
//! one end, and something is sent to it, or it is hung up, where a driver would call `kill_fasync`. So the kernel decides who
//! may be signalled, and says in the signal what it says on Linux, with the number of the client's descriptor: the bell is asked for
//! signals at that number, in a table of descriptors that has nothing else there.

use super::{
    descriptor::Descriptor,
    supervisor::{Supervisor, Verdict},
    table::OpenFile,
};
use crate::sys::{
    fasync::{F_SETOWN_EX, F_SETSIG, Owner, set_owner, set_signal},
    memory::ClientMemory,
    seccomp::Notification,
    table::{Descriptorless, start_apart},
};
use outlive_classes::{Errno, File, Memory, PollBits};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::fcntl_dupfd_cloexec,
    net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown, socketpair},
    process::{geteuid, getuid},
};
use std::{
    collections::{
        HashMap,
        hash_map::Entry::{Occupied, Vacant},
    },
    os::fd::OwnedFd,
    sync::{Arc, PoisonError, mpsc},
};

/// The commands of fcntl(2) that have to do with it (`linux/fcntl.h`).
pub(super) const SIGNALLING: [i32; 5] = [libc::F_GETFL, libc::F_SETFL, libc::F_SETOWN, F_SETSIG, F_SETOWN_EX];
/// `F_OWNER_PID` and `F_OWNER_PGRP` of `asm-generic/fcntl.h`.
const PID: i32 = 1;
const PGRP: i32 = 2;
/// Ends of bells are beyond all numbers that descriptors of clients have which are trapped.
const BEYOND: i32 = 1024;

/// Who rings: a thread with a table of its own.
pub(super) struct Signaller {
    orders: mpsc::Sender<Order>,
}

/// What a bell is told, by the number of its file.
enum Order {
    Set(u64, Setting, mpsc::SyncSender<Result<(), Errno>>),
    Ring(u64),
    HangUp(u64),
    Forget(u64),
}

#[derive(Clone, Copy)]
enum Setting {
    Owner(Owner),
    Signal(i32),
    /// Whether signals are sent, with this number of a descriptor.
    Async(bool, i32),
}

impl Descriptorless for Order {}

/// The signals of one open file.
pub(super) struct Signals {
    fh: u64,
    on: bool,
    orders: mpsc::Sender<Order>,
    watches: Vec<Box<dyn Send + Sync>>,
}

impl Signaller {
    pub(super) fn start() -> rustix::io::Result<Signaller> {
        let (orders, todo) = mpsc::channel();
        start_apart("signals", [], todo, |[], todo| work(todo))?;
        Ok(Signaller { orders })
    }
}

impl Signals {
    /// What is set is in force when this returns.
    fn set(&self, setting: Setting) -> Result<(), Errno> {
        let (done, result) = mpsc::sync_channel(1);
        self.orders.send(Order::Set(self.fh, setting, done)).map_err(|_| Errno::IO)?;
        result.recv().unwrap_or(Err(Errno::IO))
    }

    fn turn(&mut self, file: &Arc<dyn File>, on: bool, number: i32) -> Result<(), Errno> {
        if on == self.on {
            return Ok(());
        }
        self.set(Setting::Async(on, number))?;
        self.on = on;
        self.watches.clear();
        // Nobody is told of a removal that has been (`evdev_hangup` of drivers/input/evdev.c).
        if on && file.gone().is_none() {
            self.watch(file);
        }
        Ok(())
    }

    fn watch(&mut self, file: &Arc<dyn File>) {
        let (fh, orders, weak) = (self.fh, self.orders.clone(), Arc::downgrade(file));
        let ring = move || {
            if weak.upgrade().is_some_and(|file| file.poll().contains(PollBits::IN)) {
                let _ = orders.send(Order::Ring(fh));
            }
        };
        self.watches.push(file.on_news(Arc::new(ring.clone())));
        let orders = self.orders.clone();
        self.watches.push(file.on_gone(Box::new(move |_| {
            // What comes with the removal comes first.
            ring();
            let _ = orders.send(Order::HangUp(fh));
        })));
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Forget(self.fh));
    }
}

impl Supervisor {
    /// A call of [`SIGNALLING`] on a descriptor that may be ours. The kernel keeps what it can keep of it.
    pub(super) fn signalling(&self, call: &Notification) -> Verdict {
        let [number, command, argument, ..] = call.arguments;
        let (number, command) = (number as i32, command as i32);
        let Some(file) = self.files.file_at(call.pid, number.cast_unsigned()) else { return Verdict::Proceed };
        if !file.file.signals() {
            return Verdict::Proceed;
        }
        let setting = match command {
            libc::F_GETFL if is_on(&file) => return flags_with_async(call.pid, number),
            libc::F_GETFL => return Verdict::Proceed,
            libc::F_SETFL => {
                file.file.set_nonblock(argument as i32 & libc::O_NONBLOCK != 0);
                Setting::Async(argument as i32 & libc::O_ASYNC != 0, number)
            }
            libc::F_SETOWN => Setting::Owner(owner(argument as i32)),
            F_SETSIG => Setting::Signal(argument as i32),
            _ => match read_owner(call.pid, argument) {
                Some(owner) => Setting::Owner(owner),
                None => return Verdict::Proceed,
            },
        };
        match self.set_signals(&file, setting, call.pid) {
            // What is wrong with an owner or a signal the kernel says itself.
            Err(errno) if command == libc::F_SETFL => Verdict::Answer(Err(errno)),
            _ => Verdict::Proceed,
        }
    }

    /// ioctl FIOASYNC, which is `O_ASYNC` in other words. FUSE does not know it; a socket does (`plain.rs`).
    pub(super) fn set_signalling(&self, call: &Notification) -> Verdict {
        let [number, _, argument, ..] = call.arguments;
        let Some(file) = self.files.file_at(call.pid, number as u32) else { return Verdict::Proceed };
        if !file.file.signals() {
            return Verdict::Answer(Err(Errno::NOTTY));
        }
        if file.line.is_some() || self.signaller.is_none() {
            return Verdict::Proceed;
        }
        let mut on = [0; 4];
        if ClientMemory::of(call.pid).read(argument, &mut on).is_err() {
            return Verdict::Answer(Err(Errno::FAULT));
        }
        Verdict::Answer(self.set_signals(&file, Setting::Async(on != [0; 4], number as i32), call.pid).map(|()| 0))
    }

    /// Sets what thread `pid` asks for, if signals for it are ours to send.
    fn set_signals(&self, file: &Arc<OpenFile>, setting: Setting, pid: u32) -> Result<(), Errno> {
        let Some(signaller) = &self.signaller else { return Ok(()) };
        // Anybody may have them cease.
        if !matches!(setting, Setting::Async(false, _)) && !is_one_of_us(pid) {
            return Ok(());
        }
        let mut signals = file.signals.lock().unwrap_or_else(PoisonError::into_inner);
        if signals.is_none() {
            if let Setting::Async(false, _) = setting {
                return Ok(());
            }
            let fh = self.files.next();
            *signals = Some(Signals { fh, on: false, orders: signaller.orders.clone(), watches: Vec::new() });
        }
        match (signals.as_mut(), setting) {
            (Some(signals), Setting::Async(on, number)) => signals.turn(&file.file, on, number),
            (Some(signals), setting) => signals.set(setting),
            (None, _) => Ok(()),
        }
    }
}

fn is_on(file: &OpenFile) -> bool {
    file.signals.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|signals| signals.on)
}

fn flags_with_async(pid: u32, number: i32) -> Verdict {
    match Descriptor::of(pid, number) {
        Some(descriptor) => Verdict::Answer(Ok(i64::from(descriptor.flags & !libc::O_CLOEXEC | libc::O_ASYNC))),
        None => Verdict::Proceed,
    }
}

/// What `F_SETOWN` means: a process, or with a minus a group (`f_setown` in fs/fcntl.c).
fn owner(who: i32) -> Owner {
    if who < 0 { Owner { kind: PGRP, pid: who.wrapping_neg() } } else { Owner { kind: PID, pid: who } }
}

fn read_owner(pid: u32, address: u64) -> Option<Owner> {
    let mut bytes = [0; 8];
    ClientMemory::of(pid).read(address, &mut bytes).ok()?;
    let [kind, pid] = [0, 4].map(|at| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
    Some(Owner { kind, pid })
}

/// Whether a thread counts processes as we do, and may signal those whom we may, and no fewer: the kernel takes the owner from us.
fn is_one_of_us(pid: u32) -> bool {
    let space = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/pid")).ok();
    if space(&pid.to_string()).is_none_or(|theirs| space("self") != Some(theirs)) {
        return false;
    }
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    let mut users = users.split_ascii_whitespace().map(str::parse);
    let ours = [getuid().as_raw(), geteuid().as_raw()];
    ours.into_iter().all(|id| users.next() == Some(Ok(id)))
}

/// A pair of sockets.
struct Bell {
    /// Of which signals are asked.
    end: OwnedFd,
    /// Where it is rung.
    rope: OwnedFd,
    on: bool,
}

impl Bell {
    fn new() -> Result<Self, Errno> {
        let (end, rope) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let far = |end: OwnedFd| fcntl_dupfd_cloexec(end, BEYOND);
        Ok(Bell { end: far(end)?, rope: far(rope)?, on: false })
    }

    fn set(&mut self, setting: Setting) -> Result<(), Errno> {
        match setting {
            Setting::Owner(owner) => set_owner(&self.end, owner),
            Setting::Signal(signal) => set_signal(&self.end, signal),
            Setting::Async(on, number) => {
                // The kernel tells of the number by which signals were asked for (`fasync_helper` in fs/fcntl.c).
                let at = fcntl_dupfd_cloexec(&self.end, number)?;
                fcntl_setfl(&at, if on { OFlags::from_bits_retain(libc::O_ASYNC as u32) } else { OFlags::empty() })?;
                self.on = on;
                Ok(())
            }
        }
    }

    /// SIGIO with POLL_IN, as `sock_def_readable` in net/core/sock.c has it.
    fn ring(&self) {
        if self.on && send(&self.rope, b"!", SendFlags::NOSIGNAL | SendFlags::DONTWAIT).is_ok() {
            let _ = recv(&self.end, &mut [0; 8], RecvFlags::DONTWAIT);
        }
    }

    /// SIGIO with POLL_HUP, as `unix_shutdown` in net/unix/af_unix.c has it.
    fn hang_up(&self) {
        let _ = shutdown(&self.rope, Shutdown::Both);
    }
}

fn work(todo: mpsc::Receiver<Order>) {
    let mut bells: HashMap<u64, Bell> = HashMap::new();
    for order in todo {
        match order {
            Order::Set(fh, setting, done) => {
                let _ = done.send(set(&mut bells, fh, setting));
            }
            Order::Ring(fh) => bells.get(&fh).into_iter().for_each(Bell::ring),
            Order::HangUp(fh) => bells.get(&fh).into_iter().for_each(Bell::hang_up),
            Order::Forget(fh) => drop(bells.remove(&fh)),
        }
    }
}

fn set(bells: &mut HashMap<u64, Bell>, fh: u64, setting: Setting) -> Result<(), Errno> {
    let bell = match bells.entry(fh) {
        Occupied(there) => there.into_mut(),
        Vacant(room) => room.insert(Bell::new()?),
    };
    bell.set(setting)
}
