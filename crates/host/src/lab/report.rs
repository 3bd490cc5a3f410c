//! What a lab says about its devices, and about what it was asked to do with them.

use super::{
    config::ConfigError,
    connectors::{self, ConnectorReport},
    holders::Killed,
};
use outlive::{Generation, Gone, IllegalTransition, Inside, Status};
use outlive_classes::{Plugged, StillBusy};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;

/// How many operations of one device are listed; they are all counted.
const LISTED: usize = 1000;

/// One life of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Its name, as under /dev.
    pub name: String,
    /// Its class: `i2c`.
    pub class: String,
    /// Its number: the 7 of `i2c-7`.
    pub number: u32,
    /// Which life of it this is.
    pub generation: u64,
    /// Whether it is there.
    pub state: State,
    /// How many open files it has, zombies included.
    pub handles: usize,
    /// How many operations are inside.
    pub inside: usize,
    /// Those operations; the first thousand, if there are more.
    pub operations: Vec<OperationReport>,
    /// Whether its number is kept from being given to a new device.
    pub holds_number: bool,
    /// Whether a later generation has its number by now.
    #[serde(default)]
    pub lives_elsewhere: bool,
    /// The device that it hangs on: of a partition its flash, of a flash its card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Of a card that shows pictures and is there: its connectors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connectors: Vec<ConnectorReport>,
}

/// Whether a device is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum State {
    /// It is there and works.
    Running,
    /// It is there, and new users are refused: it is about to go.
    Closing,
    /// It is there, and its clients wait.
    Quiesced,
    /// It is there, and who comes waits.
    Blocked,
    /// It is there, and new work fails.
    Offline,
    /// It was removed.
    Gone {
        /// Why.
        reason: String,
        /// Seconds since the mark.
        seconds: f64,
        /// Whether the fence has been reached: its hardware has been given back.
        fenced: bool,
    },
}

/// One operation that is inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationReport {
    /// The open file it came by, as numbered on its device.
    pub handle: u64,
    /// Its number, unique on its device.
    pub number: u64,
    /// What it does, as its class names it.
    pub kind: String,
    /// How long it has been inside, in seconds.
    pub seconds: f64,
}

impl From<&Inside> for OperationReport {
    fn from(inside: &Inside) -> Self {
        OperationReport {
            handle: inside.handle.0,
            number: inside.number,
            kind: inside.kind.to_owned(),
            seconds: inside.age.as_secs_f64(),
        }
    }
}

impl DeviceReport {
    pub(super) fn new(device: &dyn Plugged, number: u32, fenced: bool, holds_number: bool) -> Self {
        let inside = device.inside();
        DeviceReport {
            name: device.node().name.clone(),
            class: device.class().to_owned(),
            number,
            generation: device.generation().0,
            state: State::of(&device.status(), fenced),
            handles: device.handles(),
            inside: inside.len(),
            operations: inside.iter().take(LISTED).map(OperationReport::from).collect(),
            holds_number,
            lives_elsewhere: device.status().lives_elsewhere,
            parent: None,
            connectors: if device.gone().is_none() { connectors::report(device) } else { Vec::new() },
        }
    }
}

impl State {
    fn of(status: &Status, fenced: bool) -> Self {
        match (status.gone, status.state) {
            (Some(gone), _) => State::gone(&gone, fenced),
            (None, outlive::State::Closing) => State::Closing,
            (None, outlive::State::Quiesced) => State::Quiesced,
            (None, outlive::State::Blocked) => State::Blocked,
            (None, outlive::State::Offline) => State::Offline,
            (None, _) => State::Running,
        }
    }

    fn gone(gone: &Gone, fenced: bool) -> Self {
        State::Gone { reason: gone.reason.to_string(), seconds: gone.since.elapsed().as_secs_f64(), fenced }
    }
}

/// An unplug that has finished: the fence holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplugged {
    /// The device's name.
    pub name: String,
    /// Which life of it ended.
    pub generation: Generation,
    /// How long the call took.
    pub took: Duration,
    /// How many handles are left, zombies all.
    pub handles: usize,
    /// Whether it was gone, and behind its fence, before this call.
    pub already: bool,
    /// Whether this call did it, and not another that ran at the same time: of several one does (I13).
    pub acted: bool,
    /// The processes that were killed for it.
    pub killed: Vec<Killed>,
}

/// Why an unplug has not finished.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnplugError {
    /// There is no such device, and never was.
    #[error("{}", unknown(name, known))]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// It is dead, but somebody is still inside (I6). Unplugging again waits on.
    #[error("{name}: still busy after {waited:?}: {busy}")]
    Busy {
        /// The device's name.
        name: String,
        /// Which life of it.
        generation: Generation,
        /// How long was waited.
        waited: Duration,
        /// Who is inside.
        busy: StillBusy,
        /// The processes that were killed for it.
        killed: Vec<Killed>,
    },
}

/// Why a device was not set to a state.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetError {
    /// There is no such device now.
    #[error("{0}")]
    Unknown(UnplugError),
    /// It cannot go there from where it is.
    #[error("{0}")]
    Illegal(IllegalTransition),
}

/// Why a device was not reset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResetError {
    /// There is no such device.
    #[error("{0}")]
    Unknown(UnplugError),
    /// It was removed.
    #[error("{0} was removed; `outlive plug {0}` brings it back")]
    Gone(String),
    /// Nothing hangs on it.
    #[error(
        "{0}: nothing hangs on it that a reset would pull; a card (class = \"gpu\") or a flash with partitions can be reset"
    )]
    Childless(String),
}

/// Why a device was not plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlugError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Config(ConfigError),
    /// It is there.
    #[error("{name} is plugged in; unplug it first (a chip cannot be added to a bus that is in use)")]
    Plugged {
        /// The device's name.
        name: String,
    },
    /// Zombies hold the number (I27): EBUSY.
    #[error("{}", held(name, *handles))]
    Held {
        /// The device's name.
        name: String,
        /// How many open files hold the number.
        handles: usize,
    },
    /// There is no such device, and never was.
    #[error("{}", unknown(name, known))]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Its removal has not finished: its hardware cannot be plugged in again yet.
    #[error("{name}: its removal has not finished: {busy}")]
    StillBusy {
        /// The device's name.
        name: String,
        /// Who is inside.
        busy: StillBusy,
    },
    /// It is a part of a device that is not there.
    #[error("{name}: it is a part of {parent}, which is not there; plug {parent} in, which brings it along")]
    Parent {
        /// The device's name.
        name: String,
        /// What it is a part of.
        parent: String,
    },
    /// The process that its driver is in cannot be had, or says what cannot be.
    #[error("{name}: its server {what}")]
    Server {
        /// The device's name.
        name: String,
        /// What it did.
        what: String,
    },
    /// There can be no node for it.
    #[error("{name}: {why}")]
    NoNode {
        /// The device's name.
        name: String,
        /// Why, and what would help.
        why: String,
    },
    /// There is no memory for it to share with its clients.
    #[error("{name}: no memory for its regions: {why}; see `ulimit -v` and the memory limit of its group")]
    NoMemory {
        /// The device's name, or its class if it had none yet.
        name: String,
        /// The error.
        why: String,
    },
    /// All numbers of its class are taken: ENOSPC.
    #[error(
        "there is no number left for another {class}; unplug one, or close what still holds the number of one that has gone"
    )]
    Full {
        /// What it is one of.
        class: &'static str,
    },
    /// Its hardware is in somebody else's hands: it is being plugged in, or was lost.
    #[error("{name}: somebody else is plugging it in")]
    BeingPlugged {
        /// The device's name.
        name: String,
    },
}

fn unknown(name: &str, known: &[String]) -> String {
    match known {
        [] => format!("{name}: no such device; this lab has none"),
        known => format!("{name}: no such device; this lab has {}", known.join(", ")),
    }
}

fn held(name: &str, handles: usize) -> String {
    let noun = if handles == 1 { "handle" } else { "handles" };
    format!(
        "{name}: its number is held by {handles} {noun} to a removed device until closed (EBUSY); take another number, or \
         say `plug {name}` for the next generation of the same device"
    )
}

/// Why a lab did not start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LabError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Config(ConfigError),
    /// A device could not be plugged in.
    #[error("{0}")]
    Plug(PlugError),
}
