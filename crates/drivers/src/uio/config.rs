//! What a lab says about a board, and everything that can be wrong with it.

use super::timer::{FASTEST, Timer};
use crate::{
    clock::Clock,
    value::{self, ValueError},
};
use outlive_classes::{PAGE_SIZE, uio::Driver};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// A board: `timer,size=4KiB,period=10ms`.
///
/// Keys of `timer`: `size=SIZE`, the region with its registers (4KiB); `ram=SIZE`, a second region of plain memory (none);
/// `period=DURATION` between two interrupts, at least 100us (10ms; `0`: the board has no interrupt at all).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoardConfig {
    /// What it is: one of [`known_models`].
    pub model: String,
    /// Everything else, by name.
    pub keys: BTreeMap<String, String>,
}

const TIMER: &str = "timer";
const KEYS: [&str; 3] = ["period", "ram", "size"];
/// The largest region, in bytes: what clients touch of it is real memory.
const LARGEST: u64 = 64 << 20;

/// The models that a [`BoardConfig`] can name.
pub fn known_models() -> impl Iterator<Item = &'static str> {
    [TIMER].into_iter()
}

/// Something that a lab said about a board cannot be. The text says what, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such model.
    UnknownModel {
        /// What was asked for.
        model: String,
    },
    /// The model has no such key.
    UnknownKey {
        /// The model.
        model: &'static str,
        /// The key.
        key: String,
    },
    /// The value of a key is not one.
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        error: ValueError,
    },
    /// The value of a key is one that it cannot have.
    Range {
        /// The key.
        key: &'static str,
        /// What it can be.
        allowed: String,
    },
}

impl ConfigError {
    /// The key at fault, as far as there is one; `model` is one, too.
    pub fn key(&self) -> &str {
        match self {
            ConfigError::UnknownModel { .. } => "model",
            ConfigError::UnknownKey { key, .. } => key,
            ConfigError::Value { key, .. } | ConfigError::Range { key, .. } => key,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::UnknownModel { model } => {
                let known: Vec<_> = known_models().collect();
                write!(f, "there is no board {model:?}; known boards: {}", known.join(", "))
            }
            ConfigError::UnknownKey { model, key } => {
                write!(f, "{model} has no key {key:?}; its keys: {}", KEYS.join(", "))
            }
            ConfigError::Value { key, error } => write!(f, "key {key:?}: {error}"),
            ConfigError::Range { key, allowed } => write!(f, "key {key:?}: {allowed}"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl BoardConfig {
    /// Makes the board, which lives in the time of `clock`.
    ///
    /// # Errors
    /// [`ConfigError`], which says what is wrong and what to do.
    pub fn build(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Driver>, ConfigError> {
        if !self.model.eq_ignore_ascii_case(TIMER) {
            return Err(ConfigError::UnknownModel { model: self.model.clone() });
        }
        if let Some(key) = self.keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(ConfigError::UnknownKey { model: TIMER, key: key.clone() });
        }
        let registers = self.size("size")?.unwrap_or(PAGE_SIZE);
        let regions = [Some(registers), self.size("ram")?].into_iter().flatten().collect();
        let period = self.value("period", value::parse_duration)?.unwrap_or(Duration::from_millis(10));
        if !period.is_zero() && (period < FASTEST || u32::try_from(period.as_micros()).is_err()) {
            let allowed = "from 100us to 1h, or 0 for a board without an interrupt".to_owned();
            return Err(ConfigError::Range { key: "period", allowed });
        }
        Ok(Box::new(Timer::new(regions, period, clock)))
    }

    fn size(&self, key: &'static str) -> Result<Option<u64>, ConfigError> {
        match self.value(key, value::parse_size)? {
            Some(size) if size == 0 || size > LARGEST || !size.is_multiple_of(PAGE_SIZE) => {
                let allowed = "a region is a whole number of pages, from 4KiB to 64MiB".to_owned();
                Err(ConfigError::Range { key, allowed })
            }
            size => Ok(size),
        }
    }

    fn value<T>(&self, key: &'static str, parse: fn(&str) -> Result<T, ValueError>) -> Result<Option<T>, ConfigError> {
        let error = |error| ConfigError::Value { key, error };
        self.keys.get(key).map(|text| parse(text)).transpose().map_err(error)
    }
}
