//! The link to the server of one device: through all lives of the device, and as many servers as it takes.

use super::{
    ServerSettings,
    channel::Channel,
    process::{Peer, open},
    servers::Servers,
};
use outlive::{Cause, Noticer, Part};
use outlive_protocol::{Class, Hello, Outgoing, Reply, Request, host::Session};
use rustix::io::Errno;
use std::{
    fmt,
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// How an operation ended for whoever waits for it.
pub(super) enum End {
    /// The server's answer.
    Reply(Reply),
    /// Its deadline has passed.
    TimedOut,
    /// The server was not asked: there are too many operations, or none like this can be.
    Refused,
    /// The server is lost.
    Lost,
    /// Nobody wants the answer any more.
    Cancelled(Cause),
}

/// Whom to tell.
pub(super) type Then = Box<dyn FnOnce(End) + Send>;

pub(crate) struct Link {
    pub(super) class: Class,
    pub(super) settings: ServerSettings,
    pub(super) servers: Arc<Servers>,
    pub(super) number: u64,
    /// For what outlasts a call.
    pub(super) me: Weak<Link>,
    /// Held by whoever sends, from taking what is next to having sent it. Nobody is told anything meanwhile.
    sending: Mutex<()>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

pub(super) struct State {
    /// What the log calls the device.
    pub(super) name: String,
    pub(super) connection: Option<Connection>,
    /// How many connections there have been, so that a number of one is never taken for one of another.
    serial: u64,
    /// How many lives of the device have begun.
    life: u64,
    pub(super) noticer: Option<Noticer>,
    /// The hello that `Again` has brought.
    pub(super) hello: Option<Hello>,
    /// When this life began, and how long it takes to come back after it.
    pub(super) began: Instant,
    pub(super) pause: Duration,
}

pub(super) struct Connection {
    pub(super) serial: u64,
    pub(super) channel: Arc<Channel>,
    pub(super) peer: Peer,
    pub(super) session: Session<Then>,
    /// What there was no room for.
    stuck: Option<Vec<u8>>,
    /// Whether we take our leave, so that its end is no surprise.
    pub(super) parting: bool,
    /// Since when it has hung up: its process may be about to end, which is the better word for it.
    pub(super) hung_up: Option<Duration>,
    /// Whether it has been given up: nothing is sent or heard any more, and the device is being marked. What comes in
    /// meanwhile waits for that.
    pub(super) lost: bool,
}

/// By what an operation is found again.
#[derive(Default)]
struct Ticket(Mutex<TicketState>);

#[derive(Default)]
struct TicketState {
    /// The connection and the operation's number there, once it has one.
    number: Option<(u64, u64)>,
    cancelled: Option<Cause>,
}

impl Link {
    /// Gets at the server of a device for its first life. `name` is what the log calls the device until it has a name.
    ///
    /// # Errors
    /// What went wrong, in words to follow "its server ".
    pub(crate) fn new(
        settings: ServerSettings,
        class: Class,
        name: &str,
        servers: &Arc<Servers>,
    ) -> Result<(Arc<Self>, Hello), String> {
        let state = State {
            name: name.to_owned(),
            connection: None,
            serial: 0,
            life: 0,
            noticer: None,
            hello: None,
            began: Instant::now(),
            pause: Duration::ZERO,
        };
        let link = Arc::new_cyclic(|me| Link {
            me: me.clone(),
            class,
            settings,
            servers: servers.clone(),
            number: servers.number(),
            sending: Mutex::default(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        servers.add(link.number, &link);
        let hello = link.connect()?;
        Ok((link, hello))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The device has its name.
    pub(crate) fn set_name(&self, name: &str) {
        name.clone_into(&mut self.lock().name);
    }

    /// Begins the next life of the device: with the same server if it is there and behaves, else with another.
    ///
    /// # Errors
    /// What went wrong, in words to follow "its server ".
    pub(crate) fn renew(&self) -> Result<Hello, String> {
        if let Some(hello) = self.greet_again() {
            return Ok(hello);
        }
        self.close();
        self.connect()
    }

    /// Asks the server that is there to say hello again. `None` if there is none, or it does not.
    fn greet_again(&self) -> Option<Hello> {
        {
            let mut state = self.lock();
            (state.noticer, state.hello) = (None, None);
            let connection = state.connection.as_mut().filter(|it| !it.parting && !it.lost && it.hung_up.is_none())?;
            connection.peer.ended().is_none().then_some(())?;
            connection.session.again();
        }
        self.pump();
        let deadline = Instant::now().checked_add(self.settings.deadline);
        let hello = self.await_state(deadline, |state| match &state.connection {
            Some(_) => state.hello.take().map(Some),
            None => Some(None),
        })??;
        let mut state = self.lock();
        let life = state.begin();
        state.connection.as_mut()?.session.welcome_again(life);
        drop(state);
        self.pump();
        Some(hello)
    }

    /// Waits until `look` finds something; `None` after the deadline. Hears for itself if nobody else does.
    fn await_state<T>(&self, deadline: Option<Instant>, mut look: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return Some(found);
            }
            let left = deadline?.checked_duration_since(Instant::now())?;
            if self.servers.are_heard_elsewhere() {
                state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                let channel = state.connection.as_ref().map(|connection| connection.channel.clone());
                drop(state);
                self.hear_alone(channel, left);
                state = self.lock();
            }
        }
    }

    fn connect(&self) -> Result<Hello, String> {
        let (channel, peer, hello) = open(&self.settings, self.class, &self.servers)?;
        let mut state = self.lock();
        (state.noticer, state.hello) = (None, None);
        let life = state.begin();
        state.serial += 1;
        let (session, welcome) = Session::new(self.class, life);
        channel.send_area(&welcome).map_err(|why| format!("cannot be sent its welcome: {why}"))?;
        let listening = self.servers.listen(self.number, channel.as_fd(), peer.pidfd());
        listening.map_err(|why| format!("cannot be listened to: {why}"))?;
        let serial = state.serial;
        let channel = Arc::new(channel);
        state.connection = Some(Connection {
            serial,
            channel,
            peer,
            session,
            stuck: None,
            parting: false,
            hung_up: None,
            lost: false,
        });
        Ok(hello)
    }

    /// The device is plugged in with what its server said in its last hello; by this it goes when the server does.
    pub(super) fn plugged(&self, noticer: &Noticer) {
        let mut state = self.lock();
        state.noticer = Some(noticer.clone());
        let lost = state.connection.is_none();
        drop(state);
        if lost {
            noticer.gone(outlive::Reason::DriverLost);
        }
    }

    /// Hands an operation to the server.
    pub(super) fn carry<S: Part, H: Part, A: Send + 'static>(
        self: &Arc<Self>,
        asked: Request,
        request: outlive::Request<S, H, A>,
        answer: impl FnOnce(End) -> A + Send + 'static,
    ) {
        let ticket = Arc::new(Ticket::default());
        let (its, link) = (ticket.clone(), Arc::downgrade(self));
        request.on_cancel(move |cause| {
            if let (Some(number), Some(link)) = (its.cancel(cause), link.upgrade()) {
                link.cancel(number, cause);
            }
        });
        let then: Then = Box::new(move |end| match end {
            End::Cancelled(cause) => request.let_go(cause),
            // The device has been marked, and its clients have heard.
            End::Lost => drop(request),
            end => request.answer(answer(end)),
        });
        let deadline = self.servers.now().saturating_add(self.settings.deadline);
        let begun = match &mut self.lock().connection {
            Some(connection) => {
                connection.session.begin(deadline, asked, then).map(|number| (connection.serial, number))
            }
            None => Err((outlive_protocol::host::Refusal::Impossible, then)),
        };
        match begun {
            Err((_, then)) => then(End::Refused),
            Ok(number) => {
                if let Some(cause) = ticket.is(number) {
                    self.cancel(number, cause);
                }
                self.servers.due(deadline);
                self.pump();
            }
        }
    }

    fn cancel(&self, (serial, number): (u64, u64), cause: Cause) {
        let then = match &mut self.lock().connection {
            Some(connection) if connection.serial == serial => connection.session.cancel(number),
            _ => None,
        };
        if let Some(then) = then {
            then(End::Cancelled(cause));
            self.pump();
        }
    }

    /// Sends what may be sent and there is room for.
    pub(super) fn pump(&self) {
        let _one = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = self.servers.now();
            let mut state = self.lock();
            let Some(connection) = state.connection.as_mut().filter(|connection| !connection.lost) else { return };
            let was_stuck = connection.stuck.take();
            let (serial, channel, was) = (connection.serial, connection.channel.clone(), was_stuck.is_some());
            let Some(Outgoing { frame, bulk }) = was_stuck.map(Outgoing::from).or_else(|| connection.session.next(now))
            else {
                return;
            };
            drop(state);
            let put = bulk.map_or(Ok(()), |(place, data)| channel.put(place, &data));
            match put.and_then(|()| channel.send(&frame)) {
                Ok(()) if was => self.servers.listen_for_room(self.number, channel.as_fd(), false),
                Ok(()) => {}
                Err(Errno::AGAIN) => {
                    let mut state = self.lock();
                    let connection = state.connection.as_mut().filter(|connection| connection.serial == serial);
                    if let Some(connection) = connection {
                        connection.stuck = Some(frame);
                        if !was {
                            let socket = channel.as_fd();
                            self.servers.listen_for_room(self.number, socket, true);
                        }
                    }
                    return;
                }
                // It has hung up, which the thread that hears will hear. What was to be sent misses its deadline else.
                Err(_) => return,
            }
        }
    }

    /// Tells the server that no more comes.
    pub(super) fn begin_goodbye(&self) {
        match &mut self.lock().connection {
            Some(connection) if self.servers.is_going() => {
                connection.parting = true;
                connection.session.goodbye();
            }
            _ => return,
        }
        self.pump();
    }

    /// Waits for its goodbye, as long as an operation may take, and closes.
    pub(super) fn end_goodbye(&self) {
        if self.servers.is_going() {
            let deadline = Instant::now().checked_add(self.settings.deadline);
            self.await_state(deadline, |state| state.connection.is_none().then_some(()));
        }
        self.close();
    }

    /// Closes what there is of a connection, and tells those who wait that it is lost.
    fn close(&self) {
        let connection = self.lock().connection.take();
        if let Some(connection) = connection {
            self.lay_down(connection);
        }
    }

    /// Lets go of a connection that is this link's no more.
    pub(super) fn lay_down(&self, connection: Connection) {
        let Connection { channel, peer, mut session, .. } = connection;
        self.servers.forget(channel.as_fd(), peer.pidfd());
        self.servers.bury(peer);
        session.end().into_iter().for_each(|then| then(End::Lost));
    }
}

impl State {
    /// Another life begins; its number.
    fn begin(&mut self) -> u64 {
        self.began = Instant::now();
        self.life += 1;
        self.life
    }
}

impl Ticket {
    fn lock(&self) -> MutexGuard<'_, TicketState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has its number; why it has been cancelled, if it has.
    fn is(&self, number: (u64, u64)) -> Option<Cause> {
        let mut state = self.lock();
        state.number = Some(number);
        state.cancelled
    }

    /// It is cancelled; its number, if it has one.
    fn cancel(&self, cause: Cause) -> Option<(u64, u64)> {
        let mut state = self.lock();
        state.cancelled = Some(cause);
        state.number
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.servers.remove(self.number);
        self.close();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("class", &self.class).field("reach", &self.settings.reach).finish_non_exhaustive()
    }
}
