//! What client and lab say to each other.

use crate::lab::{DeviceConfig, DeviceReport, Killed, OperationReport};
use outlive::{Change, Event};
use outlive_classes::drm::LARGEST;
use serde::{Deserialize, Serialize};

/// The longest line that a lab reads, in bytes.
pub const LONGEST_REQUEST: usize = 64 << 10;

/// The longest line that a client reads, in bytes.
pub const LONGEST_REPLY: usize = 16 << 20;

/// The most pixels of a picture, in bytes.
pub const LARGEST_PICTURE: usize = 3 * (LARGEST as usize) * (LARGEST as usize);

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// The devices: `{"do":"list"}`. Answered by [`Reply::Devices`].
    List {
        /// Which; all if empty.
        #[serde(default)]
        names: Vec<String>,
    },
    /// Removal: `{"do":"unplug","names":["i2c-7"]}`. Answered by [`Reply::Removals`].
    Unplug {
        /// Which, at least one. All are marked before any is waited for.
        names: Vec<String>,
        /// In good order, so that the driver has its last word; else pulled.
        #[serde(default)]
        orderly: bool,
        /// Told to leave first, and waited for so long until nobody has it open, in seconds; then in good order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prepare: Option<f64>,
        /// What becomes of its users: `detach`, `drain` or `kill`; what the lab says if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
        /// How long to wait for the fence, in seconds; one second if it is left out.
        #[serde(default)]
        deadline: Option<f64>,
    },
    /// A new device: `{"do":"plug","device":{"class":"i2c",…}}`. Answered by [`Reply::Plugged`].
    Plug {
        /// What it is. Paths in it are absolute.
        device: DeviceConfig,
    },
    /// The next generation in the same place: `{"do":"replug","name":"i2c-7"}`; of a connector, its cable. Answered by [`Reply::Plugged`].
    Replug {
        /// Which.
        name: String,
    },
    /// Another state: `{"do":"set","name":"i2c-7","state":"blocked"}`. Answered by [`Reply::Set`].
    Set {
        /// Which.
        name: String,
        /// `running`, `quiesced`, `blocked` or `offline`.
        state: String,
    },
    /// What hangs on a device goes, and comes back in next generations: `{"do":"reset","name":"gpu0"}`. Answered by
    /// [`Reply::Reset`].
    Reset {
        /// Which.
        name: String,
        /// How long to wait for operations that are inside, in seconds; one second if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<f64>,
    },
    /// What people do to an input device: `{"do":"input","name":"input/event0","words":"key a tap"}`. Answered by
    /// [`Reply::Input`] when it has been done.
    Input {
        /// Which.
        name: String,
        /// In the words of a script; this or `file`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<String>,
        /// A script or an evemu recording, by its absolute path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// What is on the display of a connector: `{"do":"screenshot","name":"dri/card0"}`. Answered by [`Reply::Screenshot`].
    Screenshot {
        /// The card, or the connector.
        name: String,
        /// Which connector of the card: its number from 1, or its name; the first if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connector: Option<String>,
    },
    /// What comes and goes from now on: `{"do":"events"}`. Answered by [`Reply::Watching`], and by [`Reply::Event`]
    /// and [`Reply::Lost`] until the client hangs up.
    Events {
        /// Of which devices; of all if empty.
        #[serde(default)]
        names: Vec<String>,
    },
}

/// What a lab answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// The devices.
    Devices(Vec<DeviceReport>),
    /// How each removal went, in the order of the names.
    Removals(Vec<Removal>),
    /// A device was plugged in.
    Plugged {
        /// Its name.
        name: String,
    },
    /// A device has another state.
    Set {
        /// Its name.
        name: String,
        /// What it is doing now.
        state: String,
    },
    /// A device was reset.
    Reset {
        /// Its name.
        name: String,
        /// What hangs on it now, in next generations.
        back: Vec<String>,
        /// What did not come back, and why: somebody is still inside, for instance.
        failed: Vec<String>,
    },
    /// An input device did as it was told.
    Input {
        /// Its name.
        name: String,
    },
    /// What is on a display. Behind this line come the pixels, line by line from the top: three bytes each, red, green and
    /// blue, no more than [`LARGEST_PICTURE`] in all.
    Screenshot {
        /// The connector.
        connector: String,
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// Every event from here on will be told.
    Watching,
    /// An event.
    Event(EventReport),
    /// So many events were dropped, since they were not read fast enough.
    Lost(u64),
    /// It could not be done; what to do about it.
    Error(String),
}

/// How a removal went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Removal {
    /// It is gone, and behind its fence.
    Gone {
        /// The device.
        name: String,
        /// Which life of it.
        generation: u64,
        /// How long the removal took, in seconds.
        seconds: f64,
        /// How many handles are left, zombies all.
        handles: usize,
        /// Whether it was gone before.
        already: bool,
        /// The processes that were killed for it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        killed: Vec<Killed>,
    },
    /// It is dead, but somebody is still inside.
    Busy {
        /// The device.
        name: String,
        /// Which life of it.
        generation: u64,
        /// How long was waited, in seconds.
        seconds: f64,
        /// Who is inside.
        culprits: Vec<OperationReport>,
        /// The whole in words.
        message: String,
        /// The processes that were killed for it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        killed: Vec<Killed>,
    },
    /// It is a connector of a card, and its cable is out.
    Disconnected {
        /// The connector.
        name: String,
        /// Whether it was out before.
        already: bool,
    },
    /// There is no such device.
    Unknown {
        /// The name.
        name: String,
        /// What there is.
        message: String,
    },
}

/// A device came or went, or a cable of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReport {
    /// Counts the events of the lab, from 1.
    pub sequence: u64,
    /// The device; of a cable the connector.
    pub name: String,
    /// Which life of the device.
    pub generation: u64,
    /// `plugged`, `closing` or `unplugged`; of a cable `connected` or `disconnected`.
    pub change: String,
    /// Why it went.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

impl From<Event> for EventReport {
    fn from(event: Event) -> Self {
        let (change, reason) = match event.change {
            Change::Plugged => ("plugged", None),
            Change::Unplugged(reason) => ("unplugged", Some(reason.to_string())),
            Change::Closing => ("closing", None),
            Change::Connected => ("connected", None),
            Change::Disconnected => ("disconnected", None),
            _ => ("changed", None),
        };
        let Event { sequence, name, generation, .. } = event;
        EventReport { sequence, name, generation: generation.0, change: change.to_owned(), reason }
    }
}
