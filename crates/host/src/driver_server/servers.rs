//! All servers of a lab: the thread that hears them, and the one that starts and buries them.

use super::{Link, channel::Room, process::Peer};
use crate::lab::Lab;
use outlive_protocol::limits::FRAME_MAX;
use rustix::{
    buffer::spare_capacity,
    event::{
        EventfdFlags, Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
        eventfd,
    },
    io,
};
use std::{
    collections::BTreeMap,
    fmt,
    os::fd::{BorrowedFd, OwnedFd},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

/// What wakes the thread that hears, among the numbers that events have.
const WAKE: u64 = u64::MAX;
/// How long after there was no thread to be had it is tried again.
const LATER: Duration = Duration::from_secs(1);
/// No deadline is planned for.
const NEVER: u64 = u64::MAX;

/// The servers of a lab. Making them starts no thread: see [`Servers::go`].
pub(crate) struct Servers {
    /// What deadlines count from.
    start: Instant,
    epoll: Arc<OwnedFd>,
    wake: Arc<OwnedFd>,
    /// When the thread looks at deadlines next, in nanoseconds. It may look in vain: an operation that is answered in time
    /// leaves it as it is, so that operations come and go without a system call for their deadlines.
    planned: AtomicU64,
    links: Mutex<BTreeMap<u64, Weak<Link>>>,
    last: AtomicU64,
    lab: OnceLock<Weak<Lab>>,
    errands: OnceLock<(mpsc::Sender<Errand>, ThreadId)>,
    hearing: OnceLock<ThreadId>,
}

/// What the second thread does.
enum Errand {
    /// Something that must be done by a thread that lasts.
    Do(Box<dyn FnOnce() + Send>),
    /// A process that is to be killed and waited for.
    Bury(Peer),
    /// A device that is to come back.
    Restart(Instant, Weak<Link>),
}

impl Servers {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let epoll = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        Ok(Arc::new(Servers {
            start: Instant::now(),
            epoll,
            wake,
            planned: AtomicU64::new(NEVER),
            links: Mutex::default(),
            last: AtomicU64::new(0),
            lab: OnceLock::new(),
            errands: OnceLock::new(),
            hearing: OnceLock::new(),
        }))
    }

    /// In which lab lost devices come back.
    pub(crate) fn are_of(&self, lab: &Arc<Lab>) {
        let _ = self.lab.set(Arc::downgrade(lab));
    }

    pub(super) fn lab(&self) -> Option<Arc<Lab>> {
        self.lab.get().and_then(Weak::upgrade)
    }

    /// Starts the threads; once. This process forks no more after that, but to start servers.
    pub(crate) fn go(self: &Arc<Self>) -> std::io::Result<()> {
        if self.errands.get().is_some() {
            return Ok(());
        }
        let (tell, told) = mpsc::channel();
        let helper = thread::Builder::new().name("outlive-errands".into()).spawn(move || run_errands(&told))?;
        let _ = self.errands.set((tell, helper.thread().id()));
        let (servers, heard) = (Arc::downgrade(self), [self.epoll.clone(), self.wake.clone()]);
        let hearing = thread::Builder::new().name("outlive-servers".into()).spawn(move || hear(&servers, &heard))?;
        let _ = self.hearing.set(hearing.thread().id());
        Ok(())
    }

    /// Whether there are threads that hear.
    pub(super) fn is_going(&self) -> bool {
        self.errands.get().is_some()
    }

    /// Whether another thread than this one hears, so that it can be waited for.
    pub(super) fn are_heard_elsewhere(&self) -> bool {
        self.hearing.get().is_some_and(|hearing| *hearing != thread::current().id())
    }

    /// The time, as deadlines have it.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Makes sure that deadlines are looked at then.
    pub(super) fn due(&self, deadline: Duration) {
        let at = nanoseconds(deadline);
        if self.planned.fetch_min(at, SeqCst) > at {
            let _ = io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    /// A number for a link that is about to be made.
    pub(super) fn number(&self) -> u64 {
        self.last.fetch_add(1, SeqCst)
    }

    pub(super) fn add(&self, number: u64, link: &Arc<Link>) {
        self.links().insert(number, Arc::downgrade(link));
    }

    pub(super) fn remove(&self, number: u64) {
        self.links().remove(&number);
    }

    fn links(&self) -> MutexGuard<'_, BTreeMap<u64, Weak<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears a socket from now on, and the end of a process.
    pub(super) fn listen(&self, number: u64, socket: BorrowedFd<'_>, pidfd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        epoll::add(&self.epoll, socket, EventData::new_u64(number << 1), EventFlags::IN)?;
        match pidfd {
            Some(pidfd) => epoll::add(&self.epoll, pidfd, EventData::new_u64(number << 1 | 1), EventFlags::IN),
            None => Ok(()),
        }
    }

    /// Whether it is to be heard as well when there is room in a socket.
    pub(super) fn listen_for_room(&self, number: u64, socket: BorrowedFd<'_>, room: bool) {
        let flags = if room { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        let _ = epoll::modify(&self.epoll, socket, EventData::new_u64(number << 1), flags);
    }

    /// The end of [`listen`](Servers::listen). Others may have copies of the descriptors, so closing them is not enough.
    pub(super) fn forget(&self, socket: BorrowedFd<'_>, pidfd: Option<BorrowedFd<'_>>) {
        let _ = epoll::delete(&self.epoll, socket);
        let _ = pidfd.map(|pidfd| epoll::delete(&self.epoll, pidfd));
    }

    /// Does something on a thread that lives as long as this process: a child is killed when its parent's thread ends
    /// (`PR_SET_PDEATHSIG` of prctl(2)). Before there are threads that is the main one.
    pub(super) fn on_a_lasting_thread<T: Send + 'static>(&self, what: impl FnOnce() -> T + Send + 'static) -> T {
        match self.errands.get() {
            Some((errands, helper)) if *helper != thread::current().id() => {
                let (tell, told) = mpsc::channel();
                let errand = Box::new(move || drop(tell.send(what())));
                let _ = errands.send(Errand::Do(errand));
                told.recv().expect("the thread lasts as long as what it works for")
            }
            _ => what(),
        }
    }

    /// Has a process killed and waited for.
    pub(super) fn bury(&self, peer: Peer) {
        match self.errands.get() {
            Some((errands, _)) => drop(errands.send(Errand::Bury(peer))),
            None => drop(peer),
        }
    }

    /// Has the device of a link plugged in again after that time.
    pub(super) fn restart(&self, link: Weak<Link>, after: Duration) {
        let at = Instant::now().checked_add(after);
        if let (Some((errands, _)), Some(at)) = (self.errands.get(), at) {
            let _ = errands.send(Errand::Restart(at, link));
        }
    }

    /// Looks at all deadlines, and plans for the next.
    fn look_at_deadlines(&self, room: &mut Room) {
        self.planned.store(NEVER, SeqCst);
        let links: Vec<_> = self.links().values().filter_map(Weak::upgrade).collect();
        let next = links.into_iter().filter_map(|link| link.tick(room)).min();
        if let Some(next) = next {
            self.planned.fetch_min(nanoseconds(next), SeqCst);
        }
    }

    fn handle(&self, data: u64, flags: EventFlags, room: &mut Room) {
        if data == WAKE {
            let _ = io::read(&self.wake, &mut [0; 8]);
            return;
        }
        let link = self.links().get(&(data >> 1)).and_then(Weak::upgrade);
        let Some(link) = link else { return };
        if data & 1 == 1 {
            return link.its_process_ended(room);
        }
        if flags.contains(EventFlags::OUT) {
            link.pump();
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            link.hear(room);
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER)
}

/// The thread that hears. It has both descriptors itself, since the last that it hears is that there is nobody to hear for.
fn hear(servers: &Weak<Servers>, [epoll, _wake]: &[Arc<OwnedFd>; 2]) {
    let mut room: Box<Room> = Box::new([0; FRAME_MAX + 1]);
    let mut events = Vec::with_capacity(64);
    loop {
        let timeout = {
            let Some(servers) = servers.upgrade() else { return };
            let planned = servers.planned.load(SeqCst);
            let left = Duration::from_nanos(planned).saturating_sub(servers.now());
            (planned != NEVER).then(|| Timespec::try_from(left).ok()).flatten()
        };
        events.clear();
        let _ = epoll::wait(epoll, spare_capacity(&mut events), timeout.as_ref());
        let Some(servers) = servers.upgrade() else { return };
        for event in &events {
            let (data, flags) = (event.data.u64(), event.flags);
            servers.handle(data, flags, &mut room);
        }
        // What has come is heard before it is found to be late.
        if nanoseconds(servers.now()) >= servers.planned.load(SeqCst) {
            servers.look_at_deadlines(&mut room);
        }
    }
}

/// The thread that lasts.
fn run_errands(told: &mpsc::Receiver<Errand>) {
    let mut restarts: Vec<(Instant, Weak<Link>)> = Vec::new();
    loop {
        let next = restarts.iter().map(|(at, _)| *at).min();
        let wait = next.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
        let errand = match next {
            None => told.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(_) => told.recv_timeout(wait),
        };
        match errand {
            // One that panics has been reported by the panic hook.
            Ok(Errand::Do(what)) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(what))),
            Ok(Errand::Bury(peer)) => drop(peer),
            Ok(Errand::Restart(at, link)) => restarts.push((at, link)),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        let now = Instant::now();
        let due: Vec<_> = restarts.extract_if(.., |(at, _)| *at <= now).collect();
        for link in due.into_iter().filter_map(|(_, link)| link.upgrade()) {
            // It waits for a hello, which shall not hold up others; without a thread it comes back at the next attempt.
            let coming = link.clone();
            let begun = thread::Builder::new().name("outlive-restart".into()).spawn(move || coming.come_back());
            if begun.is_err() {
                restarts.push((now + LATER, Arc::downgrade(&link)));
            }
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // The thread that hears finds nobody to hear for.
        let _ = io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("going", &self.is_going()).finish_non_exhaustive()
    }
}
