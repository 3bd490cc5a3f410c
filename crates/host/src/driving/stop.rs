//! Signals that ask a server to end: whatever it waits for at that moment is over.

use crate::sys::process::{next_signal, signal_descriptor};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io,
    net::{Shutdown, shutdown},
};
use std::{
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

#[derive(Debug, Default)]
pub(super) struct Stop {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    asked: bool,
    /// The socket that the server waits on.
    waits: Option<Arc<OwnedFd>>,
}

impl Stop {
    /// One that is asked for by SIGINT, SIGTERM, SIGHUP or SIGQUIT from here on. The process must have no threads yet.
    pub(super) fn on_signals() -> io::Result<Arc<Self>> {
        let signals = signal_descriptor(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT])?;
        let stop = Arc::new(Stop::default());
        let asked = stop.clone();
        let wait = move || {
            while next_signal(&signals).is_none() {
                let _ = poll(&mut [PollFd::new(&signals, PollFlags::IN)], None);
            }
            asked.ask();
        };
        let thread = thread::Builder::new().name("outlive-signals".into()).spawn(wait);
        thread.map(|_| stop).map_err(|why| io::Errno::from_raw_os_error(why.raw_os_error().unwrap_or(libc::EAGAIN)))
    }

    /// Whoever waits on `socket` to receive from it, or to accept, is woken by a stop. `false`: it has been asked for already.
    pub(super) fn on(&self, socket: &Arc<OwnedFd>) -> bool {
        let mut state = self.lock();
        state.waits = Some(socket.clone());
        !state.asked
    }

    pub(super) fn is_asked(&self) -> bool {
        self.lock().asked
    }

    fn ask(&self) {
        let mut state = self.lock();
        state.asked = true;
        if let Some(socket) = state.waits.take() {
            // Of a listening socket, accept(2) fails then; of a connected one what has come is still read, and then its end.
            let _ = shutdown(&*socket, Shutdown::Read);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
