//! Getting at a server: connecting to one that listens, or starting one; and its hello.

use super::{
    Reach, ServerSettings,
    channel::{Channel, Room},
    servers::Servers,
};
use crate::sys::{
    confinement::Confinement,
    spawn::{DESCRIPTOR, Started},
};
use outlive_protocol::{Class, Hello, host, limits::FRAME_MAX};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, socketpair,
        sockopt::socket_peercred,
    },
    process::{PidfdFlags, pidfd_open},
};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

/// How often it is tried again to connect to a server that does not listen yet.
const AGAIN: Duration = Duration::from_millis(20);

/// The process at the other end.
#[derive(Debug)]
pub(super) enum Peer {
    /// We have started it.
    Ours(Started),
    /// It listened. By its descriptor it is heard when it ends; a process of another pid namespace has none.
    Theirs(u32, Option<OwnedFd>),
}

impl Peer {
    pub(super) fn pid(&self) -> u32 {
        match self {
            Peer::Ours(started) => started.pid(),
            Peer::Theirs(pid, _) => *pid,
        }
    }

    /// What becomes readable when it has ended.
    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Peer::Ours(started) => Some(started.pidfd.as_fd()),
            Peer::Theirs(_, pidfd) => pidfd.as_ref().map(AsFd::as_fd),
        }
    }

    /// How it has ended, in words, if it has.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self {
            // Whoever waits for all children may have had the status.
            Peer::Ours(started) => {
                started.ended().or_else(|| is_readable(started.pidfd.as_fd()).then(|| "has ended".to_owned()))
            }
            Peer::Theirs(_, pidfd) => is_readable(pidfd.as_ref()?.as_fd()).then(|| "has ended".to_owned()),
        }
    }
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&now)), Ok(1..))
}

/// Gets at the server and hears its hello.
///
/// # Errors
/// What went wrong, in words to follow "its server ".
pub(super) fn open(
    settings: &ServerSettings,
    class: Class,
    servers: &Servers,
) -> Result<(Channel, Peer, Hello), String> {
    let deadline = Instant::now().checked_add(settings.patience());
    let (socket, mut peer) = match &settings.reach {
        Reach::Socket(path) => reach(path, deadline)?,
        Reach::Command(words) => start(words, settings.writes.as_deref(), servers)?,
    };
    let channel = Channel::new(socket, class.area_size()).map_err(|why| format!("cannot be given an area: {why}"))?;
    let hello = hello(&channel, &mut peer, class, deadline, settings.patience())?;
    Ok((channel, peer, hello))
}

fn left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::from_secs(3600), |deadline| deadline.saturating_duration_since(Instant::now()))
}

fn reach(path: &Path, deadline: Option<Instant>) -> Result<(OwnedFd, Peer), String> {
    let failed = |why: Errno| format!("cannot be reached at {}: {why}", path.display());
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    loop {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(failed)?;
        match connect(&socket, &address) {
            Ok(()) => {
                let pid = socket_peercred(&socket).map_err(failed)?.pid;
                let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok();
                return Ok((socket, Peer::Theirs(pid.as_raw_pid().cast_unsigned(), pidfd)));
            }
            // It does not listen yet, or has more to do than it can hear of.
            Err(Errno::NOENT | Errno::CONNREFUSED | Errno::AGAIN | Errno::INTR) if !left(deadline).is_zero() => {
                std::thread::sleep(AGAIN.min(left(deadline)));
            }
            Err(why) => return Err(failed(why)),
        }
    }
}

fn start(words: &[String], writes: Option<&Path>, servers: &Servers) -> Result<(OwnedFd, Peer), String> {
    let failed = |why: Errno| format!("cannot be started: {}: {why}", words[0]);
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (ours, theirs) = pair.map_err(failed)?;
    let confinement = Confinement::new(writes).map_err(|why| {
        let what = writes.map_or_else(|| "/dev/null".to_owned(), |path| path.display().to_string());
        format!("cannot be confined to write to {what}: {why}")
    })?;
    let words = words.to_vec();
    let environment = ("OUTLIVE_DRIVER_FD", DESCRIPTOR.to_string());
    let started = servers.on_a_lasting_thread(move || Started::new(&words, environment, theirs, &confinement));
    started.map(|started| (ours, Peer::Ours(started))).map_err(failed)
}

fn hello(
    channel: &Channel,
    peer: &mut Peer,
    class: Class,
    deadline: Option<Instant>,
    patience: Duration,
) -> Result<Hello, String> {
    let mut room: Box<Room> = Box::new([0; FRAME_MAX + 1]);
    loop {
        match channel.receive(&mut room) {
            Ok(packet) if packet.size > 0 => {
                let hello = host::hello(&room[..packet.size], packet.descriptors, class);
                return hello.map_err(|violation| violation.to_string());
            }
            Ok(_) | Err(Errno::CONNRESET) => {
                // How its process ends is the better word, if it does so in a moment.
                let grace = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
                let _ = peer.pidfd().map(|pidfd| poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&grace)));
                let ended = peer.ended();
                return Err(ended.unwrap_or_else(|| "hung up".into()) + " before its hello");
            }
            Err(Errno::AGAIN) => {}
            Err(why) => return Err(format!("cannot be heard: {why}")),
        }
        if let Some(ended) = peer.ended() {
            // What it said before that may have come in between.
            match channel.receive(&mut room) {
                Ok(packet) if packet.size > 0 => {
                    return host::hello(&room[..packet.size], packet.descriptors, class).map_err(|it| it.to_string());
                }
                _ => return Err(ended + " before its hello"),
            }
        }
        let left = left(deadline);
        if left.is_zero() {
            return Err(format!("did not say hello within {patience:?}"));
        }
        let mut watched = vec![PollFd::new(channel, PollFlags::IN)];
        let pidfd = peer.pidfd();
        watched.extend(pidfd.as_ref().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        let _ = poll(&mut watched, Timespec::try_from(left).ok().as_ref());
    }
}
