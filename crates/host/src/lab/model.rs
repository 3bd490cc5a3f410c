//! What a lab is told of a device that is one model: of all but buses, which have chips, and cards.

use super::{
    config::{ConfigError, ServerEntry, policy_name},
    partitions::PartitionEntry,
    permissions::Permissions,
    suggest,
};
use outlive::Policy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A device of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The 0 of `/dev/mtd0`; `None` for the lowest that is free.
    pub number: Option<u32>,
    /// What becomes of its users when it is unplugged, unless the unplug says otherwise.
    #[serde(with = "policy_name", default)]
    pub policy: Option<Policy>,
    /// Who may open its node.
    #[serde(default)]
    pub permissions: Permissions,
    /// The model: `nor`.
    pub model: String,
    /// What is left for the driver to understand. Paths are absolute.
    pub keys: BTreeMap<String, String>,
    /// The parts of a flash, each of which is a device, too.
    #[serde(default)]
    pub partitions: Vec<PartitionEntry>,
    /// The server that it is in; then there is no model of ours.
    #[serde(default)]
    pub server: Option<Box<ServerEntry>>,
    /// Where it was asked for: `--device mtd:nor`, or `lab.toml:5:11`.
    pub place: String,
    /// Where the value of each key stands, `model` among them; empty if all are at `place`.
    pub places: BTreeMap<String, String>,
}

impl ModelEntry {
    /// What is wrong with the value of `key`.
    pub(super) fn error(&self, key: &str, why: impl ToString) -> ConfigError {
        ConfigError::new(self.places.get(key).unwrap_or(&self.place), why.to_string())
    }

    /// The driver does not know `key`, for that reason; every `noun` of the lab knows `ours`.
    pub(super) fn unknown_key(&self, key: &str, why: impl ToString, noun: &str, ours: &[&str]) -> ConfigError {
        self.error(key, format!("{}; of every {noun}: {}", why.to_string(), suggest::known(key, ours)))
    }
}
