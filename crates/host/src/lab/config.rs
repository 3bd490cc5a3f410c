//! What a lab is made of. Plain data: it can be handed to another process as JSON.

use super::{cards::CardEntry, class::Class, lab_file, model::ModelEntry, permissions::Permissions, spec, suggest};
use crate::driver_server::ServerSettings;
use outlive::Policy;
use outlive_classes::Contract;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// What a lab is made of, as `--device`, `--lab`, `--name` and `--contract` say it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabConfig {
    /// Its name; `None` for `lab-PID`.
    pub name: Option<String>,
    /// How its devices answer for their zombies, if that was said; if not, as is usual for the class of each, but for who explores.
    #[serde(with = "contract_name", default)]
    pub contract: Option<Contract>,
    /// What becomes of the users of its devices when they are unplugged, unless a device, or an unplug, says otherwise.
    #[serde(with = "policy_name", default)]
    pub policy: Option<Policy>,
    /// Its devices, in the order in which they were named.
    pub devices: Vec<DeviceConfig>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "lowercase")]
pub enum DeviceConfig {
    /// An I2C bus.
    I2c(BusConfig),
    /// A board that a program drives from user space.
    Uio(ModelEntry),
    /// A flash.
    Mtd(ModelEntry),
    /// A TPM.
    Tpm(ModelEntry),
    /// An input device.
    Input(ModelEntry),
    /// `/dev/uinput`, by which programs make input devices.
    Uinput(ModelEntry),
    /// A card that shows pictures.
    Drm(ModelEntry),
    /// A card with flashes.
    Gpu(CardEntry),
}

impl DeviceConfig {
    /// The class of its nodes. Those of a card are its flashes'.
    pub(super) fn class(&self) -> Class {
        match self {
            DeviceConfig::I2c(_) => Class::I2c,
            DeviceConfig::Uio(_) => Class::Uio,
            DeviceConfig::Mtd(_) | DeviceConfig::Gpu(_) => Class::Mtd,
            DeviceConfig::Tpm(_) => Class::Tpm,
            DeviceConfig::Uinput(_) => Class::Uinput,
            DeviceConfig::Input(_) => Class::Input,
            DeviceConfig::Drm(_) => Class::Drm,
        }
    }

    /// What it is told, if it is one model.
    pub fn model(&self) -> Option<&ModelEntry> {
        match self {
            DeviceConfig::Uio(model)
            | DeviceConfig::Mtd(model)
            | DeviceConfig::Tpm(model)
            | DeviceConfig::Input(model)
            | DeviceConfig::Uinput(model)
            | DeviceConfig::Drm(model) => Some(model),
            DeviceConfig::I2c(_) | DeviceConfig::Gpu(_) => None,
        }
    }

    /// The 7 of `/dev/i2c-7`; `None` for the lowest that is free, and of a card, which has none.
    pub fn number(&self) -> Option<u32> {
        match self {
            DeviceConfig::I2c(bus) => bus.number,
            DeviceConfig::Uio(model)
            | DeviceConfig::Mtd(model)
            | DeviceConfig::Tpm(model)
            | DeviceConfig::Input(model)
            | DeviceConfig::Drm(model) => model.number,
            // There is one.
            DeviceConfig::Uinput(_) => Some(0),
            DeviceConfig::Gpu(_) => None,
        }
    }

    /// Whether it, or something on it, has a number of its own choice.
    pub(super) fn has_numbers(&self) -> bool {
        match self {
            DeviceConfig::Gpu(card) => card.flash.iter().any(|flash| flash.number.is_some()),
            device => device.number().is_some(),
        }
    }

    /// What becomes of its users when it is unplugged, unless the unplug says otherwise.
    pub fn policy(&self) -> Option<Policy> {
        match self {
            DeviceConfig::I2c(bus) => bus.policy,
            DeviceConfig::Uio(model)
            | DeviceConfig::Mtd(model)
            | DeviceConfig::Tpm(model)
            | DeviceConfig::Input(model)
            | DeviceConfig::Uinput(model)
            | DeviceConfig::Drm(model) => model.policy,
            DeviceConfig::Gpu(card) => card.policy,
        }
    }

    /// The server that its driver is in, if it is in another process.
    pub fn server(&self) -> Option<&ServerEntry> {
        match self {
            DeviceConfig::I2c(bus) => bus.server.as_deref(),
            device => device.model()?.server.as_deref(),
        }
    }

    /// Whether its driver is in another process.
    pub(super) fn is_served(&self) -> bool {
        self.server().is_some()
    }

    /// As [`server`](DeviceConfig::server), to be changed.
    pub fn server_mut(&mut self) -> Option<&mut ServerEntry> {
        match self {
            DeviceConfig::I2c(bus) => bus.server.as_deref_mut(),
            DeviceConfig::Uio(model)
            | DeviceConfig::Mtd(model)
            | DeviceConfig::Tpm(model)
            | DeviceConfig::Input(model)
            | DeviceConfig::Uinput(model)
            | DeviceConfig::Drm(model) => model.server.as_deref_mut(),
            DeviceConfig::Gpu(_) => None,
        }
    }

    /// A key that is there and means something only to who has the device's users.
    pub(crate) fn key_of_users(&self) -> Option<&'static str> {
        let parts = self.model().is_some_and(|model| !model.partitions.is_empty());
        let Permissions { mode, group } = self.permissions();
        let keys = [
            (self.policy().is_some(), "policy"),
            (parts, "parts"),
            (mode.is_some(), "mode"),
            (group.is_some(), "group"),
        ];
        keys.into_iter().find_map(|(is_there, key)| is_there.then_some(key))
    }

    /// Who may open its node, under `outlive serve`.
    pub fn permissions(&self) -> &Permissions {
        match self {
            DeviceConfig::I2c(bus) => &bus.permissions,
            DeviceConfig::Uio(model)
            | DeviceConfig::Mtd(model)
            | DeviceConfig::Tpm(model)
            | DeviceConfig::Input(model)
            | DeviceConfig::Uinput(model)
            | DeviceConfig::Drm(model) => &model.permissions,
            DeviceConfig::Gpu(card) => &card.permissions,
        }
    }
}

/// An I2C bus with what hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusConfig {
    /// The 7 of `/dev/i2c-7`; `None` for the lowest that is free.
    pub number: Option<u32>,
    /// What becomes of its users when it is unplugged, unless the unplug says otherwise.
    #[serde(with = "policy_name", default)]
    pub policy: Option<Policy>,
    /// The `I2C_FUNC_*` bits that the adapter is limited to; `None` for all that it can.
    #[serde(default)]
    pub functionality: Option<u32>,
    /// Who may open its node.
    #[serde(default)]
    pub permissions: Permissions,
    /// The chips.
    pub chips: Vec<ChipEntry>,
    /// The server that the adapter is in; then it has no chips of ours.
    #[serde(default)]
    pub server: Option<Box<ServerEntry>>,
}

/// A server, and where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerEntry {
    /// What it is.
    pub settings: ServerSettings,
    /// Where it was asked for: `--device i2c:server`, or `lab.toml:5:11`.
    pub place: String,
}

/// One chip on an I2C bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChipEntry {
    /// The model: `24c02`.
    pub model: String,
    /// Its address on the bus, without the read/write bit.
    pub address: u16,
    /// What is left for the driver to understand. Paths are absolute.
    pub keys: BTreeMap<String, String>,
    /// Where it was asked for: `--device i2c:24c02@0x50`, or `lab.toml:5:11`.
    pub place: String,
    /// Where the value of each key stands, `model` and `addr` among them; empty if all are at `place`.
    pub places: BTreeMap<String, String>,
}

impl ChipEntry {
    /// Where the value of `key` stands.
    pub(super) fn place_of(&self, key: &str) -> &str {
        self.places.get(key).unwrap_or(&self.place)
    }
}

/// What names devices on a command line; their order there counts, since devices without a number take the lowest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `--device SPEC`
    Spec(String),
    /// `--lab FILE`
    File(PathBuf),
}

/// Something in a SPEC or a lab file that cannot be: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    place: String,
    message: String,
}

impl ConfigError {
    pub(super) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        ConfigError { place: place.into(), message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for ConfigError {}

impl LabConfig {
    /// Puts together what a command line says. `name` and `contract` win over those of a lab file.
    ///
    /// # Errors
    /// What is wrong, where, and what to do about it. A lab has at least one device.
    pub fn new(sources: &[Source], name: Option<&str>, contract: Option<&str>) -> Result<Self, ConfigError> {
        let mut lab = LabConfig::default();
        let mut said = Said::default();
        for source in sources {
            match source {
                Source::Spec(text) => lab.add(spec::parse(text, &format!("--device {text}"))?),
                Source::File(path) => {
                    let file = lab_file::read(path)?;
                    said.take(file.name, file.contract, file.policy)?;
                    file.devices.into_iter().for_each(|device| lab.add(device));
                }
            }
        }
        lab.contract = match contract {
            Some(text) => Some(parse_contract(text, "--contract")?),
            None => said.contract.map(|(contract, _)| contract),
        };
        lab.policy = said.policy.map(|(policy, _)| policy);
        lab.name = match name {
            Some(text) => Some(parse_name(text, "--name")?),
            None => said.name.map(|(name, _)| name),
        };
        if lab.devices.is_empty() {
            let message = "it has no device; add one with --device SPEC (such as i2c:24c02@0x50,bus=7) or --lab FILE";
            return Err(ConfigError::new("the lab", message));
        }
        Ok(lab)
    }

    /// The contract to explore under: the one that was said. If none was, linux, since a fault that is found should be one
    /// that users can meet; but strict if that has not been measured for a class among the devices, or lets every call go
    /// on as if nothing had happened, so that there would be nothing to find. That is also why it is never quiet, which is
    /// usual for cards.
    pub fn contract_to_explore(&self) -> Contract {
        let says = |device: &DeviceConfig| device.class().linux_says();
        let fits = |device| says(device).measured && says(device).noticeable;
        let by_default = match !self.devices.is_empty() && self.devices.iter().all(fits) {
            true => Contract::Linux,
            false => Contract::Strict,
        };
        self.contract.unwrap_or(by_default)
    }

    /// Whether, under `contract`, no call on any of its devices fails because they have gone.
    pub fn conceals(&self, contract: Contract) -> bool {
        contract == Contract::Linux && self.devices.iter().all(|device| !device.class().linux_says().noticeable)
    }

    /// Adds a device. Buses with one number are one bus.
    fn add(&mut self, device: DeviceConfig) {
        let DeviceConfig::I2c(more) = device else { return self.devices.push(device) };
        let same = self.devices.iter_mut().find_map(|old| match old {
            // An adapter that is in a server is whole.
            DeviceConfig::I2c(old) if old.server.is_some() || more.server.is_some() => None,
            DeviceConfig::I2c(old) if more.number.is_some() && old.number == more.number => Some(old),
            _ => None,
        });
        match same {
            Some(bus) => {
                bus.chips.extend(more.chips);
                bus.policy = more.policy.or(bus.policy);
                bus.functionality = more.functionality.or(bus.functionality);
                bus.permissions = std::mem::take(&mut bus.permissions).overridden_by(more.permissions);
            }
            None => self.devices.push(DeviceConfig::I2c(more)),
        }
    }
}

/// What lab files say of the lab as a whole, and which said it first.
#[derive(Default)]
struct Said {
    name: Option<(String, String)>,
    contract: Option<(Contract, String)>,
    policy: Option<(Policy, String)>,
}

impl Said {
    fn take(
        &mut self,
        name: Option<(String, String)>,
        contract: Option<(Contract, String)>,
        policy: Option<(Policy, String)>,
    ) -> Result<(), ConfigError> {
        agree(&mut self.name, name, "name", "--name")?;
        agree(&mut self.policy, policy, "policy", "`policy` of each device")?;
        agree(&mut self.contract, contract, "contract", "--contract")
    }
}

fn agree<T: PartialEq>(
    first: &mut Option<(T, String)>,
    second: Option<(T, String)>,
    key: &str,
    option: &str,
) -> Result<(), ConfigError> {
    match (&first, second) {
        (Some((old, before)), Some((new, place))) if *old != new => {
            let message = format!("another {key} than at {before}; a lab has one, and {option} would say which");
            Err(ConfigError::new(place, message))
        }
        (Some(_), _) => Ok(()),
        (None, second) => {
            *first = second;
            Ok(())
        }
    }
}

/// A contract by its name.
pub(super) fn parse_contract(text: &str, place: &str) -> Result<Contract, ConfigError> {
    text.parse().map_err(|_| {
        let names = Contract::ALL.map(Contract::name);
        ConfigError::new(place, format!("unknown contract `{text}`; {}", suggest::known(text, &names)))
    })
}

/// A policy by its name.
pub(super) fn parse_policy(text: &str) -> Result<Policy, String> {
    let names = Policy::ALL.map(Policy::name);
    text.parse().map_err(|_| format!("unknown policy `{text}`; {}", suggest::known(text, &names)))
}

/// A lab's name. It becomes part of a socket's name, and is typed in shells.
pub(super) fn parse_name(text: &str, place: &str) -> Result<String, ConfigError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('-') {
        return Ok(text.to_owned());
    }
    let message = format!("`{text}` cannot name a lab; use 1 to 64 of A-Z a-z 0-9 . _ -, the first not a -");
    Err(ConfigError::new(place, message))
}

pub(super) mod policy_name {
    use super::Policy;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde hands over the field")]
    pub(in crate::lab) fn serialize<S: Serializer>(policy: &Option<Policy>, serializer: S) -> Result<S::Ok, S::Error> {
        match policy {
            Some(policy) => serializer.serialize_some(policy.name()),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::lab) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Policy>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::parse_policy(&text).map_err(D::Error::custom)).transpose()
    }
}

mod contract_name {
    use super::Contract;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(contract: &Option<Contract>, serializer: S) -> Result<S::Ok, S::Error> {
        contract.map(Contract::name).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Contract>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::parse_contract(&text, "contract").map_err(D::Error::custom)).transpose()
    }
}
