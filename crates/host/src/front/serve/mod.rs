//! The serve front: nodes in /dev for the whole machine, through CUSE (`fs/fuse/cuse.c`). Takes root and the module cuse.
//!
//! This process is the broker. It keeps the connection of each device for as long as anybody has it open, and so answers
//! for zombies as their class has it, where the kernel alone would say ENOTCONN. When it ends, however that is, the kernel
//! takes the nodes away; what is left of the names is taken away by the next that starts.

mod broker;
mod connection;
mod holders;
mod memory;
mod names;
mod readers;
mod rounds;
mod served;

use crate::{
    front::descriptor_limit,
    lab::{Announcer, Lab, UnplugError},
    sys::process::{next_signal, signal_descriptor},
};
use broker::{Broker, admit};
use holders::MachineHolders;
use outlive::Reason;
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::geteuid,
};
use serde::Serialize;
use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use thiserror::Error;

pub(crate) use connection::open_channel;

/// How long each device may take to be unplugged at the end.
const LIMIT: Duration = Duration::from_secs(1);
/// How often it is looked whether the last descriptors have been closed, or somebody has lost patience.
const LOOK: Duration = Duration::from_millis(50);

/// Why a lab is not served. Nothing is left behind.
#[derive(Debug, Error)]
pub enum StartError {
    /// Whoever asks for it is not root.
    #[error(
        "serving devices to the whole machine takes root (sudo outlive serve ...); `outlive run` takes no privileges"
    )]
    NotRoot,
    /// The kernel has no CUSE, or does not let us have it.
    #[error("{0}")]
    NoCuse(String),
    /// A device cannot be served.
    #[error("{name}: {why}")]
    Device {
        /// Its name.
        name: String,
        /// Why, and what would help.
        why: String,
    },
    /// A system call failed that should not.
    #[error("{step}: {why}")]
    System {
        /// What was being done.
        step: &'static str,
        /// How it failed.
        why: String,
    },
}

/// A node that programs can open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServedNode {
    /// The device's name in its lab.
    pub name: String,
    /// The name that programs know: `/dev/i2c-7`.
    pub path: PathBuf,
    /// What that leads to: the node of this life.
    pub node: PathBuf,
    /// The node's major number.
    pub major: u32,
    /// The node's minor number.
    pub minor: u32,
    /// Which life of the device it is of.
    pub generation: u64,
}

/// A lab that is served, until it is told to end.
#[derive(Debug)]
pub struct Serving {
    lab: Arc<Lab>,
    broker: Arc<Broker>,
    signals: OwnedFd,
}

/// How serving ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// Devices that could not be unplugged in time: who is inside.
    pub busy: Vec<UnplugError>,
    /// Open files that were left behind: calls on them say ENOTCONN from now on.
    pub abandoned: usize,
}

/// Serves the devices of `lab`, and those that are plugged in later.
///
/// This process must have no other threads yet: from here on its signals wait for [`Serving::wait_for_signal`].
///
/// # Errors
/// [`StartError`]; then nothing of it is in /dev.
pub fn start(lab: &Arc<Lab>) -> Result<Serving, StartError> {
    if !geteuid().is_root() {
        return Err(StartError::NotRoot);
    }
    // Nothing that this machine lacks would help.
    for device in lab.devices() {
        admit(device.node()).map_err(|why| StartError::Device { name: device.node().name.clone(), why })?;
    }
    drop(open_channel().map_err(StartError::NoCuse)?);
    let signals = signal_descriptor(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT])
        .map_err(|errno| StartError::System { step: "signalfd", why: errno.to_string() })?;
    descriptor_limit::raise();
    lab.go().map_err(|why| StartError::System { step: "starting a thread", why: why.to_string() })?;
    names::remove_stale();
    let broker =
        Broker::start(lab).map_err(|why| StartError::System { step: "starting a thread", why: why.to_string() })?;
    let serving = Serving { lab: lab.clone(), broker, signals };
    for device in lab.devices() {
        let name = device.node().name.clone();
        let announced = serving.broker.announce(&device, &lab.permissions_of(&name));
        announced.map_err(|why| StartError::Device { name, why })?;
    }
    lab.set_announcer(serving.broker.clone());
    lab.set_holders(Arc::new(MachineHolders { broker: Arc::downgrade(&serving.broker) }));
    Ok(serving)
}

impl Serving {
    /// The nodes that there are now.
    pub fn nodes(&self) -> Vec<ServedNode> {
        let all = self.broker.all();
        let live = all.iter().filter(|served| served.device().is_some_and(|device| device.gone().is_none()));
        let node = |served: &Arc<served::Served>| ServedNode {
            name: served.name.clone(),
            path: served.names.stable().to_owned(),
            node: served.names.node().to_owned(),
            major: served.connection.number.0,
            minor: served.connection.number.1,
            generation: served.generation,
        };
        live.map(node).collect()
    }

    /// Waits for a signal that asks us to end: SIGINT, SIGTERM, SIGHUP or SIGQUIT.
    pub fn wait_for_signal(&self) {
        let mut asked = [PollFd::new(&self.signals, PollFlags::IN)];
        while next_signal(&self.signals).is_none() {
            let _ = poll(&mut asked, None);
        }
    }

    /// Unplugs everything in good order, and waits until the last descriptor has been closed: as long as one is open,
    /// somebody has to answer for it. `waits` is told once how many are, if any. A further signal ends the waiting.
    pub fn end(self, waits: impl FnOnce(usize)) -> Ended {
        let mut ended = Ended::default();
        for device in self.lab.devices() {
            let name = &device.node().name;
            let policy = self.lab.policy_of(name);
            ended.busy.extend(self.lab.unplug(name, Reason::Orderly, policy, LIMIT).err());
        }
        let begin = Instant::now();
        let mut waits = Some(waits);
        while !self.broker.wait_until_empty(LOOK) {
            let handles = self.broker.handles();
            // Without handles they end by themselves; if the kernel is not to be told so, they end with this process.
            if next_signal(&self.signals).is_some() || handles == 0 && begin.elapsed() > LIMIT {
                break;
            }
            // Closes may be on their way still: programs end for the removal.
            if handles > 0
                && begin.elapsed() > LOOK
                && let Some(waits) = waits.take()
            {
                waits(handles);
            }
        }
        ended.abandoned = self.broker.handles();
        ended
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.broker.remove_names();
    }
}
