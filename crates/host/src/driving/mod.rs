//! The server's end of `docs/driver-protocol.md`: a driver of ours, served to a host in another process.
//!
//! A [`Driving`] has the driver and lives its lives, one after the other. In each the driver is a device of its own
//! (`driven.rs`), so its calls have here what they would have in a lab: a gate, cancellation, a removal with a last word or
//! without. `conversation.rs` is what passes between it and one host, `socket.rs` the packets, `area.rs` what both share.
//!
//! One thread hears the host; whoever answers in the driver's name sends its answer. A host that breaks the protocol, or
//! does not read, ends its own connection and nothing else.

mod area;
mod bounds;
mod conversation;
mod driven;
mod listener;
mod socket;
mod stop;

pub use conversation::Ended;

use crate::{
    lab::{ConfigError, DeviceConfig, WallClock, hardware},
    sys::inherited,
};
use conversation::Conversation;
use listener::Listener;
use outlive_classes::Hardware;
use outlive_protocol::Violation;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketFlags, SocketType, accept_with,
        sockopt::{socket_domain, socket_type},
    },
};
use socket::Socket;
use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};
use stop::Stop;
use thiserror::Error;

/// Why a driver is not served, or not any more.
#[derive(Debug, Error)]
pub enum DrivingError {
    /// What is to be served cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something is said here that only a host can do.
    #[error("`{key}` is said where the device is plugged in: to the host")]
    Key {
        /// What.
        key: &'static str,
    },
    /// A device of a class that no host takes from a server.
    #[error("{class} cannot be served to a host; i2c, mtd and tpm can")]
    Class {
        /// Which.
        class: &'static str,
    },
    /// The driver describes itself in a way that no host understands.
    #[error("no host would take this device: it {0}")]
    Device(Violation),
    /// The descriptor is none to a host.
    #[error("descriptor {number} {why}; a host that starts a server gives it a socket of type SOCK_SEQPACKET there")]
    Descriptor {
        /// Its number.
        number: i32,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody can connect to that path.
    #[error("cannot listen at {}: {why}", path.display())]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why, and what to do about it.
        why: String,
    },
    /// The system refused something.
    #[error("{step}: {why}")]
    System {
        /// What.
        step: &'static str,
        /// Why.
        why: Errno,
    },
    /// The driver did not let go of an operation, so its hardware cannot be had for another life.
    #[error("its driver is stuck: {0}")]
    Busy(String),
}

fn system(step: &'static str) -> impl Fn(Errno) -> DrivingError {
    move |why| DrivingError::System { step, why }
}

/// A driver that can be served.
#[derive(Debug)]
pub struct Driving {
    /// `None` only while a life has it, and if it was lost in one.
    hardware: Option<Hardware>,
    stop: Arc<Stop>,
}

impl Driving {
    /// The driver of `device`, as in a lab. This process must have no other threads yet: from here on SIGINT, SIGTERM, SIGHUP
    /// and SIGQUIT mean that it shall end in good order.
    ///
    /// # Errors
    /// What cannot be served, and what the system refuses.
    pub fn new(device: &DeviceConfig) -> Result<Self, DrivingError> {
        if let Some(key) = device.key_of_users() {
            return Err(DrivingError::Key { key });
        }
        Self::of(hardware::make(device, Arc::new(WallClock::new()))?)
    }

    /// A driver of the caller's own; as [`new`](Driving::new) otherwise.
    ///
    /// # Errors
    /// As of [`new`](Driving::new).
    pub fn of(hardware: Hardware) -> Result<Self, DrivingError> {
        driven::hello(&hardware)?.encode().map_err(DrivingError::Device)?;
        Ok(Driving { hardware: Some(hardware), stop: Stop::on_signals().map_err(system("signalfd"))? })
    }

    /// Serves the host at the other end of descriptor `number`, which this process was started with, until it or a signal
    /// ends it.
    ///
    /// # Errors
    /// [`DrivingError::Descriptor`], [`DrivingError::Busy`]
    pub fn serve_descriptor(mut self, number: i32) -> Result<Ended, DrivingError> {
        let wrong = |why: String| DrivingError::Descriptor { number, why };
        let socket = inherited::take(number).map_err(|_| wrong("is not open".into()))?;
        match (socket_domain(&socket), socket_type(&socket)) {
            (Ok(AddressFamily::UNIX), Ok(SocketType::SEQPACKET)) => self.live(socket),
            (Ok(_), Ok(_)) => Err(wrong("is another kind of socket".into())),
            _ => Err(wrong("is no socket".into())),
        }
    }

    /// Listens at `path`, and serves one host after the other until a signal ends it. `ready` is called when hosts can
    /// connect; of each `told` hears how it ended.
    ///
    /// # Errors
    /// [`DrivingError::Listen`], [`DrivingError::Busy`]
    pub fn serve_socket(
        mut self,
        path: &Path,
        ready: impl FnOnce(),
        mut told: impl FnMut(&Ended),
    ) -> Result<(), DrivingError> {
        let listener = Listener::new(path)?;
        ready();
        while self.stop.on(&listener.socket) {
            let socket = match accept_with(&*listener.socket, SocketFlags::CLOEXEC) {
                Ok(socket) => socket,
                Err(_) if self.stop.is_asked() => break,
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(why) => return Err(system("accept")(why)),
            };
            match self.live(socket)? {
                Ended::Told => break,
                ended => told(&ended),
            }
        }
        Ok(())
    }

    /// One host's time with the driver.
    fn live(&mut self, socket: OwnedFd) -> Result<Ended, DrivingError> {
        let hardware = self.hardware.take().ok_or_else(|| DrivingError::Busy("it was lost before".into()))?;
        let socket = Arc::new(Socket::new(socket).map_err(system("setsockopt"))?);
        if !self.stop.on(socket.descriptor()) {
            return Ok(Ended::Told);
        }
        let (ended, hardware) = Conversation::hold(socket, hardware, &self.stop)?;
        self.hardware = Some(hardware);
        Ok(ended)
    }
}
