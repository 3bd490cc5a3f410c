//! The lab file: what `--device` says, in TOML.
//!
//! It is read by hand from a tree that knows its places, so that every error names the line and column at fault.

use super::{
    cards::CardEntry,
    class::Class,
    config::{BusConfig, ChipEntry, ConfigError, DeviceConfig, ServerEntry, parse_contract, parse_name, parse_policy},
    display, input,
    model::ModelEntry,
    partitions::{self, PartitionEntry},
    permissions::{Permissions, parse_group, parse_mode},
    spec, suggest,
};
use crate::driver_server::ServerSettings;
use outlive::Policy;
use outlive_classes::Contract;
use outlive_drivers::value;
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The largest lab file, in bytes. Far beyond any that people write; it keeps `--lab /dev/zero` from eating memory.
const LARGEST: u64 = 1 << 20;

/// What a lab file says. What concerns the lab as a whole comes with its place.
#[derive(Debug)]
pub(super) struct LabFile {
    pub(super) name: Option<(String, String)>,
    pub(super) contract: Option<(Contract, String)>,
    pub(super) policy: Option<(Policy, String)>,
    pub(super) devices: Vec<DeviceConfig>,
}

/// Reads the lab file at `path`. Relative paths in it are relative to its folder.
pub(super) fn read(path: &Path) -> Result<LabFile, ConfigError> {
    let place = format!("--lab {}", path.display());
    let failed = |why: std::io::Error| ConfigError::new(&place, format!("cannot be read: {why}"));
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(ConfigError::new(place, "larger than 1 MiB; that is no lab file"));
    }
    let folder = match path.parent() {
        Some(folder) => std::path::absolute(Path::new("./").join(folder)).map_err(failed)?,
        None => return Err(ConfigError::new(place, "not a file")),
    };
    let name = path.display().to_string();
    match std::str::from_utf8(&bytes) {
        Ok(text) => Reader { name, text, folder: &folder }.lab(),
        Err(error) => {
            let text = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            let reader = Reader { name, text, folder: &folder };
            Err(reader.error(text.len(), "not UTF-8; save the file as UTF-8"))
        }
    }
}

struct Reader<'a> {
    name: String,
    text: &'a str,
    folder: &'a Path,
}

type Table<'a> = DeTable<'a>;
type Value<'a> = Spanned<DeValue<'a>>;

/// The class of cards that carry flashes.
const CARD: &str = "gpu";

/// The keys of a bus, besides its chips.
const KEYS_OF_BUS: [&str; 7] = ["class", "num", "bus", "policy", "functionality", "mode", "group"];

/// The keys of a device of one model, besides its driver's.
const KEYS_OF_DEVICE: [&str; 5] = ["class", "num", "policy", "mode", "group"];

/// The keys of a flash, besides its driver's.
const KEYS_OF_FLASH: [&str; 7] = ["class", "num", "policy", "mode", "group", "parts", "partitions"];

impl Reader<'_> {
    /// `lab.toml:4:1`, counted in characters from 1.
    fn place(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("{}:{line}:{column}", self.name)
    }

    fn error(&self, offset: usize, message: impl Into<String>) -> ConfigError {
        ConfigError::new(self.place(offset), message)
    }

    fn lab(&self) -> Result<LabFile, ConfigError> {
        let syntax = |error: toml::de::Error| {
            self.error(error.span().map_or(0, |span| span.start), format!("not TOML: {}", one_line(error.message())))
        };
        let table = DeTable::parse(self.text).map_err(syntax)?;
        let table = table.get_ref();
        self.check_keys(table, &["name", "contract", "policy", "device"])?;
        let name = table.get("name").map(|value| self.name(value)).transpose()?;
        let contract = table.get("contract").map(|value| self.contract(value)).transpose()?;
        let devices = table.get("device").map(|value| self.devices(value)).transpose()?.unwrap_or_default();
        let policy = table.get("policy").map(|value| self.policy(value)).transpose()?;
        Ok(LabFile { name, contract, policy, devices })
    }

    fn name(&self, value: &Value<'_>) -> Result<(String, String), ConfigError> {
        let place = self.place(value.span().start);
        Ok((parse_name(&self.string("name", value)?, &place)?, place))
    }

    fn contract(&self, value: &Value<'_>) -> Result<(Contract, String), ConfigError> {
        let place = self.place(value.span().start);
        Ok((parse_contract(&self.string("contract", value)?, &place)?, place))
    }

    fn policy(&self, value: &Value<'_>) -> Result<(Policy, String), ConfigError> {
        let at = value.span().start;
        let policy = parse_policy(&self.string("policy", value)?).map_err(|why| self.error(at, why))?;
        Ok((policy, self.place(at)))
    }

    fn devices(&self, value: &Value<'_>) -> Result<Vec<DeviceConfig>, ConfigError> {
        let tables = value.get_ref().as_array().ok_or_else(|| {
            self.error(value.span().start, "`device` is a list; begin each device with a line [[device]]")
        })?;
        tables.iter().map(|table| self.device(table)).collect()
    }

    fn device(&self, value: &Value<'_>) -> Result<DeviceConfig, ConfigError> {
        let at = value.span().start;
        let table = self.table("device", value)?;
        let class = table.get("class").ok_or_else(|| self.error(at, "which class? add class = \"i2c\""))?;
        let name = self.string("class", class)?;
        if name == CARD {
            return self.card(at, table).map(DeviceConfig::Gpu);
        }
        match spec::check_class(&name, &[CARD]).map_err(|why| self.error(class.span().start, why))? {
            Class::I2c => self.bus(at, table).map(DeviceConfig::I2c),
            class @ Class::Uio => self.model(class, at, table).map(DeviceConfig::Uio),
            class @ Class::Mtd => self.model(class, at, table).map(DeviceConfig::Mtd),
            class @ Class::Tpm => self.model(class, at, table).map(DeviceConfig::Tpm),
            class @ Class::Drm => self.model(class, at, table).map(DeviceConfig::Drm),
            class @ (Class::Input | Class::Uinput) => self.model(class, at, table).map(input::device),
        }
    }

    /// An i2c bus: with a list of chips, or with one chip whose keys stand beside those of the bus, as in a SPEC.
    fn bus(&self, at: usize, table: &Table<'_>) -> Result<BusConfig, ConfigError> {
        let number = match (table.get("num"), table.get("bus")) {
            (Some(_), Some(second)) => {
                return Err(self.error(second.span().start, "`bus` is another word for `num`; leave one out"));
            }
            (Some(value), None) | (None, Some(value)) => Some(self.number(Class::I2c, value)?),
            (None, None) => None,
        };
        let policy = table.get("policy").map(|value| self.policy(value)).transpose()?.map(|(policy, _)| policy);
        let permissions = self.permissions(table)?;
        let functionality = table.get("functionality").map(|value| self.functionality(value)).transpose()?;
        let mut bus = BusConfig { number, policy, functionality, permissions, chips: Vec::new(), server: None };
        match (table.get("chips"), table.get("model")) {
            (Some(chips), None) => {
                let mut known = KEYS_OF_BUS.to_vec();
                known.push("chips");
                self.check_keys(table, &known)?;
                let list = chips.get_ref().as_array();
                let list = list.ok_or_else(|| self.error(chips.span().start, "`chips` is a list: [ { … }, { … } ]"))?;
                list.iter().try_for_each(|chip| {
                    let at = chip.span().start;
                    bus.chips.push(self.chip(at, self.table("chip", chip)?, &[])?);
                    Ok(())
                })?;
            }
            (None, Some(model)) if self.string("model", model)? == spec::SERVER => {
                bus.server = Some(self.server(at, table, &KEYS_OF_BUS)?);
            }
            (None, _) => bus.chips.push(self.chip(at, table, &KEYS_OF_BUS)?),
            (Some(_), Some(model)) => {
                return Err(
                    self.error(model.span().start, "a bus has `chips`, or is one chip with a `model`; not both")
                );
            }
        }
        Ok(bus)
    }

    /// A device of one model. Keys that are not the lab's are its driver's.
    fn model(&self, class: Class, at: usize, table: &Table<'_>) -> Result<ModelEntry, ConfigError> {
        let missing = || self.error(at, format!("which model? add model = \"{}\"", spec::example_model(class)));
        let model = self.string("model", table.get("model").ok_or_else(missing)?)?;
        let number = table.get("num").map(|value| self.number(class, value)).transpose()?;
        let policy = table.get("policy").map(|value| self.policy(value)).transpose()?.map(|(policy, _)| policy);
        let shown =
            table.get("mode").filter(|_| class == Class::Drm).map(|value| self.scalar("mode", value)).transpose()?;
        let shown = shown.filter(|mode| display::is_display_mode(mode));
        let permissions = match &shown {
            Some(_) => Permissions { group: self.group(table)?, ..Permissions::default() },
            None => self.permissions(table)?,
        };
        let place = self.place(at);
        let mut entry = ModelEntry { number, policy, permissions, model, place, ..ModelEntry::default() };
        entry.keys.extend(shown.map(|mode| ("mode".to_owned(), mode)));
        let ours = if class == Class::Mtd { &KEYS_OF_FLASH[..] } else { &KEYS_OF_DEVICE };
        if class == Class::Mtd {
            entry.partitions = self.partitions(table)?;
        }
        if entry.model == spec::SERVER && class.has_servers() {
            entry.server = Some(self.server(at, table, ours)?);
            return Ok(entry);
        }
        for (key, value) in table {
            let key = key.get_ref().as_ref();
            entry.places.insert(key.to_owned(), self.place(value.span().start));
            if !ours.contains(&key) && key != "model" {
                entry.keys.insert(key.to_owned(), self.scalar(key, value)?);
            }
        }
        spec::absolute_paths(&mut entry.keys, self.folder).map_err(|why| self.error(at, why))?;
        Ok(entry)
    }

    /// The server of a device, of the keys that are not its class's. `command` may be a list of words.
    fn server(&self, at: usize, table: &Table<'_>, others: &[&str]) -> Result<Box<ServerEntry>, ConfigError> {
        let (mut keys, mut places, mut words) = (BTreeMap::new(), BTreeMap::new(), None);
        for (key, value) in table {
            let key = key.get_ref().as_ref();
            if key == "model" || others.contains(&key) {
                continue;
            }
            places.insert(key.to_owned(), value.span().start);
            match value.get_ref().as_array() {
                Some(list) if key == "command" => words = Some(self.words(value.span().start, list)?),
                _ => drop(keys.insert(key.to_owned(), self.scalar(key, value)?)),
            }
        }
        spec::absolute_paths(&mut keys, self.folder).map_err(|why| self.error(at, why))?;
        let settings = ServerSettings::parse(keys, words);
        let settings =
            settings.map_err(|wrong| self.error(places.get(&wrong.key).copied().unwrap_or(at), wrong.why))?;
        Ok(Box::new(ServerEntry { settings, place: self.place(at) }))
    }

    fn words(&self, at: usize, list: &[Value<'_>]) -> Result<Vec<String>, ConfigError> {
        let words: Vec<_> = list.iter().map(|word| self.string("command", word)).collect::<Result<_, _>>()?;
        match words.first() {
            Some(program) if !program.is_empty() => Ok(words),
            _ => Err(self.error(at, "`command` names no program")),
        }
    }

    /// The parts of a flash: in one word, as in a SPEC, or a list of tables.
    fn partitions(&self, table: &Table<'_>) -> Result<Vec<PartitionEntry>, ConfigError> {
        match (table.get("parts"), table.get("partitions")) {
            (None, None) => Ok(Vec::new()),
            (Some(_), Some(second)) => {
                Err(self.error(second.span().start, "`partitions` says the same as `parts`; leave one out"))
            }
            (Some(parts), None) => {
                let (at, text) = (parts.span().start, self.string("parts", parts)?);
                partitions::parse(&text, &self.place(at)).map_err(|why| self.error(at, why))
            }
            (None, Some(list)) => {
                let wrong = || self.error(list.span().start, "`partitions` is a list: [ { name = \"boot\", … }, … ]");
                list.get_ref().as_array().ok_or_else(wrong)?.iter().map(|value| self.partition(value)).collect()
            }
        }
    }

    fn partition(&self, value: &Value<'_>) -> Result<PartitionEntry, ConfigError> {
        let (at, table) = (value.span().start, self.table("partition", value)?);
        self.check_keys(table, &["name", "size", "offset", "ro"])?;
        let name = table.get("name").ok_or_else(|| self.error(at, "which name? add name = \"boot\""))?;
        let text = self.string("name", name)?;
        partitions::check_name(&text).map_err(|why| self.error(name.span().start, why))?;
        let size = |key| {
            let value = table.get(key)?;
            let parsed = self.scalar(key, value).map(|text| value::parse_size(&text));
            Some(parsed.and_then(|it| it.map_err(|why| self.error(value.span().start, format!("the {key} {why}")))))
        };
        let read_only = table.get("ro").map(|value| {
            let parsed = value::parse_flag(&self.scalar("ro", value)?);
            parsed.map_err(|why| self.error(value.span().start, format!("`ro`: {why}")))
        });
        Ok(PartitionEntry {
            name: text,
            offset: size("offset").transpose()?,
            size: size("size").transpose()?,
            read_only: read_only.transpose()?.unwrap_or_default(),
            place: self.place(at),
        })
    }

    /// A card with flashes.
    fn card(&self, at: usize, table: &Table<'_>) -> Result<CardEntry, ConfigError> {
        self.check_keys(table, &["class", "name", "policy", "flash"])?;
        let name = table.get("name").ok_or_else(|| self.error(at, "which name? add name = \"gpu0\""))?;
        let name = parse_name(&self.string("name", name)?, &self.place(name.span().start))?;
        let policy = table.get("policy").map(|value| self.policy(value)).transpose()?.map(|(policy, _)| policy);
        let list =
            table.get("flash").ok_or_else(|| self.error(at, "what is on it? add flash = [ { model = \"nor\" } ]"))?;
        let wrong = || self.error(list.span().start, "`flash` is a list: [ { model = \"nor\", … }, … ]");
        let flashes = list.get_ref().as_array().ok_or_else(wrong)?.iter();
        let flash = flashes.map(|value| self.model(Class::Mtd, value.span().start, self.table("flash", value)?));
        let (flash, place) = (flash.collect::<Result<_, _>>()?, self.place(at));
        Ok(CardEntry { name, policy, permissions: Permissions::default(), flash, place })
    }

    /// Who may open the node of a device.
    fn permissions(&self, table: &Table<'_>) -> Result<Permissions, ConfigError> {
        let word = |key: &'static str| {
            let value = table.get(key)?;
            Some(self.string(key, value).map(|text| (text, value.span().start)))
        };
        let mode = word("mode").transpose()?;
        let mode = mode.map(|(text, at)| parse_mode(&text).map_err(|why| self.error(at, why))).transpose()?;
        Ok(Permissions { mode, group: self.group(table)? })
    }

    fn group(&self, table: &Table<'_>) -> Result<Option<String>, ConfigError> {
        let Some(value) = table.get("group") else { return Ok(None) };
        let group = parse_group(&self.string("group", value)?);
        group.map(Some).map_err(|why| self.error(value.span().start, why))
    }

    /// A chip. Keys that are not `others` and not its own are its driver's.
    fn chip(&self, at: usize, table: &Table<'_>, others: &[&str]) -> Result<ChipEntry, ConfigError> {
        let model = table.get("model").ok_or_else(|| self.error(at, "which model? add model = \"24c02\""))?;
        let address = table.get("addr").ok_or_else(|| self.error(at, "which address? add addr = 0x50"))?;
        let parsed = spec::parse_address(&self.scalar("addr", address)?);
        let mut keys = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (key, value) in table {
            let key = key.get_ref().as_ref();
            places.insert(key.to_owned(), self.place(value.span().start));
            if !["model", "addr"].contains(&key) && !others.contains(&key) {
                keys.insert(key.to_owned(), self.scalar(key, value)?);
            }
        }
        spec::absolute_paths(&mut keys, self.folder).map_err(|why| self.error(at, why))?;
        Ok(ChipEntry {
            model: self.string("model", model)?,
            address: parsed.map_err(|why| self.error(address.span().start, why))?,
            keys,
            place: self.place(at),
            places,
        })
    }

    fn functionality(&self, value: &Value<'_>) -> Result<u32, ConfigError> {
        spec::parse_functionality(&self.scalar("functionality", value)?)
            .map_err(|why| self.error(value.span().start, why))
    }

    fn number(&self, class: Class, value: &Value<'_>) -> Result<u32, ConfigError> {
        spec::parse_number(class, &self.scalar("num", value)?).map_err(|why| self.error(value.span().start, why))
    }

    fn table<'t, 'd>(&self, what: &str, value: &'t Value<'d>) -> Result<&'t Table<'d>, ConfigError> {
        let wrong = || self.error(value.span().start, format!("a {what} is a table of keys and values"));
        value.get_ref().as_table().ok_or_else(wrong)
    }

    fn string(&self, key: &str, value: &Value<'_>) -> Result<String, ConfigError> {
        let wrong = || self.error(value.span().start, format!("`{key}` is a text; write it in quotes"));
        value.get_ref().as_str().map(str::to_owned).ok_or_else(wrong)
    }

    /// A value as a SPEC would have it.
    fn scalar(&self, key: &str, value: &Value<'_>) -> Result<String, ConfigError> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(text.to_string()),
            DeValue::Integer(integer) => Ok(integer.to_string()),
            DeValue::Float(float) => Ok(float.to_string()),
            DeValue::Boolean(boolean) => Ok(boolean.to_string()),
            _ => Err(self.error(value.span().start, format!("`{key}` is one value: a number or a text in quotes"))),
        }
    }

    fn check_keys(&self, table: &Table<'_>, known: &[&str]) -> Result<(), ConfigError> {
        for key in table.keys() {
            let word = key.get_ref().as_ref();
            if !known.contains(&word) {
                let message = format!("unknown key `{word}`; {}", suggest::known(word, known));
                return Err(self.error(key.span().start, message));
            }
        }
        Ok(())
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
