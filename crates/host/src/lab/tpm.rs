//! Makes the TPM that a lab is told of.

use super::{config::ConfigError, model::ModelEntry};
use crate::swtpm::SwtpmConfig;
use outlive_classes::tpm::Tpm;

/// Its state is taken for as long as it lives.
pub(super) fn build(entry: &ModelEntry) -> Result<Box<dyn Tpm>, ConfigError> {
    let config = SwtpmConfig { model: &entry.model, keys: &entry.keys };
    match config.build() {
        Ok(tpm) => Ok(Box::new(tpm)),
        Err(refused) => Err(entry.error(&refused.key, &refused)),
    }
}
