//! What a lab is told of input devices, and what it has them do.

use super::{
    Lab, UnplugError, bare,
    config::{ConfigError, policy_name},
    permissions::Permissions,
    suggest,
};
use outlive::Policy;
use outlive_classes::input::{self, ClockId, Driver};
use outlive_drivers::{
    clock::Clock,
    input::{ConfigError as Refused, InputConfig, Playing, Script},
};
use rustix::time::{ClockId as Posix, clock_gettime};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use thiserror::Error;

/// An input device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputEntry {
    /// The 0 of `/dev/input/event0`; `None` for the lowest that is free.
    pub number: Option<u32>,
    /// What becomes of its users when it is unplugged, unless the unplug says otherwise.
    #[serde(with = "policy_name", default)]
    pub policy: Option<Policy>,
    /// Who may open its node.
    #[serde(default)]
    pub permissions: Permissions,
    /// The model: `keyboard`.
    pub model: String,
    /// What is left for the driver to understand. Paths are absolute.
    pub keys: BTreeMap<String, String>,
    /// Where it was asked for: `--device input:keyboard`, or `lab.toml:5:11`.
    pub place: String,
    /// Where the value of each key stands, `model` among them; empty if all are at `place`.
    pub places: BTreeMap<String, String>,
}

/// The model that is no device itself: programs make devices by it.
const UINPUT: &str = "uinput";

impl InputEntry {
    /// Whether it is /dev/uinput.
    pub(crate) fn is_uinput(&self) -> bool {
        self.model.eq_ignore_ascii_case(UINPUT)
    }

    /// Whether that can be, which has no keys of its own.
    pub(super) fn check_uinput(&self) -> Result<(), ConfigError> {
        let number = self.number.is_some().then(|| "num".to_owned());
        let Some(key) = number.or_else(|| self.keys.keys().next().cloned()) else { return Ok(()) };
        let place = self.places.get(&key).unwrap_or(&self.place);
        let keys = suggest::known(&key, &["policy", "mode", "group"]);
        let why = format!("uinput has no key \"{key}\"; its keys: none; of every input device but the number: {keys}");
        Err(ConfigError::new(place, why))
    }

    /// Makes the device. Its script is read for that.
    pub(super) fn build(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Driver>, ConfigError> {
        let config = InputConfig { model: self.model.clone(), keys: self.keys.clone() };
        config.build(clock).map_err(|refused| {
            let (place, why) = (self.places.get(refused.key()).unwrap_or(&self.place), refused.to_string());
            match refused {
                Refused::UnknownKey { key, .. } => {
                    let ours = suggest::known(&key, &["num", "policy", "mode", "group"]);
                    ConfigError::new(place, format!("{why}; of every input device: {ours}"))
                }
                _ => ConfigError::new(place, why),
            }
        })
    }
}

/// The machine's clocks for times that clients see, and the lab's for what comes later.
#[derive(Debug)]
pub(super) struct Clocks(pub(super) Arc<dyn Clock>);

impl input::Clock for Clocks {
    fn time(&self, clock: ClockId) -> Duration {
        let now = clock_gettime(match clock {
            ClockId::Real => Posix::Realtime,
            ClockId::Monotonic => Posix::Monotonic,
            ClockId::Boot => Posix::Boottime,
        });
        // A machine that is set to before 1970 says 1970.
        let [seconds, nanos] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).unwrap_or_default());
        Duration::from_secs(seconds) + Duration::from_nanos(nanos)
    }

    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        self.0.after(delay, then);
    }
}

/// What a device is to do.
#[derive(Clone, Copy, Debug)]
pub enum Deeds<'a> {
    /// In the words of a script.
    Words(&'a str),
    /// What stands in this file: a script, or an evemu recording.
    File(&'a Path),
}

/// Why a device was not made to do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// There is no such device.
    #[error(transparent)]
    Unknown(#[from] UnplugError),
    /// It is not of the class input.
    #[error("{0} is no input device; `outlive ls` says which are, in the column CLASS")]
    NoInput(String),
    /// It is not a script.
    #[error("{0}")]
    Script(String),
}

impl Lab {
    /// Has the input device of that name do what `deeds` says; `done` is called at the end. What comes before the first pause has
    /// been sent when this returns.
    ///
    /// # Errors
    /// [`InputError`]; then nothing has been sent.
    pub(crate) fn play(
        &self,
        name: &str,
        deeds: Deeds<'_>,
        done: impl FnOnce(outlive_drivers::input::Played) + Send + 'static,
    ) -> Result<Playing, InputError> {
        let device = self.live(name)?;
        let sink = device.sink().ok_or_else(|| InputError::NoInput(bare(name).to_owned()))?;
        let script = match deeds {
            Deeds::Words(words) => Script::parse(words, sink.description()).map_err(|error| error.to_string()),
            Deeds::File(path) => Script::read(path, sink.description()),
        };
        let script = Arc::new(script.map_err(InputError::Script)?);
        Ok(Playing::begin(script, sink, self.clock().clone(), done))
    }
}
