//! What a lab is told of input devices, and what it has them do.

use super::{DeviceConfig, Lab, UnplugError, bare, config::ConfigError, model::ModelEntry};
use outlive_classes::input::{self, ClockId, Driver};
use outlive_drivers::{
    clock::Clock,
    input::{ConfigError as Refused, InputConfig, Playing, Script},
};
use rustix::time::{ClockId as Posix, clock_gettime};
use std::{path::Path, sync::Arc, time::Duration};
use thiserror::Error;

/// Makes the device. Its script is read for that.
pub(super) fn build(entry: &ModelEntry, clock: Arc<dyn Clock>) -> Result<Box<dyn Driver>, ConfigError> {
    let config = InputConfig { model: entry.model.clone(), keys: entry.keys.clone() };
    config.build(clock).map_err(|refused| match &refused {
        Refused::UnknownKey { key, .. } => {
            entry.unknown_key(key, &refused, "input device", &["num", "policy", "mode", "group"])
        }
        _ => entry.error(refused.key(), &refused),
    })
}

/// The model that is no device itself: programs make devices by it.
const UINPUT: &str = "uinput";

/// The device that `entry` asks for: a model, or /dev/uinput.
pub(super) fn device(entry: ModelEntry) -> DeviceConfig {
    match entry.model.eq_ignore_ascii_case(UINPUT) {
        true => DeviceConfig::Uinput(entry),
        false => DeviceConfig::Input(entry),
    }
}

/// Whether /dev/uinput can be that way, which has no keys of its own.
pub(super) fn check_uinput(entry: &ModelEntry) -> Result<(), ConfigError> {
    let number = entry.number.is_some().then(|| "num".to_owned());
    let Some(key) = number.or_else(|| entry.keys.keys().next().cloned()) else { return Ok(()) };
    let why = format!("uinput has no key \"{key}\"; its keys: none");
    Err(entry.unknown_key(&key, why, "input device but the number", &["policy", "mode", "group"]))
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
