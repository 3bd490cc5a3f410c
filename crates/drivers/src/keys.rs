//! The keys that a lab gives a model, and everything that can be wrong with them.

use crate::value::ValueError;
use std::{collections::BTreeMap, fmt};

/// Something that a lab said about a model cannot be. The text says what, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such model.
    UnknownModel {
        /// What is looked for: `board`.
        what: &'static str,
        /// What was asked for.
        model: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The model has no such key.
    UnknownKey {
        /// The model.
        model: &'static str,
        /// The key.
        key: String,
        /// The keys that it has.
        known: Vec<&'static str>,
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
    /// The file that is to keep the content cannot.
    File {
        /// The file.
        path: String,
        /// Why not, and what to do.
        why: String,
    },
}

impl ConfigError {
    /// The key at fault, as far as there is one; `model` is one, too.
    pub fn key(&self) -> &str {
        match self {
            ConfigError::UnknownModel { .. } => "model",
            ConfigError::UnknownKey { key, .. } => key,
            ConfigError::Value { key, .. } | ConfigError::Range { key, .. } => key,
            ConfigError::File { .. } => "file",
        }
    }

    /// `key` can be no more than what `allowed` says.
    pub(crate) fn range(key: &'static str, allowed: impl Into<String>) -> Self {
        ConfigError::Range { key, allowed: allowed.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::UnknownModel { what, model, known } => {
                write!(f, "there is no {what} {model:?}; known {what}s: {}", known.join(", "))
            }
            ConfigError::UnknownKey { model, key, known } => {
                write!(f, "{model} has no key {key:?}; its keys: {}", known.join(", "))
            }
            ConfigError::Value { key, error } => write!(f, "key {key:?}: {error}"),
            ConfigError::Range { key, allowed } => write!(f, "key {key:?}: {allowed}"),
            ConfigError::File { path, why } => write!(f, "file {path:?}: {why}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The keys that a model was given, each of which it has.
pub(crate) struct Keys<'a>(&'a BTreeMap<String, String>);

impl<'a> Keys<'a> {
    /// Those of `model`, which has the keys `known`.
    pub(crate) fn new(
        model: &'static str,
        given: &'a BTreeMap<String, String>,
        known: &[&'static str],
    ) -> Result<Self, ConfigError> {
        match given.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(ConfigError::UnknownKey { model, key: key.clone(), known: known.to_vec() }),
            None => Ok(Keys(given)),
        }
    }

    /// What stands there, if anything does.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(String::as_str)
    }

    /// What it says, if it is there.
    pub(crate) fn value<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Result<Option<T>, ConfigError> {
        self.text(key).map(parse).transpose().map_err(|error| ConfigError::Value { key, error })
    }
}
