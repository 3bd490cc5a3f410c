//! SPEC, one device in one word: `CLASS:MODEL[@ADDR][,KEY=VALUE]...`, such as `i2c:24c02@0x50,bus=7`.

use super::{
    class::Class,
    config::{BoardEntry, BusConfig, ChipEntry, ConfigError, DeviceConfig, ServerEntry, parse_policy},
    display::{self, DisplayEntry},
    flash::FlashEntry,
    input::InputEntry,
    partitions,
    permissions::{Permissions, parse_group, parse_mode},
    suggest,
    tpm::TpmEntry,
};
use crate::driver_server::ServerSettings;
use outlive_drivers::value;
use std::{collections::BTreeMap, path::Path};

/// The keys that are names of files and directories.
const PATHS: [&str; 5] = ["file", "script", "state", "socket", "writes"];
/// The model that stands for a driver in another process.
pub(super) const SERVER: &str = "server";

/// Reads `text`; an error says that it is at `place`. Relative paths are relative to the working directory.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn parse(text: &str, place: &str) -> Result<DeviceConfig, ConfigError> {
    let error = |message: String| ConfigError::new(place, message);
    let Some((class, rest)) = text.split_once(':') else {
        return Err(error("not a SPEC; write CLASS:MODEL[@ADDR][,KEY=VALUE]..., such as i2c:24c02@0x50,bus=7".into()));
    };
    if class == "gpu" {
        return Err(error("a gpu is described in a lab file: class = \"gpu\", name = \"gpu0\", flash = [ … ]".into()));
    }
    let class = check_class(class, &[]).map_err(error)?;
    let mut parts = rest.split(',');
    let what = parts.next().unwrap_or_default();
    let (model, address) = what.split_once('@').map_or((what, None), |(model, address)| (model, Some(address)));
    if model.is_empty() {
        return Err(error(format!("which model? write CLASS:MODEL, such as {}", example(class))));
    }
    let model = model.to_owned();
    let (place, places) = (place.to_owned(), BTreeMap::new());
    let device = |keys: &mut BTreeMap<String, String>| {
        let number = take_number(class, keys)?;
        let policy = keys.remove("policy").map(|text| parse_policy(&text)).transpose()?;
        let base = std::env::current_dir().map_err(|why| format!("no working directory: {why}"))?;
        absolute_paths(keys, &base)?;
        let mode = keys.remove("mode").map(|text| parse_mode(&text)).transpose()?;
        let group = keys.remove("group").map(|text| parse_group(&text)).transpose()?;
        Ok((number, policy, Permissions { mode, group }))
    };
    match class {
        Class::I2c if model == SERVER => {
            no_address("server", address).map_err(error)?;
            let mut keys = parse_keys(class, parts).map_err(error)?;
            let (number, policy, permissions) = device(&mut keys).map_err(error)?;
            let functionality = keys.remove("functionality").map(|text| parse_functionality(&text));
            let functionality = functionality.transpose().map_err(error)?;
            let server = served(&model, &mut keys, &place).map_err(error)?;
            let chips = Vec::new();
            Ok(DeviceConfig::I2c(BusConfig { number, policy, functionality, permissions, chips, server }))
        }
        Class::I2c => {
            let missing = || error(format!("which address? write it after the model: i2c:{model}@0x50"));
            let address = parse_address(address.ok_or_else(missing)?).map_err(error)?;
            let mut keys = parse_keys(class, parts).map_err(error)?;
            let (number, policy, permissions) = device(&mut keys).map_err(error)?;
            let functionality = keys.remove("functionality").map(|text| parse_functionality(&text));
            let functionality = functionality.transpose().map_err(error)?;
            let chip = ChipEntry { model, address, keys, place, places };
            Ok(DeviceConfig::I2c(BusConfig {
                number,
                policy,
                functionality,
                permissions,
                chips: vec![chip],
                server: None,
            }))
        }
        Class::Uio => {
            no_address("board", address).map_err(error)?;
            let mut keys = parse_keys(class, parts).map_err(error)?;
            let (number, policy, permissions) = device(&mut keys).map_err(error)?;
            Ok(DeviceConfig::Uio(BoardEntry { number, policy, permissions, model, keys, place, places }))
        }
        Class::Mtd => {
            no_address("flash", address).map_err(error)?;
            let mut keys = parse_keys(class, parts).map_err(error)?;
            let (number, policy, permissions) = device(&mut keys).map_err(error)?;
            let partitions = keys.remove("parts").map(|text| partitions::parse(&text, &place));
            let partitions = partitions.transpose().map_err(error)?.unwrap_or_default();
            let server = served(&model, &mut keys, &place).map_err(error)?;
            let flash = FlashEntry { number, policy, permissions, model, keys, partitions, server, place, places };
            Ok(DeviceConfig::Mtd(flash))
        }
        Class::Tpm => {
            no_address("tpm", address).map_err(error)?;
            let mut keys = parse_keys(class, parts).map_err(error)?;
            let (number, policy, permissions) = device(&mut keys).map_err(error)?;
            let server = served(&model, &mut keys, &place).map_err(error)?;
            Ok(DeviceConfig::Tpm(TpmEntry { number, policy, permissions, model, keys, server, place, places }))
        }
        Class::Input => {
            if let Some(address) = address {
                return Err(error(format!("an input device has no address; leave out `@{address}`")));
            }
            let mut keys = parse_keys(class, parts).map_err(error)?;
            let (number, policy, permissions) = device(&mut keys).map_err(error)?;
            Ok(DeviceConfig::Input(InputEntry { number, policy, permissions, model, keys, place, places }))
        }
        Class::Drm => {
            no_address("card", address).map_err(error)?;
            let mut keys = parse_keys(class, parts).map_err(error)?;
            // What its displays are made for has the same name as who may open its node.
            let shown =
                keys.extract_if(.., |key, mode| key == "mode" && display::is_display_mode(mode)).collect::<Vec<_>>();
            let (number, policy, permissions) = device(&mut keys).map_err(error)?;
            keys.extend(shown);
            Ok(DeviceConfig::Drm(DisplayEntry { number, policy, permissions, model, keys, place, places }))
        }
    }
}

/// The server that the model of a device stands for, of all its keys; `None` if it is a model of ours.
fn served(model: &str, keys: &mut BTreeMap<String, String>, place: &str) -> Result<Option<Box<ServerEntry>>, String> {
    if model != SERVER {
        return Ok(None);
    }
    let settings = ServerSettings::parse(std::mem::take(keys), None).map_err(|wrong| wrong.why)?;
    Ok(Some(Box::new(ServerEntry { settings, place: place.to_owned() })))
}

fn no_address(what: &str, address: Option<&str>) -> Result<(), String> {
    address.map_or(Ok(()), |address| Err(format!("a {what} has no address; leave out `@{address}`")))
}

/// A SPEC of that class.
const fn example(class: Class) -> &'static str {
    match class {
        Class::I2c => "i2c:24c02@0x50",
        Class::Uio => "uio:timer",
        Class::Mtd => "mtd:nor",
        Class::Tpm => "tpm:swtpm,state=DIR",
        Class::Input => "input:keyboard",
        Class::Drm => "drm:virtual",
    }
}

/// The class of that name; `others` are known there as well.
pub(super) fn check_class(class: &str, others: &[&str]) -> Result<Class, String> {
    let known: Vec<_> = Class::ALL.iter().map(|class| class.name()).chain(others.iter().copied()).collect();
    Class::named(class).ok_or_else(|| format!("unknown class `{class}`; {}", suggest::known(class, &known)))
}

fn parse_keys<'a>(class: Class, parts: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, String>, String> {
    let mut keys = BTreeMap::new();
    for part in parts {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => (key, value),
            _ if part.is_empty() => {
                return Err("a comma with nothing after it; write ,KEY=VALUE or leave it out".into());
            }
            Some(("", _)) => return Err(format!("`{part}` has no key; write KEY=VALUE")),
            _ => return Err(format!("`{part}` has no value; write KEY=VALUE")),
        };
        // The alias goes by its proper name from here on, so that bus=1,num=2 is seen as a contradiction.
        let key = if class == Class::I2c && key == "bus" { "num" } else { key };
        if keys.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("`{key}` is said twice; say it once"));
        }
    }
    Ok(keys)
}

fn take_number(class: Class, keys: &mut BTreeMap<String, String>) -> Result<Option<u32>, String> {
    if class == Class::I2c && keys.contains_key("addr") {
        return Err("the address is written after the model, as in i2c:24c02@0x50; leave out `addr`".into());
    }
    keys.remove("num").map(|text| parse_number(class, &text)).transpose()
}

/// The number of a device.
pub(super) fn parse_number(class: Class, text: &str) -> Result<u32, String> {
    let highest = class.highest();
    match value::parse_integer(text).map_err(|why| format!("the number {why}"))? {
        number if number <= highest.into() && class.has(number as u32) => Ok(number as u32),
        number if number <= highest.into() => {
            Err(format!("Linux has no {} {number}; there are 0 to 31, and 256 to {highest}", class.noun()))
        }
        number => Err(format!("there is no {} {number}; the highest is {highest}", class.noun())),
    }
}

/// What an adapter is limited to.
pub(super) fn parse_functionality(text: &str) -> Result<u32, String> {
    let bits = value::parse_integer(text).map_err(|why| format!("the functionality {why}"))?;
    u32::try_from(bits).map_err(|_| format!("{bits:#x} has more than the 32 bits of I2C_FUNCS"))
}

/// The address of a chip. Which of them its model can have is the driver's to say.
pub(super) fn parse_address(text: &str) -> Result<u16, String> {
    let address = value::parse_integer(text).map_err(|why| format!("the address {why}"))?;
    u16::try_from(address).map_err(|_| format!("no chip can be at address {address:#x}; most EEPROMs are at 0x50"))
}

/// Makes the file names among `keys` absolute, so that they mean the same in every process.
pub(super) fn absolute_paths(keys: &mut BTreeMap<String, String>, base: &Path) -> Result<(), String> {
    for key in PATHS {
        let Some(value) = keys.get_mut(key) else { continue };
        match std::path::absolute(base.join(&*value)).map(|path| path.into_os_string().into_string()) {
            Ok(Ok(path)) => *value = path,
            Ok(Err(path)) => return Err(format!("the path {} is not UTF-8; move it or rename it", path.display())),
            Err(why) => return Err(format!("`{key}={value}`: {why}")),
        }
    }
    Ok(())
}
