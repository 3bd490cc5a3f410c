//! What a lab is told of TPMs.

use super::{
    config::{ConfigError, ServerEntry, policy_name},
    permissions::Permissions,
};
use crate::swtpm::SwtpmConfig;
use outlive::Policy;
use outlive_classes::tpm::Tpm;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A TPM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TpmEntry {
    /// The 0 of `/dev/tpm0`; `None` for the lowest that is free.
    pub number: Option<u32>,
    /// What becomes of its users when it is unplugged, unless the unplug says otherwise.
    #[serde(with = "policy_name", default)]
    pub policy: Option<Policy>,
    /// Who may open its node.
    #[serde(default)]
    pub permissions: Permissions,
    /// The model: `swtpm`.
    pub model: String,
    /// What is left for the driver to understand. Paths are absolute.
    pub keys: BTreeMap<String, String>,
    /// The server that it is in; then there is no model of ours.
    #[serde(default)]
    pub server: Option<Box<ServerEntry>>,
    /// Where it was asked for: `--device tpm:swtpm,state=DIR`, or `lab.toml:5:11`.
    pub place: String,
    /// Where the value of each key stands, `model` among them; empty if all are at `place`.
    pub places: BTreeMap<String, String>,
}

impl TpmEntry {
    /// Makes the TPM. Its state is taken for as long as that lives.
    pub(super) fn build(&self) -> Result<Box<dyn Tpm>, ConfigError> {
        let config = SwtpmConfig { model: &self.model, keys: &self.keys };
        match config.build() {
            Ok(tpm) => Ok(Box::new(tpm)),
            Err(refused) => {
                let place = self.places.get(&refused.key).unwrap_or(&self.place);
                Err(ConfigError::new(place, refused.to_string()))
            }
        }
    }
}
