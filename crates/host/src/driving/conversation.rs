//! What passes between a driver and one host, from the hello to the end.

use super::{
    DrivingError,
    area::Area,
    driven::{self, Driver},
    socket::{Buffer, Packet, Socket},
    stop::Stop,
};
use outlive::Reason;
use outlive_classes::Hardware;
use outlive_protocol::{
    Reply, Violation,
    limits::FRAME_MAX,
    server::{Heard, Incoming, Session},
};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::{
    collections::BTreeMap,
    fmt,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// Answers that are on their way are sent within this.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// How a host's time with a driver ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ended {
    /// The host removed the device in good order.
    Parted,
    /// The connection was closed: to the driver, its hardware was pulled.
    Lost,
    /// A signal asked for it; the driver has had its last word.
    Told,
    /// The host did something that it must not.
    Broke(Violation),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Parted => f.write_str("the host removed the device in good order"),
            Ended::Lost => f.write_str("the host closed the connection"),
            Ended::Told => f.write_str("a signal asked for the end"),
            Ended::Broke(violation) => write!(f, "the host {violation}"),
        }
    }
}

/// Why nobody listens to the host for a moment.
enum Pause {
    /// It begins another life of the device.
    Again,
    Ended(Ended),
}

/// One host, as those have it who answer.
pub(super) struct Conversation {
    socket: Arc<Socket>,
    state: Mutex<State>,
    area: OnceLock<Area>,
    /// How many answers are still to be sent.
    unsent: AtomicUsize,
    /// Whether somebody waits for there being none.
    waits: AtomicBool,
    /// Rung then: eventfd(2).
    bell: OwnedFd,
    /// Whether the end of the driver's life is our own doing.
    ours: AtomicBool,
}

struct State {
    session: Session,
    /// By an operation's number that of the driver's call.
    under_way: BTreeMap<u64, u64>,
}

impl Conversation {
    /// Says hello with the driver of `hardware`, does what the host asks until the end, and gives the hardware back.
    ///
    /// # Errors
    /// If the driver does not.
    pub(super) fn hold(
        socket: Arc<Socket>,
        hardware: Hardware,
        stop: &Stop,
    ) -> Result<(Ended, Hardware), DrivingError> {
        let (session, hello) = Session::new(driven::hello(&hardware)?).map_err(DrivingError::Device)?;
        let conversation = Arc::new(Conversation {
            socket,
            state: Mutex::new(State { session, under_way: BTreeMap::new() }),
            area: OnceLock::new(),
            unsent: AtomicUsize::new(0),
            waits: AtomicBool::new(false),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(super::system("eventfd"))?,
            ours: AtomicBool::new(false),
        });
        let mut driver = conversation.begin_life(hardware, &hello)?;
        let mut buffer: Buffer = Box::new([0; FRAME_MAX]);
        loop {
            match conversation.listen(&driver, stop, &mut buffer) {
                Pause::Again => {
                    conversation.ours.store(true, SeqCst);
                    let hardware = driver.unplug(Reason::Pulled)?;
                    let hello = conversation.lock().session.greet(driven::hello(&hardware)?);
                    driver = conversation.begin_life(hardware, &hello.map_err(DrivingError::Device)?)?;
                }
                Pause::Ended(ended) => return conversation.end(driver, ended),
            }
        }
    }

    /// Begins a life of the driver, of which the host hears by `hello`; and when the driver notices that its hardware has
    /// gone.
    fn begin_life(self: &Arc<Self>, hardware: Hardware, hello: &[u8]) -> Result<Driver, DrivingError> {
        let mut driver = Driver::plug(hardware)?;
        self.ours.store(false, SeqCst);
        self.socket.send(hello);
        let conversation = Arc::downgrade(self);
        driver.on_gone(move || {
            if let Some(conversation) = conversation.upgrade().filter(|one| !one.ours.load(SeqCst)) {
                let frame = conversation.lock().session.gone();
                conversation.socket.send(&frame);
            }
        });
        Ok(driver)
    }

    /// Does what the host asks, until it asks for something that this life cannot do.
    fn listen(self: &Arc<Self>, driver: &Driver, stop: &Stop, buffer: &mut Buffer) -> Pause {
        loop {
            // A goodbye is answered when all else has been.
            let parted = self.waits.load(SeqCst);
            if parted && self.rests() {
                return Pause::Ended(Ended::Parted);
            }
            if parted && !self.has_packet() {
                continue;
            }
            let heard = match self.socket.receive(buffer) {
                Packet::End if stop.is_asked() => return Pause::Ended(Ended::Told),
                Packet::End => return Pause::Ended(Ended::Lost),
                Packet::TooLong => Err(Violation::FrameTooLong),
                Packet::Frame(size, descriptors) => self.heard(driver, &buffer[..size], descriptors),
            };
            match heard {
                Ok(None) => {}
                Ok(Some(pause)) => return pause,
                Err(violation) => return Pause::Ended(Ended::Broke(violation)),
            }
        }
    }

    fn heard(
        self: &Arc<Self>,
        driver: &Driver,
        packet: &[u8],
        mut descriptors: Vec<OwnedFd>,
    ) -> Result<Option<Pause>, Violation> {
        let heard = self.lock().session.receive(packet, descriptors.len())?;
        match heard {
            Heard::Operation(incoming) => self.begin(driver, incoming)?,
            Heard::Cancel(number) => {
                let call = self.lock().under_way.get(&number).copied();
                // Outside of the lock: the driver answers inside of this.
                call.into_iter().for_each(|call| driver.cancel(call));
            }
            Heard::Welcome(welcome) => {
                if let Some(descriptor) = descriptors.pop() {
                    let area = Area::new(descriptor, &welcome)?;
                    // It comes with the first welcome, and with no other.
                    let _ = self.area.set(area);
                }
            }
            Heard::Goodbye => self.waits.store(true, SeqCst),
            Heard::Again => return Ok(Some(Pause::Again)),
            Heard::Nothing => {}
        }
        Ok(None)
    }

    /// Has the driver carry out an operation.
    fn begin(self: &Arc<Self>, driver: &Driver, incoming: Incoming) -> Result<(), Violation> {
        let data = match (incoming.fetch(), self.area.get()) {
            (Some(place), Some(area)) => area.read(place),
            _ => None,
        };
        let operation = self.lock().session.accept(incoming, data)?;
        let number = operation.number;
        if !driver.may_be_asked(&operation.request) {
            return Err(Violation::Operation(number));
        }
        self.unsent.fetch_add(1, SeqCst);
        let began = |call| _ = self.lock().under_way.insert(number, call);
        let conversation = self.clone();
        driver.begin(operation.request, began, move |reply| conversation.answer(number, reply));
        Ok(())
    }

    /// Sends the answer to an operation; on any thread.
    fn answer(&self, number: u64, reply: Reply) {
        let mut state = self.lock();
        state.under_way.remove(&number);
        let outgoing = state.session.answer(number, reply);
        drop(state);
        if let Some(outgoing) = outgoing {
            let is_there = match (outgoing.bulk, self.area.get()) {
                (None, _) => true,
                (Some((place, data)), Some(area)) => area.write(place, &data),
                (Some(_), None) => false,
            };
            match is_there {
                true => self.socket.send(&outgoing.frame),
                // The host has made its memory useless: there is no answer that it could read.
                false => self.socket.close(),
            }
        }
        if self.unsent.fetch_sub(1, SeqCst) == 1 && self.waits.load(SeqCst) {
            // It can only be full, and then it has been rung.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }

    /// Whether every answer has been sent.
    fn rests(&self) -> bool {
        self.unsent.load(SeqCst) == 0
    }

    /// Waits for a packet or the bell, which is silent then. Whether it is a packet.
    fn has_packet(&self) -> bool {
        let mut asked =
            [PollFd::new(&**self.socket.descriptor(), PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
        // A signal of job control may end it early; whoever asks looks again.
        let _ = poll(&mut asked, None);
        let [packet, _] = asked.map(|one| !one.revents().is_empty());
        let _ = rustix::io::read(&self.bell, &mut [0_u8; 8]);
        packet
    }

    /// Ends the driver's life as `ended` has it, and the connection.
    fn end(&self, driver: Driver, ended: Ended) -> Result<(Ended, Hardware), DrivingError> {
        let orderly = matches!(ended, Ended::Parted | Ended::Told);
        self.ours.store(true, SeqCst);
        let hardware = driver.unplug(if orderly { Reason::Orderly } else { Reason::Pulled })?;
        self.settle();
        let session = &self.lock().session;
        match &ended {
            Ended::Lost => {}
            Ended::Parted => self.socket.send(&session.goodbye()),
            Ended::Told | Ended::Broke(_) => {
                self.socket.send(&session.log(&format!("it leaves: {ended}")));
                self.socket.send(&session.goodbye());
            }
        }
        self.socket.close();
        Ok((ended, hardware))
    }

    /// Waits until every answer has been sent: those of calls that were cancelled just now.
    fn settle(&self) {
        self.waits.store(true, SeqCst);
        let begin = Instant::now();
        while !self.rests() && begin.elapsed() < PATIENCE {
            let _ = poll(&mut [PollFd::new(&self.bell, PollFlags::IN)], Some(&LOOK));
            let _ = rustix::io::read(&self.bell, &mut [0_u8; 8]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
