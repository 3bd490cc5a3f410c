//! Makes the card with displays that a lab is told of.

use super::{config::ConfigError, model::ModelEntry};
use outlive_classes::drm::Driver;
use outlive_drivers::{
    clock::Clock,
    drm::{CardConfig, ConfigError as Refused},
};
use std::sync::Arc;

/// Whether a `mode` is what displays are made for (`1280x800`), and not who may open a node (`0660`).
pub(super) fn is_display_mode(text: &str) -> bool {
    text.contains('x')
}

/// The card.
pub(super) fn build(entry: &ModelEntry, clock: Arc<dyn Clock>) -> Result<Box<dyn Driver>, ConfigError> {
    let config = CardConfig { model: entry.model.clone(), keys: entry.keys.clone() };
    config.build(clock).map_err(|refused| match &refused {
        Refused::UnknownKey { key, .. } => {
            entry.unknown_key(key, &refused, "card", &["num", "policy", "mode", "group"])
        }
        _ => entry.error(refused.key(), &refused),
    })
}
