//! What a lab says about a NAND flash.
//!
//! Where the code is among the spare bytes: `drivers/mtd/nand/core.c` and `raw/nand_base.c` (`nand_ooblayout_sp`,
//! `nand_ooblayout_lp`, `nand_ooblayout_lp_hamming`), which are what nandsim gets. The bad-block marker: byte 0 of the
//! first page's spare bytes, byte 5 of pages of 512 bytes (`linux/mtd/rawnand.h`).

use super::{
    code::Code,
    config::{LARGEST, cells, main_area},
    flips::Flips,
    nand::Nand,
};
use crate::{
    keys::{ConfigError, Keys},
    value::{self, ValueError},
};
use outlive_classes::mtd::{Geometry, Kind, Region};

/// The keys that no other flash has.
pub(super) const KEYS: [&str; 5] = ["bad", "ecc", "flips", "oob", "page"];

const PAGES: [u64; 5] = [512, 2048, 4096, 8192, 16384];
const SMALL_PAGE: u64 = 512;

/// How the code is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Correction {
    Hamming,
    /// So many bits of 512 bytes; 0 is none.
    Bits(u64),
}

/// Who has which spare bytes.
struct Layout {
    free: Vec<Region>,
    ecc: Vec<Region>,
}

/// Makes one.
pub(super) fn nand(keys: &Keys<'_>) -> Result<Nand, ConfigError> {
    let page = page(keys)?;
    let spare = spare(keys, page)?;
    let code = code(keys, page, spare)?;
    let erase = erase(keys, page)?;
    let size = main_area(keys, 128 << 20, erase)?;
    if !size.is_power_of_two() {
        return Err(ConfigError::range("size", "a NAND flash has a power of two of bytes, such as 128MiB"));
    }
    let blocks = size / erase;
    let (bad, flips) = (bad(keys, blocks)?, flips(keys, size / page, &code, page)?);
    let raw_block = (page + u64::from(spare)) * (erase / page);
    // Last, so that no file is made for a flash that cannot be.
    let cells = cells(keys, raw_block as usize, blocks as usize)?;
    let marker = if page == SMALL_PAGE { 5 } else { 0 };
    let mut nand = Nand::new(geometry(size, erase, page, spare, &code), cells, code, flips, marker);
    nand.spoil(&bad).map_err(|error| ConfigError::File {
        path: keys.text("file").unwrap_or_default().to_owned(),
        why: format!("cannot be given its bad blocks: {error}"),
    })?;
    Ok(nand)
}

fn geometry(size: u64, erase: u64, page: u64, spare: u32, code: &Code) -> Geometry {
    let Layout { free, ecc } = layout(page, spare, code);
    let strength = code.strength();
    Geometry {
        kind: Kind::Nand,
        size,
        erase_size: erase as u32,
        write_size: page as u32,
        buffer_size: page as u32,
        spare_size: spare,
        free,
        ecc,
        ecc_step: code.step() as u32,
        ecc_strength: strength,
        // Three quarters of the strength: nand_scan_tail of raw/nand_base.c.
        bitflip_threshold: (3 * strength).div_ceil(4),
        writable: true,
        lockable: false,
        locked_at_power_up: false,
        bad_blocks: true,
    }
}

fn page(keys: &Keys<'_>) -> Result<u64, ConfigError> {
    let page = keys.value("page", value::parse_size)?.unwrap_or(2048);
    if PAGES.contains(&page) {
        return Ok(page);
    }
    Err(ConfigError::range("page", "a page has 512, 2048, 4096, 8192 or 16384 bytes"))
}

fn spare(keys: &Keys<'_>, page: u64) -> Result<u32, ConfigError> {
    let spare = keys.value("oob", value::parse_size)?.unwrap_or(page / 32);
    match (page, spare) {
        (SMALL_PAGE, 16) => Ok(16),
        (SMALL_PAGE, _) => Err(ConfigError::range("oob", "a page of 512 bytes has 16 bytes to spare")),
        (_, 16..) if spare <= page / 4 && spare.is_multiple_of(2) => Ok(spare as u32),
        _ => {
            let allowed = format!("an even number of bytes to spare, from 16 to {} of a page of {page}", page / 4);
            Err(ConfigError::range("oob", allowed))
        }
    }
}

fn erase(keys: &Keys<'_>, page: u64) -> Result<u64, ConfigError> {
    let usual = page * if page == SMALL_PAGE { 32 } else { 64 };
    let erase = keys.value("erase", value::parse_size)?.unwrap_or(usual);
    if erase.is_power_of_two() && (page..=LARGEST).contains(&erase) {
        return Ok(erase);
    }
    let allowed =
        format!("an erase block is pages, here of {page} bytes each, a power of two of them: {usual}, for example");
    Err(ConfigError::range("erase", allowed))
}

fn code(keys: &Keys<'_>, page: u64, spare: u32) -> Result<Code, ConfigError> {
    let strongest = super::bch::STRONGEST as u64;
    match keys.value("ecc", parse_correction)?.unwrap_or(Correction::Hamming) {
        Correction::Hamming => match (page, spare) {
            (512, 16) | (2048, 64 | 128) | (4096, 128) => Ok(Code::Hamming),
            _ => Err(ConfigError::range(
                "ecc",
                "hamming has a place for pages of 512 bytes with oob=16, of 2048 with oob=64 or 128, and of 4096 with \
                 oob=128; give a number of bits, such as 4",
            )),
        },
        Correction::Bits(0) => Ok(Code::None),
        Correction::Bits(_) if page == SMALL_PAGE => {
            Err(ConfigError::range("ecc", "hamming or 0 of pages of 512 bytes"))
        }
        Correction::Bits(bits) => {
            let fits = |bits: u64| 2 + super::bch::bytes(bits as usize) as u64 * (page / 512) <= spare.into();
            if bits <= strongest && fits(bits) {
                return Ok(Code::bch(bits as u32));
            }
            let most = (1..=strongest).rev().find(|bits| fits(*bits)).unwrap_or(0);
            let allowed = format!("up to {most} bits: more of them do not fit into {spare} bytes to spare");
            Err(ConfigError::range("ecc", allowed))
        }
    }
}

fn layout(page: u64, spare: u32, code: &Code) -> Layout {
    let steps = if code.step() == 0 { 0 } else { page as u32 / code.step() as u32 };
    let total = code.bytes() as u32 * steps;
    let region = |offset: u32, end: u32| Region { offset, length: end - offset };
    let (free, ecc) = match (page, spare, code) {
        (SMALL_PAGE, ..) => (vec![region(8, spare)], vec![region(0, 4), region(6, 8)]),
        (_, 128, Code::Hamming) => (vec![region(2, 80), region(80 + total, spare)], vec![region(80, 80 + total)]),
        _ => (vec![region(2, spare - total)], vec![region(spare - total, spare)]),
    };
    let some =
        |regions: Vec<Region>| -> Vec<Region> { regions.into_iter().filter(|region| region.length > 0).collect() };
    // Of Hamming's code Linux tells what is behind it, too, even if that is nothing (`nand_ooblayout_lp_hamming`).
    let ends = ecc.last().is_some_and(|last| last.offset + last.length == spare);
    let behind = (page != SMALL_PAGE && ends && matches!(code, Code::Hamming)).then(|| region(spare, spare));
    let free = some(free).into_iter().chain(behind).collect();
    Layout { free, ecc: if total == 0 { Vec::new() } else { some(ecc) } }
}

fn parse_correction(text: &str) -> Result<Correction, ValueError> {
    match text {
        "hamming" => Ok(Correction::Hamming),
        _ => value::parse_integer(text).map(Correction::Bits).map_err(|_| {
            ValueError::new(
                text,
                "an error correction; write hamming, or how many bits of 512 bytes it corrects, such as 4",
            )
        }),
    }
}

fn bad(keys: &Keys<'_>, blocks: u64) -> Result<Vec<u64>, ConfigError> {
    let bad = keys.value("bad", parse_numbers)?.unwrap_or_default();
    if bad.iter().all(|block| *block < blocks) {
        return Ok(bad);
    }
    Err(ConfigError::range("bad", format!("the blocks of this flash are numbered from 0 to {}", blocks - 1)))
}

fn parse_numbers(text: &str) -> Result<Vec<u64>, ValueError> {
    let numbers: Result<_, _> = text.split('+').map(value::parse_integer).collect();
    numbers.map_err(|_| ValueError::new(text, "a list of block numbers; write them with + between them, such as 3+17"))
}

fn flips(keys: &Keys<'_>, pages: u64, code: &Code, page: u64) -> Result<Flips, ConfigError> {
    let flips = keys.value("flips", parse_flips)?.unwrap_or(Flips::None);
    let Flips::Pages(counts) = &flips else { return Ok(flips) };
    let bits = 8 * if code.step() > 0 { code.step() as u64 } else { page };
    if counts.keys().any(|page| *page >= pages) {
        return Err(ConfigError::range(
            "flips",
            format!("the pages of this flash are numbered from 0 to {}", pages - 1),
        ));
    }
    if counts.values().any(|count| u64::from(*count) > bits) {
        return Err(ConfigError::range("flips", format!("a step of this flash has {bits} bits that can be weak")));
    }
    Ok(flips)
}

fn parse_flips(text: &str) -> Result<Flips, ValueError> {
    let pages = || {
        let page = |entry: &str| {
            let (page, count) = entry.split_once('*')?;
            let count = value::parse_integer(count).ok()?;
            Some((value::parse_integer(page).ok()?, u32::try_from(count).ok()?))
        };
        text.split('+').map(page).collect::<Option<_>>().map(Flips::Pages)
    };
    let rate = || {
        let (one_in, seed) = text.strip_prefix("1/")?.split_once(':')?;
        let (one_in, seed) = (value::parse_integer(one_in).ok()?, value::parse_integer(seed).ok()?);
        (one_in > 0).then_some(Flips::Rate { one_in, seed })
    };
    rate().or_else(pages).ok_or_else(|| {
        ValueError::new(
            text,
            "weak cells; write pages and how many each has, such as 17*1+40*3, or 1/STEPS:SEED, such as 1/1000:7",
        )
    })
}
