//! The other end of a lab's control socket: what the command line uses.

use super::{
    address,
    line::{self, Line},
    peer,
    protocol::{EventReport, LARGEST_PICTURE, LONGEST_REPLY, Removal, Reply, Request},
};
use crate::lab::{Deeds, DeviceConfig, DeviceReport};
use outlive::{Policy, REMOVAL_BUDGET, State};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use std::{
    io::{self, BufReader, Read},
    os::unix::net::UnixStream,
    time::Duration,
};
use thiserror::Error;

/// How long a lab may take to answer, beyond what it was asked to wait for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no lab to talk to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// None runs.
    #[error("no lab is running; start one with `outlive run`")]
    None,
    /// None was named, and several run.
    #[error("several labs are running; say which with --in: {}", .0.join(", "))]
    Several(Vec<String>),
    /// None of that name runs.
    #[error("no lab named {name} is running; {}", running_now(running))]
    NotFound {
        /// The name.
        name: String,
        /// Those that run.
        running: Vec<String>,
    },
    /// The socket of that name is somebody else's.
    #[error("the socket of the lab {name} belongs to user {user}, not to you or root; nothing was sent to it")]
    Foreign {
        /// The name.
        name: String,
        /// Whose it is.
        user: u32,
    },
    /// The lab does not take the connection.
    #[error("the lab {name} cannot be reached: {error}")]
    System {
        /// The name.
        name: String,
        /// Why.
        error: io::Error,
    },
}

fn running_now(labs: &[String]) -> String {
    if labs.is_empty() { "no other is, either".to_owned() } else { format!("these are: {}", labs.join(", ")) }
}

/// Why a request was not answered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The lab says that it cannot be done.
    #[error("{0}")]
    Refused(String),
    /// The lab ended, or hung up.
    #[error("the lab ended before it answered")]
    Ended,
    /// The lab does not answer.
    #[error("the lab does not answer: {0}")]
    System(#[from] io::Error),
    /// The answer makes no sense to us.
    #[error("the lab's answer makes no sense to this version of outlive: {0}")]
    Nonsense(String),
}

/// Connects to the lab of that name; without a name, to the one that runs.
///
/// # Errors
/// [`ConnectError`], which says which labs there are.
pub fn connect(lab: Option<&str>) -> Result<Client, ConnectError> {
    match lab {
        Some(name) => Client::reach(name),
        None => the_only_one(),
    }
}

fn running() -> Vec<String> {
    address::running(peer::own_user()).unwrap_or_default()
}

fn the_only_one() -> Result<Client, ConnectError> {
    // Anybody can take a name; those which are not ours are no labs of ours.
    let ours = |name: String| match Client::reach(&name) {
        Err(ConnectError::Foreign { .. } | ConnectError::NotFound { .. }) => None,
        result => Some((name, result)),
    };
    let mut labs: Vec<_> = running().into_iter().filter_map(ours).collect();
    match labs.len() {
        0 => Err(ConnectError::None),
        1 => labs.remove(0).1,
        _ => Err(ConnectError::Several(labs.into_iter().map(|(name, _)| name).collect())),
    }
}

/// How devices are to be removed.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// In good order, so that the driver has its last word; else pulled.
    pub orderly: bool,
    /// Ask the users to leave first, and wait for them for up to so long; then in good order.
    pub prepare: Option<Duration>,
    /// What becomes of the users; what the lab says if `None`.
    pub policy: Option<Policy>,
    /// How long the fence is waited for; [`REMOVAL_BUDGET`] if `None`.
    pub deadline: Option<Duration>,
}

/// A connection to a lab.
#[derive(Debug)]
pub struct Client {
    lab: String,
    reader: BufReader<UnixStream>,
}

impl Client {
    fn reach(name: &str) -> Result<Client, ConnectError> {
        let system = |error: rustix::io::Errno| ConnectError::System { name: name.to_owned(), error: error.into() };
        let own = peer::own_user();
        let address = address::address(own, name).map_err(system)?;
        let flags = SocketFlags::CLOEXEC;
        let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(system)?;
        // Also bounds connect, whose queue a lab that is stopped does not empty.
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(PATIENCE)).map_err(system)?;
        net::connect(&socket, &address).map_err(|error| match error {
            rustix::io::Errno::CONNREFUSED => ConnectError::NotFound { name: name.to_owned(), running: running() },
            error => system(error),
        })?;
        let user = peer::user(&socket).map_err(system)?;
        if !peer::is_trusted(own, user) {
            return Err(ConnectError::Foreign { name: name.to_owned(), user });
        }
        Ok(Client { lab: name.to_owned(), reader: BufReader::new(UnixStream::from(socket)) })
    }

    /// The name of the lab.
    pub fn lab(&self) -> &str {
        &self.lab
    }

    /// The devices of those names; all if there are none.
    ///
    /// # Errors
    /// [`RequestError`], also if there is no such device.
    pub fn list(&mut self, names: &[String]) -> Result<Vec<DeviceReport>, RequestError> {
        match self.ask(&Request::List { names: names.to_vec() }, Some(PATIENCE))? {
            Reply::Devices(devices) => Ok(devices),
            other => Err(unexpected(&other)),
        }
    }

    /// Removes devices, and waits for the fence.
    ///
    /// # Errors
    /// [`RequestError`]. How each removal went is in its [`Removal`].
    pub fn unplug(&mut self, names: &[String], how: &How) -> Result<Vec<Removal>, RequestError> {
        let waits = how.deadline.unwrap_or(REMOVAL_BUDGET).checked_add(how.prepare.unwrap_or_default());
        let request = Request::Unplug {
            names: names.to_vec(),
            orderly: how.orderly,
            prepare: how.prepare.map(|limit| limit.as_secs_f64()),
            policy: how.policy.map(|policy| policy.name().to_owned()),
            deadline: how.deadline.map(|deadline| deadline.as_secs_f64()),
        };
        match self.ask(&request, waits.and_then(|waits| waits.checked_add(PATIENCE)))? {
            Reply::Removals(removals) => Ok(removals),
            other => Err(unexpected(&other)),
        }
    }

    /// Sets what a device is doing: `running`, `quiesced`, `blocked` or `offline`.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn set(&mut self, name: &str, state: State) -> Result<(), RequestError> {
        let request = Request::Set { name: name.to_owned(), state: state.name().to_owned() };
        match self.ask(&request, Some(PATIENCE))? {
            Reply::Set { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Resets a device: what hangs on it goes, and comes back in next generations. Gives what has come back, and why the
    /// rest has not.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn reset(&mut self, name: &str, deadline: Duration) -> Result<(Vec<String>, Vec<String>), RequestError> {
        let request = Request::Reset { name: name.to_owned(), deadline: Some(deadline.as_secs_f64()) };
        match self.ask(&request, deadline.checked_add(PATIENCE))? {
            Reply::Reset { back, failed, .. } => Ok((back, failed)),
            other => Err(unexpected(&other)),
        }
    }

    /// Has an input device do what `deeds` says, and waits until it has.
    ///
    /// # Errors
    /// [`RequestError`]: there is no such device, it cannot do that, or it went meanwhile.
    pub fn input(&mut self, name: &str, deeds: Deeds<'_>) -> Result<(), RequestError> {
        let (words, file) = match deeds {
            Deeds::Words(words) => (Some(words.to_owned()), None),
            Deeds::File(file) => (None, Some(file.to_string_lossy().into_owned())),
        };
        // It takes as long as its pauses.
        match self.ask(&Request::Input { name: name.to_owned(), words, file }, None)? {
            Reply::Input { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// What is on the display of a connector: of that name, or of the card of that name the one that `connector` says.
    ///
    /// # Errors
    /// [`RequestError`]: there is no such connector, or nothing to be seen there.
    pub fn screenshot(&mut self, name: &str, connector: Option<&str>) -> Result<Screenshot, RequestError> {
        let request = Request::Screenshot { name: name.to_owned(), connector: connector.map(str::to_owned) };
        let (connector, width, height) = match self.ask(&request, Some(PATIENCE))? {
            Reply::Screenshot { connector, width, height } => (connector, width, height),
            other => return Err(unexpected(&other)),
        };
        let size = u64::from(width).saturating_mul(height.into()).saturating_mul(3);
        if size > LARGEST_PICTURE as u64 {
            return Err(RequestError::Nonsense(format!("a picture of {width}x{height}")));
        }
        let mut pixels = vec![0; size as usize];
        self.reader.read_exact(&mut pixels).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => RequestError::Ended,
            _ => error.into(),
        })?;
        Ok(Screenshot { connector, width, height, pixels })
    }

    /// Plugs in a new device and gives its name.
    ///
    /// # Errors
    /// [`RequestError`]: it cannot be, or zombies hold its number.
    pub fn plug(&mut self, device: &DeviceConfig) -> Result<String, RequestError> {
        self.plugged(&Request::Plug { device: device.clone() })
    }

    /// Plugs in the next generation of a device, or the cable of a connector, and gives its name.
    ///
    /// # Errors
    /// [`RequestError`]: it is there, never was, or has not left yet.
    pub fn plug_name(&mut self, name: &str) -> Result<String, RequestError> {
        self.plugged(&Request::Replug { name: name.to_owned() })
    }

    fn plugged(&mut self, request: &Request) -> Result<String, RequestError> {
        match self.ask(request, Some(PATIENCE))? {
            Reply::Plugged { name } => Ok(name),
            other => Err(unexpected(&other)),
        }
    }

    /// Watches devices of those names come and go from now on; all if there are none.
    ///
    /// # Errors
    /// [`RequestError`]
    pub fn events(mut self, names: &[String]) -> Result<EventStream, RequestError> {
        match self.ask(&Request::Events { names: names.to_vec() }, Some(PATIENCE))? {
            Reply::Watching => {
                self.reader.get_ref().set_read_timeout(None)?;
                Ok(EventStream { client: self })
            }
            other => Err(unexpected(&other)),
        }
    }

    fn ask(&mut self, request: &Request, patience: Option<Duration>) -> Result<Reply, RequestError> {
        let stream = self.reader.get_mut();
        stream.set_read_timeout(patience)?;
        // A lab that hangs up may have said why before it did.
        let sent = line::write(stream, request);
        match self.read() {
            Ok(reply) => Ok(reply),
            Err(RequestError::Ended) => sent.map_err(|_| RequestError::Ended).and(Err(RequestError::Ended)),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self) -> Result<Reply, RequestError> {
        let line = match line::read(&mut self.reader, LONGEST_REPLY) {
            Ok(Line::Whole(line)) => line,
            Ok(Line::TooLong) => return Err(RequestError::Nonsense(format!("over {LONGEST_REPLY} bytes"))),
            Ok(Line::End) => return Err(RequestError::Ended),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(RequestError::Ended),
            Err(error) => return Err(error.into()),
        };
        match serde_json::from_slice(&line) {
            Ok(Reply::Error(why)) => Err(RequestError::Refused(why)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(RequestError::Nonsense(error.to_string())),
        }
    }
}

/// What is on a display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screenshot {
    /// The connector that it hangs on: `card0-Virtual-1`.
    pub connector: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Red, green and blue of each pixel, a byte each, line by line from the top.
    pub pixels: Vec<u8>,
}

fn unexpected(reply: &Reply) -> RequestError {
    RequestError::Nonsense(format!("{reply:?}"))
}

/// What comes and goes in a lab.
#[derive(Debug)]
pub struct EventStream {
    client: Client,
}

/// One item of an [`EventStream`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An event.
    Event(EventReport),
    /// So many events were lost, since we were too slow.
    Lost(u64),
}

/// Waits for each event; ends when the lab has ended.
impl Iterator for EventStream {
    type Item = Result<Heard, RequestError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.client.read() {
            Ok(Reply::Event(event)) => Some(Ok(Heard::Event(event))),
            Ok(Reply::Lost(count)) => Some(Ok(Heard::Lost(count))),
            Ok(other) => Some(Err(unexpected(&other))),
            Err(RequestError::Ended) => None,
            Err(error) => Some(Err(error)),
        }
    }
}
