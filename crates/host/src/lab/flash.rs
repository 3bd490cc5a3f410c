//! What a lab is told of flashes, and of cards that carry them.

use super::{
    config::{ServerEntry, policy_name},
    partitions::PartitionEntry,
    permissions::Permissions,
};
use outlive::Policy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An mtd flash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlashEntry {
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
    /// Its parts, each of which is a device, too.
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

impl FlashEntry {
    /// Where the value of `key` stands.
    pub(super) fn place_of(&self, key: &str) -> &str {
        self.places.get(key).unwrap_or(&self.place)
    }
}

/// A card that carries flashes, such as a GPU: a device without a node, which comes, goes and is reset with all that is on
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardEntry {
    /// What it is called: `gpu0`.
    pub name: String,
    /// What becomes of the users of what is on it when it is unplugged, unless the unplug says otherwise.
    #[serde(with = "policy_name", default)]
    pub policy: Option<Policy>,
    /// Who may open nodes of it: it has none.
    #[serde(default)]
    pub permissions: Permissions,
    /// What is on it.
    pub flash: Vec<FlashEntry>,
    /// Where it was asked for.
    pub place: String,
}
