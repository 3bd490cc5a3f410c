//! What a lab says about the chips of a bus, and everything that can be wrong with it.

use super::{
    bus::Slot,
    eeprom::{self, Eeprom},
    lm75::Lm75,
    registers::RegisterChip,
    sram::Sram,
    tmp102::Tmp102,
};
use crate::value::{self, ValueError};
use outlive_classes::i2c::Claim;
use std::{collections::BTreeMap, fmt, path::Path};

/// One chip of a bus: `24c02@0x50,file=eeprom.bin,twr=5ms`.
///
/// Keys of every chip: `slow=DURATION` (a transfer that touches it takes that long), `claimed=true` (a driver in the
/// kernel would have claimed it, so `I2C_SLAVE` says EBUSY). Keys of EEPROMs: `file=PATH`, `twr=DURATION`, `wp=true`.
/// Keys of the sensors: `temp=` in degrees Celsius.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChipConfig {
    /// What it is: one of [`known_models`].
    pub model: String,
    /// Its 7-bit address; the first, if it answers to several.
    pub address: u16,
    /// Everything else, by name.
    pub keys: BTreeMap<String, String>,
}

impl fmt::Display for ChipConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#04x}", self.model, self.address)
    }
}

/// Addresses that a chip can have. Those outside are reserved by the I2C specification.
const FIRST_ADDRESS: u16 = 0x03;
const LAST_ADDRESS: u16 = 0x77;

const EVERY_CHIP: [&str; 2] = ["claimed", "slow"];

/// Something that a lab said about a bus cannot be. The text says what, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such model.
    UnknownModel {
        /// What was asked for.
        model: String,
    },
    /// A chip has no such key.
    UnknownKey {
        /// Which chip.
        chip: String,
        /// The key.
        key: String,
        /// The keys that it has.
        known: Vec<&'static str>,
    },
    /// The value of a key is not one.
    Value {
        /// Which chip.
        chip: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        error: ValueError,
    },
    /// The value of a key is one that this chip cannot have.
    Range {
        /// Which chip.
        chip: String,
        /// The key.
        key: String,
        /// What it can be.
        allowed: String,
    },
    /// A chip cannot have this address.
    Address {
        /// Which chip.
        chip: String,
        /// Which it can have.
        allowed: String,
    },
    /// Two chips answer to one address.
    Conflict {
        /// The address.
        address: u16,
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// The file that keeps a chip's content cannot.
    File {
        /// Which chip.
        chip: String,
        /// The file.
        path: String,
        /// Why not, and what to do.
        why: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::UnknownModel { model } => {
                let known: Vec<_> = known_models().collect();
                write!(f, "there is no chip {model:?}; known chips: {}", known.join(", "))
            }
            ConfigError::UnknownKey { chip, key, known } => {
                write!(f, "{chip} has no key {key:?}; its keys: {}", known.join(", "))
            }
            ConfigError::Value { chip, key, error } => write!(f, "{chip}, key {key:?}: {error}"),
            ConfigError::Range { chip, key, allowed } => write!(f, "{chip}, key {key:?}: {allowed}"),
            ConfigError::Address { chip, allowed } => write!(f, "{chip}: {allowed}"),
            ConfigError::Conflict { address, first, second } => write!(
                f,
                "{first} and {second} both answer to {address:#04x}; give one of them another address or another bus"
            ),
            ConfigError::File { chip, path, why } => write!(f, "{chip}, file {path:?}: {why}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The models that a [`ChipConfig`] can name.
pub fn known_models() -> impl Iterator<Item = &'static str> {
    eeprom::GEOMETRIES.iter().map(|geometry| geometry.name).chain(["lm75", "pcf8570", "tmp102"])
}

enum Model {
    Eeprom(&'static eeprom::Geometry),
    Lm75,
    Sram,
    Tmp102,
}

impl Model {
    fn find(name: &str) -> Option<Model> {
        match name.to_ascii_lowercase().as_str() {
            "lm75" => Some(Model::Lm75),
            "pcf8570" => Some(Model::Sram),
            "tmp102" => Some(Model::Tmp102),
            name => eeprom::GEOMETRIES.iter().find(|geometry| geometry.name == name).map(Model::Eeprom),
        }
    }

    /// How many bus addresses it answers to.
    fn addresses(&self) -> u16 {
        match self {
            Model::Eeprom(geometry) => geometry.addresses,
            Model::Lm75 | Model::Sram | Model::Tmp102 => 1,
        }
    }

    /// The chip at `address` in the hands of the kernel's own driver: `drivers/misc/eeprom/at24.c`,
    /// `drivers/hwmon/lm75.c` and `tmp102.c`.
    fn claim(&self, address: u16) -> Claim {
        let (chip, driver) = match self {
            Model::Eeprom(geometry) => (geometry.name, "at24"),
            Model::Lm75 => ("lm75", "lm75"),
            // No driver of the kernel's is for it; at24 is the nearest.
            Model::Sram => ("pcf8570", "at24"),
            Model::Tmp102 => ("tmp102", "tmp102"),
        };
        Claim { address, chip: chip.to_owned(), driver: driver.into() }
    }

    /// Its keys besides those of every chip.
    fn keys(&self) -> &'static [&'static str] {
        match self {
            Model::Eeprom(_) => &["file", "twr", "wp"],
            Model::Sram => &[],
            Model::Lm75 | Model::Tmp102 => &["temp"],
        }
    }
}

impl ChipConfig {
    /// Makes the chip.
    pub(super) fn build(&self) -> Result<Slot, ConfigError> {
        let model = Model::find(&self.model).ok_or_else(|| ConfigError::UnknownModel { model: self.model.clone() })?;
        self.check_keys(&model)?;
        self.check_address(model.addresses())?;
        let slow = self.value("slow", value::parse_duration)?.unwrap_or_default();
        let claimed = self.value("claimed", value::parse_flag)?.unwrap_or(false).then(|| model.claim(self.address));
        let chip: Box<dyn super::Chip> = match &model {
            Model::Eeprom(geometry) => Box::new(self.eeprom(geometry)?),
            Model::Sram => Box::new(Sram::new()),
            Model::Lm75 => Box::new(RegisterChip::new(Lm75::new(self.temperature(-55_000, 125_000)?))),
            Model::Tmp102 => Box::new(RegisterChip::new(Tmp102::new(self.temperature(-55_000, 150_000)?))),
        };
        let addresses = self.address..=self.address + model.addresses() - 1;
        Ok(Slot { name: self.to_string(), addresses, slow, claimed, chip })
    }

    fn eeprom(&self, geometry: &'static eeprom::Geometry) -> Result<Eeprom, ConfigError> {
        let mut eeprom = Eeprom::new(geometry, self.address);
        eeprom.set_write_cycle(self.value("twr", value::parse_duration)?.unwrap_or_default());
        eeprom.set_write_protected(self.value("wp", value::parse_flag)?.unwrap_or(false));
        if let Some(path) = self.keys.get("file") {
            let error = |why| ConfigError::File { chip: self.to_string(), path: path.clone(), why };
            eeprom.keep_in(Path::new(path)).map_err(error)?;
        }
        Ok(eeprom)
    }

    /// `temp`, in thousandths of a degree Celsius.
    fn temperature(&self, lowest: i32, highest: i32) -> Result<i32, ConfigError> {
        let temperature = self.value("temp", value::parse_thousandths)?.unwrap_or(25_000);
        if (lowest..=highest).contains(&temperature) {
            return Ok(temperature);
        }
        let allowed = format!("measures from {} to {} degrees Celsius", lowest / 1000, highest / 1000);
        Err(ConfigError::Range { chip: self.to_string(), key: "temp".to_owned(), allowed })
    }

    fn value<T>(&self, key: &str, parse: fn(&str) -> Result<T, ValueError>) -> Result<Option<T>, ConfigError> {
        let error = |error| ConfigError::Value { chip: self.to_string(), key: key.to_owned(), error };
        self.keys.get(key).map(|text| parse(text)).transpose().map_err(error)
    }

    fn check_keys(&self, model: &Model) -> Result<(), ConfigError> {
        let mut known = [&EVERY_CHIP, model.keys()].concat();
        known.sort_unstable();
        match self.keys.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(ConfigError::UnknownKey { chip: self.to_string(), key: key.clone(), known }),
            None => Ok(()),
        }
    }

    fn check_address(&self, addresses: u16) -> Result<(), ConfigError> {
        let last = self.address.saturating_add(addresses - 1);
        let allowed = if self.address < FIRST_ADDRESS || last > LAST_ADDRESS {
            format!("a chip's address is from {FIRST_ADDRESS:#04x} to {LAST_ADDRESS:#04x}; most EEPROMs are at 0x50")
        } else if !self.address.is_multiple_of(addresses) {
            let near = self.address / addresses * addresses;
            format!(
                "answers to {addresses} addresses in a row, the first of which is a multiple of {addresses}: {near:#04x}"
            )
        } else {
            return Ok(());
        };
        Err(ConfigError::Address { chip: self.to_string(), allowed })
    }
}
