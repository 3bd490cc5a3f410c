//! What a lab is told of cards that show pictures.

use super::{
    config::{ConfigError, policy_name},
    permissions::Permissions,
    suggest,
};
use outlive::Policy;
use outlive_classes::drm::Driver;
use outlive_drivers::{
    clock::Clock,
    drm::{CardConfig, ConfigError as Refused},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// A card with displays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisplayEntry {
    /// The 0 of `/dev/dri/card0`; `None` for the lowest that is free.
    pub number: Option<u32>,
    /// What becomes of its users when it is unplugged, unless the unplug says otherwise.
    #[serde(with = "policy_name", default)]
    pub policy: Option<Policy>,
    /// Who may open its node.
    #[serde(default)]
    pub permissions: Permissions,
    /// The model: `virtual`.
    pub model: String,
    /// What is left for the driver to understand.
    pub keys: BTreeMap<String, String>,
    /// Where it was asked for: `--device drm:virtual`, or `lab.toml:5:11`.
    pub place: String,
    /// Where the value of each key stands, `model` among them; empty if all are at `place`.
    pub places: BTreeMap<String, String>,
}

/// Whether a `mode` is what displays are made for (`1280x800`), and not who may open a node (`0660`).
pub(super) fn is_display_mode(text: &str) -> bool {
    text.contains('x')
}

impl DisplayEntry {
    /// Makes the card.
    pub(super) fn build(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Driver>, ConfigError> {
        let config = CardConfig { model: self.model.clone(), keys: self.keys.clone() };
        config.build(clock).map_err(|refused| {
            let (place, why) = (self.places.get(refused.key()).unwrap_or(&self.place), refused.to_string());
            match refused {
                Refused::UnknownKey { key, .. } => {
                    let ours = suggest::known(&key, &["num", "policy", "mode", "group"]);
                    ConfigError::new(place, format!("{why}; of every card: {ours}"))
                }
                _ => ConfigError::new(place, why),
            }
        })
    }
}
