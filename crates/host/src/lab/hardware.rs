//! Makes the hardware that a configuration asks for.

use super::config::{BoardEntry, BusConfig, ChipEntry, ConfigError, DeviceConfig};
use outlive_classes::{Hardware, i2c::Adapter, uio};
use outlive_drivers::{
    clock::Clock,
    i2c::{Bus, ChipConfig, ConfigError as Refused},
    uio::BoardConfig,
};
use std::sync::Arc;

/// The hardware of a device.
pub(super) fn make(device: &DeviceConfig, clock: Arc<dyn Clock>) -> Result<Hardware, ConfigError> {
    match device {
        DeviceConfig::I2c(bus) => adapter(bus, clock).map(Hardware::I2c),
        DeviceConfig::Uio(entry) => board(entry, clock).map(Hardware::Uio),
    }
}

fn board(entry: &BoardEntry, clock: Arc<dyn Clock>) -> Result<Box<dyn uio::Driver>, ConfigError> {
    let config = BoardConfig { model: entry.model.clone(), keys: entry.keys.clone() };
    config.build(clock).map_err(|refused| ConfigError::new(entry.place_of(refused.key()), refused.to_string()))
}

/// The adapter of an i2c bus, with its chips.
fn adapter(config: &BusConfig, clock: Arc<dyn Clock>) -> Result<Box<dyn Adapter>, ConfigError> {
    let chips: Vec<_> = config.chips.iter().map(chip).collect();
    match Bus::new(&chips, clock) {
        Ok(bus) => Ok(Box::new(bus.limited_to(config.functionality.unwrap_or(u32::MAX)))),
        Err(refused) => Err(ConfigError::new(place(&config.chips, &refused), refused.to_string())),
    }
}

fn chip(entry: &ChipEntry) -> ChipConfig {
    ChipConfig { model: entry.model.clone(), address: entry.address, keys: entry.keys.clone() }
}

/// Where the text stands that a driver refused. The driver names the chip; the entry knows where it came from.
fn place(chips: &[ChipEntry], refused: &Refused) -> String {
    let named = |name: &String, key: &str| {
        let entry = chips.iter().rev().find(|entry| chip(entry).to_string() == *name)?;
        Some(entry.place_of(key).to_owned())
    };
    let place = match refused {
        Refused::UnknownModel { model } => {
            chips.iter().find(|entry| entry.model == *model).map(|entry| entry.place_of("model").to_owned())
        }
        Refused::UnknownKey { chip, key, .. } | Refused::Value { chip, key, .. } | Refused::Range { chip, key, .. } => {
            named(chip, key)
        }
        Refused::Address { chip, .. } => named(chip, "addr"),
        Refused::Conflict { second, .. } => named(second, "addr"),
        Refused::File { chip, .. } => named(chip, "file"),
        _ => None,
    };
    place.unwrap_or_else(|| "the lab".to_owned())
}
