//! What a lab says about a flash.

use super::{
    array::Array,
    bounce::Bounce,
    cells::Cells,
    chip::{Chip, State, Timing},
    linear::Linear,
    nand_config,
    tear::Tear,
};
use crate::{
    clock::Clock,
    keys::{ConfigError, Keys},
    value::{self, ValueError},
};
use outlive_classes::{
    dma::Copier,
    mtd::{Flash, Geometry, Kind},
};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// A flash: `nor,size=8MiB,erase=64KiB,file=nor.bin`.
///
/// | key | of | what | default |
/// |---|---|---|---|
/// | `size=SIZE` | all | the main area, up to 1GiB | 8MiB; 4MiB of `ram`, 128MiB of `nand` |
/// | `erase=SIZE` | all | an erase block | 64KiB; 128KiB of `ram`, 64 pages of `nand` (32 of 512 bytes) |
/// | `file=PATH` | all | keeps the content; without one it is gone with the device | none |
/// | `name=NAME` | all | what /proc/mtd shows | the model's |
/// | `tr=DURATION` | all | tR: reading a page; of `nor` and `ram`, reading at all | 0: at once |
/// | `tprog=DURATION` | all | tPROG: programming a page; of `nor` and `ram`, 64 bytes | 0 |
/// | `tbers=DURATION` | all | tBERS: erasing a block | 0 |
/// | `torn=random:SEED` | all | when the flash goes, the unit in progress has some of its bits changed, and others not | `none`: nothing of it has happened |
/// | `locked=true` | `nor` | all blocks are locked whenever it gets power | false |
/// | `page=SIZE` | `nand` | 512, 2048, 4096, 8192 or 16384 | 2048 |
/// | `oob=SIZE` | `nand` | spare bytes of a page | a 32nd of a page |
/// | `ecc=hamming`, `ecc=BITS` | `nand` | the Hamming code that corrects 1 bit of 256 bytes, or the BCH code that corrects so many of 512; 0 for none | `hamming` |
/// | `bad=3+17` | `nand` | the numbers of blocks that the factory has marked bad | none |
/// | `flips=PAGE*COUNT+…` | `nand` | pages with so many weak cells in the first step: they come out wrong when programmed | none |
/// | `flips=1/STEPS:SEED` | `nand` | one weak cell in one step of so many | none |
///
/// The file of `nor` and `ram` holds the main area as it is. That of `nand` holds each page's main bytes, then its spare
/// bytes, as `nanddump --oob` writes them. One that is not there or empty becomes that of an erased flash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlashConfig {
    /// What it is: one of [`known_models`].
    pub model: String,
    /// Everything else, by name.
    pub keys: BTreeMap<String, String>,
}

const MODELS: [&str; 3] = ["nand", "nor", "ram"];
const EVERY_FLASH: [&str; 8] = ["erase", "file", "name", "size", "tbers", "torn", "tprog", "tr"];
/// The largest main area, in bytes: what is programmed of it is in memory, and so is every stand-in.
pub(super) const LARGEST: u64 = 1 << 30;
/// The smallest erase block of a flash without pages, in bytes.
const SMALLEST_BLOCK: u64 = 1 << 10;
/// What NOR and memory take at once, in bytes: as mtdram's `writebufsize`, which mimics NOR of the CFI kind.
const BUFFER: u32 = 64;
/// A longer time is a slip of the pen.
const SLOWEST: Duration = Duration::from_secs(3600);

/// The models that a [`FlashConfig`] can name.
pub fn known_models() -> impl Iterator<Item = &'static str> {
    MODELS.into_iter()
}

impl FlashConfig {
    /// Makes the flash, which lives in the time of `clock`. It holds its file until it is dropped.
    ///
    /// # Errors
    /// [`ConfigError`], which says what is wrong and what to do.
    pub fn build(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Flash>, ConfigError> {
        self.build_with(clock, None)
    }

    /// As [`build`](FlashConfig::build); data of 4096 bytes and more comes and goes by `copier`: by DMA, as long as there is
    /// an engine. Nobody but the clock notices if that goes, in the middle of a transfer even.
    ///
    /// # Errors
    /// As of [`build`](FlashConfig::build).
    pub fn build_with_copier(&self, clock: Arc<dyn Clock>, copier: Copier) -> Result<Box<dyn Flash>, ConfigError> {
        self.build_with(clock, Some(Bounce::new(copier)))
    }

    fn build_with(&self, clock: Arc<dyn Clock>, bounce: Option<Bounce>) -> Result<Box<dyn Flash>, ConfigError> {
        let Some(model) = known_models().find(|model| self.model.eq_ignore_ascii_case(model)) else {
            let known = known_models().collect();
            return Err(ConfigError::UnknownModel { what: "flash chip", model: self.model.clone(), known });
        };
        let own: &[&str] = match model {
            "nand" => &nand_config::KEYS,
            "nor" => &["locked"],
            _ => &[],
        };
        let mut known = [&EVERY_FLASH, own].concat();
        known.sort_unstable();
        let keys = Keys::new(model, &self.keys, &known)?;
        let (name, timing) = (name(&keys, model)?, timing(&keys)?);
        let tear = keys.value("torn", parse_tear)?.unwrap_or(Tear::None);
        let array: Box<dyn Array> = match model {
            "nand" => Box::new(nand_config::nand(&keys)?),
            "nor" => Box::new(linear(&keys, Kind::Nor, 8 << 20, 64 << 10)?),
            _ => Box::new(linear(&keys, Kind::Ram, 4 << 20, 128 << 10)?),
        };
        Ok(Box::new(Chip::with(name, State::new(array, tear), timing, clock, bounce)))
    }
}

fn linear(keys: &Keys<'_>, kind: Kind, size: u64, erase: u64) -> Result<Linear, ConfigError> {
    let erase = keys.value("erase", value::parse_size)?.unwrap_or(erase);
    if !(SMALLEST_BLOCK..=LARGEST).contains(&erase) {
        return Err(ConfigError::range("erase", "an erase block has from 1KiB to 1GiB"));
    }
    let size = main_area(keys, size, erase)?;
    let locked = keys.value("locked", value::parse_flag)?.unwrap_or(false);
    let geometry = Geometry {
        buffer_size: BUFFER,
        lockable: kind == Kind::Nor,
        locked_at_power_up: locked,
        ..Geometry::without_pages(kind, size, erase as u32)
    };
    let cells = cells(keys, erase as usize, (size / erase) as usize)?;
    Ok(Linear::new(geometry, cells))
}

/// `size`: whole blocks of `erase` bytes, which is not 0.
pub(super) fn main_area(keys: &Keys<'_>, default: u64, erase: u64) -> Result<u64, ConfigError> {
    let given = keys.value("size", value::parse_size)?;
    // Of a block that is larger than what is usual, one.
    let size = given.unwrap_or(default.max(erase));
    if size == 0 || size > LARGEST {
        return Err(ConfigError::range("size", "a flash has from one erase block to 1GiB, since it is held in memory"));
    }
    if !size.is_multiple_of(erase) {
        let fits = (size / erase).max(1) * erase;
        let allowed =
            format!("a flash is a whole number of erase blocks, here of {erase} bytes each: {fits}, for example");
        return Err(ConfigError::range("size", allowed));
    }
    Ok(size)
}

/// The cells of so many blocks of so many bytes, in the file if there is to be one.
pub(super) fn cells(keys: &Keys<'_>, block: usize, blocks: usize) -> Result<Cells, ConfigError> {
    let Some(path) = keys.text("file") else { return Ok(Cells::erased(block, blocks)) };
    let refused = |why| ConfigError::File { path: path.to_owned(), why };
    Cells::in_file(Path::new(path), block, blocks).map_err(refused)
}

fn name(keys: &Keys<'_>, model: &'static str) -> Result<String, ConfigError> {
    let name = keys.text("name").unwrap_or(model);
    let is_plain = |c: char| c == ' ' || c.is_ascii_graphic() && c != '"';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err(ConfigError::range("name", "from 1 to 64 printable ASCII characters, and no quotation mark"));
    }
    Ok(name.to_owned())
}

fn timing(keys: &Keys<'_>) -> Result<Timing, ConfigError> {
    let duration = |key| match keys.value(key, value::parse_duration)?.unwrap_or_default() {
        long if long > SLOWEST => Err(ConfigError::range(key, "from 0 to 1h")),
        duration => Ok(duration),
    };
    Ok(Timing { read: duration("tr")?, program: duration("tprog")?, erase: duration("tbers")? })
}

fn parse_tear(text: &str) -> Result<Tear, ValueError> {
    let seed = text.strip_prefix("random:").map(value::parse_integer);
    match (text, seed) {
        ("none", _) => Ok(Tear::None),
        (_, Some(Ok(seed))) => Ok(Tear::Random { seed, before: 0 }),
        _ => Err(ValueError::new(text, "a way to be torn; write none, or random: and a seed, such as random:7")),
    }
}
