//! A host that is no more than its end of the protocol.

use outlive_protocol::{
    Class, Hello, Reply, Request,
    host::{self, Heard, Session},
    limits::FRAME_MAX,
};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    io::{FdFlags, IoSlice, IoSliceMut, fcntl_setfd, pread, pwrite},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        SocketAddrUnix, SocketFlags, SocketType, connect, recvmsg, send, sendmsg, socket_with, socketpair,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use std::{
    collections::BTreeMap,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Long enough for every operation here.
const SOON: Duration = Duration::from_secs(20);

/// Its end of a connection.
pub(crate) struct Host {
    pub(crate) socket: OwnedFd,
    pub(crate) area: OwnedFd,
    pub(crate) hello: Hello,
    pub(crate) session: Session<u64>,
    begin: Instant,
    /// What has been answered and was not asked about yet.
    replies: BTreeMap<u64, Reply>,
}

/// What came, where it was not an answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Other {
    End,
    Goodbye,
    Gone,
    Log(String),
    Hello(Hello),
}

/// The memory that both have.
pub(crate) fn area(size: u32) -> OwnedFd {
    let area = memfd_create("area", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&area, size.into()).unwrap();
    fcntl_add_seals(&area, SealFlags::SHRINK | SealFlags::GROW).unwrap();
    area
}

/// Two ends of a connection.
pub(crate) fn pair() -> (OwnedFd, OwnedFd) {
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    set_socket_timeout(&pair.0, Timeout::Recv, Some(SOON)).unwrap();
    pair
}

/// Starts `command` with a connection to it, of which it learns as `OUTLIVE_DRIVER_FD` says.
pub(crate) fn start(mut command: Command) -> (Child, OwnedFd) {
    let (ours, theirs) = pair();
    fcntl_setfd(&theirs, FdFlags::empty()).unwrap();
    command.env("OUTLIVE_DRIVER_FD", theirs.as_raw_fd().to_string());
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    (child, ours)
}

/// Connects to who listens at `path`, as soon as somebody does.
pub(crate) fn reach(path: &Path) -> OwnedFd {
    let begin = Instant::now();
    loop {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        match connect(&socket, &SocketAddrUnix::new(path).unwrap()) {
            Ok(()) => {
                set_socket_timeout(&socket, Timeout::Recv, Some(SOON)).unwrap();
                return socket;
            }
            Err(why) => assert!(begin.elapsed() < SOON, "nobody listens at {}: {why}", path.display()),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The next packet; empty at the end. `None` if none comes.
pub(crate) fn packet(socket: &OwnedFd) -> Option<Vec<u8>> {
    let mut bytes = vec![0; FRAME_MAX + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    match recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::empty()) {
        Ok(message) => {
            assert_eq!(control.drain().count(), 0, "it sends descriptors");
            bytes.truncate(message.bytes);
            Some(bytes)
        }
        // It closed with something unread.
        Err(rustix::io::Errno::CONNRESET) => Some(Vec::new()),
        Err(_) => None,
    }
}

/// Sends a packet with descriptors.
pub(crate) fn send_with(socket: &OwnedFd, frame: &[u8], descriptors: &[&OwnedFd]) {
    let descriptors: Vec<_> = descriptors.iter().map(|one| one.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    }
    sendmsg(socket, &[IoSlice::new(frame)], &mut control, SendFlags::NOSIGNAL).unwrap();
}

impl Host {
    /// Greets the server of a device of `class` at the other end of `socket`.
    pub(crate) fn greet(socket: OwnedFd, class: Class) -> Host {
        let hello = host::hello(&packet(&socket).expect("a hello"), 0, class).unwrap();
        let (session, welcome) = Session::new(class, 1);
        let area = area(class.area_size());
        send_with(&socket, &welcome, &[&area]);
        Host { socket, area, hello, session, begin: Instant::now(), replies: BTreeMap::new() }
    }

    pub(crate) fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Has the server do something. Its number.
    pub(crate) fn ask(&mut self, request: Request) -> u64 {
        let number = self.session.begin(self.now() + SOON, request, 0).unwrap();
        self.flush();
        number
    }

    /// Sends what may be sent.
    pub(crate) fn flush(&mut self) {
        while let Some(outgoing) = self.session.next(self.now()) {
            if let Some((place, data)) = outgoing.bulk {
                assert_eq!(pwrite(&self.area, &data, place.offset.into()), Ok(data.len()));
            }
            send(&self.socket, &outgoing.frame, SendFlags::NOSIGNAL).unwrap();
        }
    }

    /// Hears one packet; `None` if it was an answer.
    pub(crate) fn hear_now(&mut self) -> Option<Other> {
        let packet = packet(&self.socket).expect("a packet in time");
        if packet.is_empty() {
            return Some(Other::End);
        }
        let landed = match self.session.receive(self.now(), &packet, 0).expect("it keeps to the protocol") {
            Heard::Answer(landed) => landed,
            Heard::Late(_) => return None,
            Heard::Gone => return Some(Other::Gone),
            Heard::Log(line) => return Some(Other::Log(line)),
            Heard::Hello(hello) => return Some(Other::Hello(hello)),
            Heard::Goodbye => return Some(Other::Goodbye),
        };
        let (number, place) = (landed.number(), landed.place());
        let data = landed.fetch().map(|place| {
            let mut data = vec![0; place.length as usize];
            assert_eq!(pread(&self.area, &mut data, place.offset.into()), Ok(data.len()));
            data
        });
        self.replies.insert(number, landed.finish(data).1.expect("it keeps to the protocol"));
        place.into_iter().for_each(|place| self.session.give_back(place));
        None
    }

    /// The answer to operation `number`.
    pub(crate) fn reply(&mut self, number: u64) -> Reply {
        loop {
            if let Some(reply) = self.replies.remove(&number) {
                return reply;
            }
            assert_eq!(self.hear_now(), None, "where an answer is owed");
            self.flush();
        }
    }

    pub(crate) fn carry_out(&mut self, request: Request) -> Reply {
        let number = self.ask(request);
        self.reply(number)
    }

    /// What comes next that is no answer.
    pub(crate) fn other(&mut self) -> Other {
        loop {
            if let Some(other) = self.hear_now() {
                return other;
            }
        }
    }

    /// Removes the device in good order.
    pub(crate) fn part(mut self) {
        self.session.goodbye();
        self.flush();
        assert_eq!([self.other(), self.other()], [Other::Goodbye, Other::End]);
    }
}
