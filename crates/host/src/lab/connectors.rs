//! The connectors of a lab's cards: what is on the displays that hang on them, and their cables. A connector has the
//! name that it has in /sys/class/drm: `card0-Virtual-1`.

use super::{Lab, UnplugError, bare};
use outlive_classes::{
    Errno, Plugged,
    drm::{self, Display, Picture},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A connector of a card that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorReport {
    /// Its name: `card0-Virtual-1`.
    pub name: String,
    /// Whether a cable is in.
    pub connected: bool,
}

impl ConnectorReport {
    /// What it is, in a word.
    pub fn status(&self) -> &'static str {
        drm::status(self.connected)
    }
}

/// What was to be seen.
pub(crate) struct Seen {
    /// The connector's name.
    pub(crate) connector: String,
    pub(crate) picture: Picture,
}

/// Why there is nothing to be seen, or a cable stays as it is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectorError {
    /// There is no such device.
    #[error(transparent)]
    Unknown(#[from] UnplugError),
    /// It is not of the class drm.
    #[error("{0} is no card; `outlive ls` says which are, in the column CLASS")]
    NoCard(String),
    /// The card has no such connector.
    #[error("{card} has no connector `{wanted}`; it has {}", known.join(", "))]
    NoConnector {
        /// The card.
        card: String,
        /// What was asked for.
        wanted: String,
        /// What it has.
        known: Vec<String>,
    },
    /// The card cannot be looked at now.
    #[error("{0} is not running; `outlive ls` says what it is doing, and `outlive set {0} running` sets it going")]
    NotRunning(String),
    /// No cable is in.
    #[error("no display hangs on {0}; `outlive plug {0}` puts the cable in")]
    Disconnected(String),
    /// No program shows anything there.
    #[error("nothing is shown on {0}: no program has set a mode there")]
    Dark(String),
    /// The driver refused.
    #[error("{name}: {errno}")]
    Refused {
        /// The connector.
        name: String,
        /// Why.
        errno: Errno,
    },
}

/// A connector of a card that is there.
struct Connector {
    name: String,
    number: usize,
    display: Display,
}

/// The names of the connectors of a card, in their order; of a device of another class there are none.
pub(super) fn names_of(card: &dyn Plugged) -> Vec<String> {
    let kobjects = if card.class() == "drm" { card.kobjects() } else { Vec::new() };
    let connectors = kobjects.iter().filter(|kobject| kobject.node.is_none());
    connectors.filter_map(|kobject| kobject.devpath.rsplit('/').next().map(str::to_owned)).collect()
}

/// Whether `name` is that of `device`, or of a connector of it, there or gone.
pub(crate) fn is_part_of(name: &str, device: &str) -> bool {
    let connector = device.strip_prefix("dri/").and_then(|card| name.strip_prefix(card));
    name == device || connector.is_some_and(|connector| connector.starts_with('-'))
}

/// What there is to say of the connectors of a card that is there.
pub(super) fn report(card: &dyn Plugged) -> Vec<ConnectorReport> {
    let names = names_of(card);
    let display = if names.is_empty() { None } else { card.display() };
    let connected = |number| display.as_ref().is_some_and(|display| display.is_connected(number));
    names.into_iter().enumerate().map(|(number, name)| ConnectorReport { connected: connected(number), name }).collect()
}

impl Connector {
    fn seen(self) -> Result<Seen, ConnectorError> {
        let Connector { name, number, display } = self;
        if !display.is_connected(number) {
            return Err(ConnectorError::Disconnected(name));
        }
        match display.screen(number) {
            Ok(Some(picture)) => Ok(Seen { connector: name, picture }),
            Ok(None) => Err(ConnectorError::Dark(name)),
            Err(errno) => Err(ConnectorError::Refused { name, errno }),
        }
    }
}

impl Lab {
    /// The name of a device that `typed` means: its own, the path of its node, or the end of that where only one has it
    /// (`card0` for `dri/card0`). What means no device is given back as it is.
    pub(crate) fn name_meant(&self, typed: &str) -> String {
        let typed = bare(typed);
        if !self.is_known(typed) && !typed.contains('/') {
            let ends = |name: &String| name.rsplit_once('/').is_some_and(|(_, last)| last == typed);
            let mut found = self.names().into_iter().filter(ends);
            if let (Some(name), None) = (found.next(), found.next()) {
                return name;
            }
        }
        typed.to_owned()
    }

    /// Whether that is the name of a connector of a card that is there.
    pub(crate) fn is_connector(&self, name: &str) -> bool {
        self.devices().iter().any(|card| names_of(&**card).iter().any(|it| it == name))
    }

    fn connector(&self, name: &str) -> Result<Connector, ConnectorError> {
        for card in self.devices() {
            if let Some(number) = names_of(&*card).iter().position(|it| it == name) {
                let display = card.display().ok_or_else(|| ConnectorError::NotRunning(card.node().name.clone()))?;
                return Ok(Connector { name: name.to_owned(), number, display });
            }
        }
        Err(UnplugError::Unknown { name: name.to_owned(), known: self.names() }.into())
    }

    /// What is on the display of a connector: that of this name, or of the card of this name the one that `which` says,
    /// by its number from 1 or by its name with or without the card's; without it the first.
    ///
    /// # Errors
    /// [`ConnectorError`].
    pub(crate) fn screen(&self, name: &str, which: Option<&str>) -> Result<Seen, ConnectorError> {
        if which.is_none() && self.is_connector(name) {
            return self.connector(name)?.seen();
        }
        let card = self.live(name)?;
        let known = names_of(&*card);
        let wanted = which.unwrap_or("1");
        let is_it = |(number, it): (usize, &String)| {
            let short = it.split_once('-').map(|(_, short)| short);
            it == wanted || short == Some(wanted) || wanted.parse() == Ok(number + 1)
        };
        match known.iter().enumerate().position(is_it) {
            Some(number) => self.connector(&known[number])?.seen(),
            None if known.is_empty() => Err(ConnectorError::NoCard(card.node().name.clone())),
            None => {
                Err(ConnectorError::NoConnector { card: card.node().name.clone(), wanted: wanted.to_owned(), known })
            }
        }
    }

    /// Puts the cable of a connector in, or pulls it out. Whether it was so already.
    ///
    /// # Errors
    /// [`ConnectorError`].
    pub(crate) fn connect(&self, name: &str, connected: bool) -> Result<bool, ConnectorError> {
        let Connector { name, number, display } = self.connector(name)?;
        if display.is_connected(number) == connected {
            return Ok(true);
        }
        let done = display.connect(number, connected);
        done.map(|()| false).map_err(|errno| ConnectorError::Refused { name, errno })
    }
}
