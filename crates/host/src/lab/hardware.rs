//! Makes the hardware that a configuration asks for.

use super::{
    config::{BusConfig, ChipEntry, ConfigError, DeviceConfig, ServerEntry},
    display, input,
    model::ModelEntry,
    partitions,
    served::Server,
    tpm,
};
use crate::driver_server::{Link, RemoteAdapter, RemoteFlash, RemoteTpm};
use outlive_classes::{Hardware, i2c::Adapter, mtd, tpm::Tpm, uio};
use outlive_drivers::{
    clock::Clock,
    i2c::{Bus, ChipConfig, ConfigError as Refused},
    mtd::{self as mtd_models, FlashConfig},
    uio::BoardConfig,
};
use outlive_protocol::{Class, Hello};
use std::sync::Arc;

/// Whether there can be such a device: makes it and drops it.
pub(super) fn check(device: &DeviceConfig, clock: &Arc<dyn Clock>) -> Result<(), ConfigError> {
    match device {
        // What a server says it says when it is there.
        device if device.is_served() => Ok(()),
        DeviceConfig::I2c(bus) => adapter(bus, clock.clone()).map(drop),
        DeviceConfig::Uio(entry) => board(entry, clock.clone()).map(drop),
        DeviceConfig::Mtd(entry) => flash(entry, clock.clone()).map(drop),
        DeviceConfig::Tpm(entry) => tpm::build(entry).map(drop),
        DeviceConfig::Input(entry) => input::build(entry, clock.clone()).map(drop),
        DeviceConfig::Uinput(entry) => input::check_uinput(entry),
        DeviceConfig::Drm(entry) => display::build(entry, clock.clone()).map(drop),
        DeviceConfig::Gpu(card) => card
            .flash
            .iter()
            .filter(|entry| entry.server.is_none())
            .try_for_each(|entry| flash(entry, clock.clone()).map(drop)),
    }
}

/// What a device is, by itself: without what a lab makes of it.
pub(crate) fn make(device: &DeviceConfig, clock: Arc<dyn Clock>) -> Result<Hardware, ConfigError> {
    match device {
        device if device.is_served() => {
            Err(ConfigError::new("this server", "its driver would be in another server; serve the driver itself"))
        }
        DeviceConfig::I2c(bus) => adapter(bus, clock).map(Hardware::I2c),
        DeviceConfig::Uio(entry) => board(entry, clock).map(Hardware::Uio),
        DeviceConfig::Mtd(entry) => flash(entry, clock).map(|(flash, _)| Hardware::Mtd(flash)),
        DeviceConfig::Tpm(entry) => tpm::build(entry).map(Hardware::Tpm),
        DeviceConfig::Input(entry) => input::build(entry, clock).map(Hardware::Input),
        DeviceConfig::Drm(entry) => display::build(entry, clock).map(Hardware::Drm),
        DeviceConfig::Uinput(entry) => Err(ConfigError::new(
            &entry.place,
            "programs make devices by it, where they are; it has no driver to serve",
        )),
        DeviceConfig::Gpu(card) => {
            Err(ConfigError::new(&card.place, "a card is several devices; serve its flash one by one"))
        }
    }
}

/// A uio board.
pub(super) fn board(entry: &ModelEntry, clock: Arc<dyn Clock>) -> Result<Box<dyn uio::Driver>, ConfigError> {
    let config = BoardConfig { model: entry.model.clone(), keys: entry.keys.clone() };
    config.build(clock).map_err(|refused| entry.error(refused.key(), &refused))
}

/// A flash, and which parts of it are devices of their own.
pub(super) fn flash(
    entry: &ModelEntry,
    clock: Arc<dyn Clock>,
) -> Result<(Box<dyn mtd::Flash>, Vec<mtd::PartitionSpec>), ConfigError> {
    let config = FlashConfig { model: entry.model.clone(), keys: entry.keys.clone() };
    let refused = |refused: mtd_models::ConfigError| match &refused {
        mtd_models::ConfigError::UnknownKey { key, .. } => {
            entry.unknown_key(key, &refused, "flash", &["num", "parts", "policy", "mode", "group"])
        }
        _ => entry.error(refused.key(), &refused),
    };
    let flash = config.build(clock).map_err(refused)?;
    let parts = partitions::parts(&entry.partitions, &flash.geometry())?;
    Ok((flash, parts))
}

/// The server of an adapter; `limit`: the `I2C_FUNC_*` bits that it is limited to.
pub(super) fn adapter_server(entry: &ServerEntry, limit: Option<u32>) -> Server<'_> {
    let limit = limit.unwrap_or(u32::MAX);
    let maker = move |link: Arc<Link>, hello: Hello| {
        let adapter: Box<dyn Adapter> = Box::new(RemoteAdapter::new(link, hello, limit)?);
        Some(Hardware::I2c(adapter))
    };
    Server { class: Class::I2c, settings: &entry.settings, place: &entry.place, maker: Arc::new(maker) }
}

/// The server of a flash.
pub(super) fn flash_server(entry: &ServerEntry) -> Server<'_> {
    let maker = |link: Arc<Link>, hello: Hello| {
        let flash: Box<dyn mtd::Flash> = Box::new(RemoteFlash::new(link, hello)?);
        Some(Hardware::Mtd(flash))
    };
    Server { class: Class::Mtd, settings: &entry.settings, place: &entry.place, maker: Arc::new(maker) }
}

/// The server of a TPM.
pub(super) fn tpm_server(entry: &ServerEntry) -> Server<'_> {
    let maker = |link: Arc<Link>, hello: Hello| {
        let tpm: Box<dyn Tpm> = Box::new(RemoteTpm::new(link, &hello)?);
        Some(Hardware::Tpm(tpm))
    };
    Server { class: Class::Tpm, settings: &entry.settings, place: &entry.place, maker: Arc::new(maker) }
}

/// The adapter of an i2c bus, with its chips.
pub(super) fn adapter(config: &BusConfig, clock: Arc<dyn Clock>) -> Result<Box<dyn Adapter>, ConfigError> {
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
