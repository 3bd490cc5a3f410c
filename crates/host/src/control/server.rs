//! The lab's end of its control socket.

use super::{address, line, peer, protocol::Reply, session};
use crate::lab::Lab;
use rustix::net::{self, AddressFamily, Shutdown, SocketFlags, SocketType};
use std::{
    fmt,
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};
use thiserror::Error;

/// How many connections are kept. One more takes the place of the one that has been silent for longest.
const MOST: usize = 64;

/// How long a client may take to read what it asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a lab that ends waits until its clients have been told: some rounds of theirs (`session::LOOK`).
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why a lab cannot be controlled.
#[derive(Debug, Error)]
pub enum StartError {
    /// Another lab of this user has the name.
    #[error("a lab named {0} is running already; give this one another name with --name")]
    NameTaken(String),
    /// The system refused.
    #[error("the control socket of the lab: {0}")]
    System(#[from] std::io::Error),
}

/// Lets other processes control a lab, until it is dropped. Then its threads have ended and its socket is gone.
pub struct Server {
    shared: Arc<Shared>,
    listener: Arc<UnixListener>,
    thread: Option<JoinHandle<()>>,
}

pub(super) struct Shared {
    pub(super) lab: Arc<Lab>,
    stop: AtomicBool,
    connections: Mutex<Vec<Connection>>,
}

struct Connection {
    stream: Arc<UnixStream>,
    turn: Arc<Turn>,
    thread: JoinHandle<()>,
}

/// Whose turn it is on a connection.
#[derive(Default)]
pub(super) struct Turn(AtomicU8);

const SILENT: u8 = 0;
const WORKING: u8 = 1;
const HUNG_UP: u8 = 2;

impl Turn {
    fn step(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// A request has come whole. `false` if we have hung up.
    pub(super) fn begin(&self) -> bool {
        self.step(SILENT, WORKING)
    }

    /// The request has been answered.
    pub(super) fn end(&self) {
        self.step(WORKING, SILENT);
    }

    fn hang_up(&self) -> bool {
        self.step(SILENT, HUNG_UP)
    }
}

/// A control socket that nobody serves yet: requests wait in it. Making one starts no thread, so a process may make it
/// and fork afterwards.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
}

impl Socket {
    /// Makes the socket of `lab`.
    ///
    /// # Errors
    /// [`StartError::NameTaken`] if a lab of that name runs.
    pub fn bind(lab: &Lab) -> Result<Socket, StartError> {
        let address = address::address(peer::own_user(), lab.name()).map_err(std::io::Error::from)?;
        let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let socket = socket.map_err(std::io::Error::from)?;
        net::bind(&socket, &address).map_err(|error| match error {
            rustix::io::Errno::ADDRINUSE => StartError::NameTaken(lab.name().to_owned()),
            error => StartError::System(error.into()),
        })?;
        // As many as may be waiting at once; the kernel lowers it to net.core.somaxconn.
        net::listen(&socket, 1024).map_err(std::io::Error::from)?;
        Ok(Socket { listener: UnixListener::from(socket) })
    }

    /// Begins to serve it, on a thread.
    ///
    /// # Errors
    /// [`StartError::System`] if there is no thread to be had.
    pub fn serve(self, lab: Arc<Lab>) -> Result<Server, StartError> {
        let listener = Arc::new(self.listener);
        let shared = Arc::new(Shared { lab, stop: AtomicBool::new(false), connections: Mutex::default() });
        let (ours, theirs) = (shared.clone(), listener.clone());
        let thread = Builder::new().name("outlive-control".into()).spawn(move || ours.listen(&theirs))?;
        Ok(Server { shared, listener, thread: Some(thread) })
    }
}

impl Server {
    /// Makes the socket of `lab` and serves it.
    ///
    /// # Errors
    /// As [`Socket::bind`] and [`Socket::serve`].
    pub fn start(lab: Arc<Lab>) -> Result<Server, StartError> {
        Socket::bind(&lab)?.serve(lab)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // A listening socket that is shut down makes accept return (unix_accept of net/unix/af_unix.c).
        let _ = net::shutdown(&*self.listener, Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let connections = std::mem::take(&mut *self.shared.connections());
        let hang_up = |how| connections.iter().for_each(|connection| _ = connection.stream.shutdown(how));
        // No more requests; but who has asked for something is told what became of it. A program may end for the very
        // removal that was asked for, and its lab with it.
        hang_up(std::net::Shutdown::Read);
        let end = Instant::now() + LAST_WORDS;
        while connections.iter().any(|connection| !connection.thread.is_finished()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        hang_up(std::net::Shutdown::Both);
        for connection in connections {
            let _ = connection.thread.join();
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the lab wants its threads back.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn listen(self: &Arc<Self>, listener: &UnixListener) {
        while !self.is_stopping() {
            match listener.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // No descriptor or no memory left: others may give some back. It stays in the queue meanwhile.
                Err(_) if !self.is_stopping() => std::thread::sleep(Duration::from_millis(20)),
                Err(_) => {}
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: UnixStream) {
        match peer::user(&stream) {
            Ok(user) if peer::is_trusted(peer::own_user(), user) => {}
            Ok(user) => {
                return refuse(&stream, format!("this lab is not for user {user}; its own user and root control it"));
            }
            Err(_) => return,
        }
        if stream.set_write_timeout(Some(PATIENCE)).is_err() {
            return;
        }
        let mut connections = self.connections();
        connections.retain(|connection| !connection.thread.is_finished());
        let silent = || connections.iter().find(|connection| connection.turn.hang_up());
        if connections.len() >= MOST
            && silent().map(|oldest| oldest.stream.shutdown(std::net::Shutdown::Both)).is_none()
        {
            return refuse(&stream, format!("{MOST} requests are being worked on; try again later"));
        }
        let (stream, turn) = (Arc::new(stream), Arc::new(Turn::default()));
        let (shared, ours, its_turn) = (self.clone(), stream.clone(), turn.clone());
        let work = move || session::serve(&shared, &ours, &its_turn);
        // Without a thread there is nobody to serve it: it is hung up on.
        if let Ok(thread) = Builder::new().name("outlive-control".into()).spawn(work) {
            connections.push(Connection { stream, turn, thread });
        }
    }
}

/// Says why we hang up, if that can be said at once.
fn refuse(stream: &UnixStream, why: String) {
    if stream.set_nonblocking(true).is_ok() {
        let mut stream = stream;
        let _ = line::write(&mut stream, &Reply::Error(why));
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("lab", &self.shared.lab.name()).finish_non_exhaustive()
    }
}
