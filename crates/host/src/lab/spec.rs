//! SPEC, one device in one word: `CLASS:MODEL[@ADDR][,KEY=VALUE]...`, such as `i2c:24c02@0x50,bus=7`.

use super::{
    class::Class,
    config::{BusConfig, ChipEntry, ConfigError, DeviceConfig, ServerEntry, parse_policy},
    display, input,
    model::ModelEntry,
    partitions,
    permissions::{Permissions, parse_group, parse_mode},
    suggest,
};
use crate::driver_server::ServerSettings;
use outlive::Policy;
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
    let said = Said { class, model, address, keys: parse_keys(class, parts).map_err(error)? };
    let device = match class {
        Class::I2c => said.bus(place).map(DeviceConfig::I2c),
        Class::Uio => said.model(place).map(DeviceConfig::Uio),
        Class::Mtd => said.model(place).map(DeviceConfig::Mtd),
        Class::Tpm => said.model(place).map(DeviceConfig::Tpm),
        Class::Drm => said.model(place).map(DeviceConfig::Drm),
        Class::Input | Class::Uinput => said.model(place).map(input::device),
    };
    device.map_err(error)
}

/// A SPEC in its pieces.
struct Said<'a> {
    class: Class,
    model: &'a str,
    address: Option<&'a str>,
    keys: BTreeMap<String, String>,
}

impl Said<'_> {
    /// An i2c bus with one chip, or one that is in a server.
    fn bus(mut self, place: &str) -> Result<BusConfig, String> {
        let address = match self.address {
            address if self.model == SERVER => no_address("server", address).map(|()| None)?,
            Some(address) => Some(parse_address(address)?),
            None => return Err(format!("which address? write it after the model: i2c:{}@0x50", self.model)),
        };
        let (number, policy, permissions) = self.device()?;
        let functionality = self.keys.remove("functionality").map(|text| parse_functionality(&text)).transpose()?;
        let server = served(self.model, &mut self.keys, place)?;
        let (model, keys, place, places) = (self.model.to_owned(), self.keys, place.to_owned(), BTreeMap::new());
        let chips = address.map(|address| ChipEntry { model, address, keys, place, places }).into_iter().collect();
        Ok(BusConfig { number, policy, functionality, permissions, chips, server })
    }

    /// A device of one model.
    fn model(mut self, place: &str) -> Result<ModelEntry, String> {
        no_address(self.class.noun(), self.address)?;
        // What displays are made for has the same name as who may open a node.
        let is_shown = |key: &String, mode: &mut String| key == "mode" && display::is_display_mode(mode);
        let shown: Vec<_> = match self.class {
            Class::Drm => self.keys.extract_if(.., is_shown).collect(),
            _ => Vec::new(),
        };
        let (number, policy, permissions) = self.device()?;
        self.keys.extend(shown);
        let parts = if self.class == Class::Mtd { self.keys.remove("parts") } else { None };
        let partitions = parts.map(|text| partitions::parse(&text, place)).transpose()?.unwrap_or_default();
        let server = if self.class.has_servers() { served(self.model, &mut self.keys, place)? } else { None };
        let (model, keys, place, places) = (self.model.to_owned(), self.keys, place.to_owned(), BTreeMap::new());
        Ok(ModelEntry { number, policy, permissions, model, keys, partitions, server, place, places })
    }

    /// What every device has; the rest is its driver's.
    fn device(&mut self) -> Result<(Option<u32>, Option<Policy>, Permissions), String> {
        let number = take_number(self.class, &mut self.keys)?;
        let policy = self.keys.remove("policy").map(|text| parse_policy(&text)).transpose()?;
        let base = std::env::current_dir().map_err(|why| format!("no working directory: {why}"))?;
        absolute_paths(&mut self.keys, &base)?;
        let mode = self.keys.remove("mode").map(|text| parse_mode(&text)).transpose()?;
        let group = self.keys.remove("group").map(|text| parse_group(&text)).transpose()?;
        Ok((number, policy, Permissions { mode, group }))
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
    let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    address.map_or(Ok(()), |address| Err(format!("{article} {what} has no address; leave out `@{address}`")))
}

/// A SPEC of that class.
fn example(class: Class) -> String {
    let more = match class {
        Class::I2c => "@0x50",
        Class::Tpm => ",state=DIR",
        Class::Uio | Class::Mtd | Class::Input | Class::Uinput | Class::Drm => "",
    };
    format!("{}:{}{more}", class.name(), example_model(class))
}

/// A model of that class.
pub(super) const fn example_model(class: Class) -> &'static str {
    match class {
        Class::I2c => "24c02",
        Class::Uio => "timer",
        Class::Mtd => "nor",
        Class::Tpm => "swtpm",
        Class::Input => "keyboard",
        Class::Uinput => "uinput",
        Class::Drm => "virtual",
    }
}

/// The class of that name; `others` are known there as well.
pub(super) fn check_class(class: &str, others: &[&str]) -> Result<Class, String> {
    let classes = Class::ALL.into_iter().filter(|class| *class != Class::Uinput);
    let known: Vec<&str> = classes.map(|class| class.name()).chain(others.iter().copied()).collect();
    Class::named(class)
        .filter(|class| *class != Class::Uinput)
        .ok_or_else(|| format!("unknown class `{class}`; {}", suggest::known(class, &known)))
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
