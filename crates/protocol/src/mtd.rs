//! What of mtd is in frames: the geometry, commands and their answers.

use crate::{
    Kind as Frame, Violation,
    cursor::Cursor,
    limits::{REGIONS_MAX, SPARE_MAX},
};
use outlive_classes::mtd::{Command, Found, Geometry, Kind, Mode, Region};

const WRITABLE: u32 = 1 << 0;
const LOCKABLE: u32 = 1 << 1;
const LOCKED_AT_POWER_UP: u32 = 1 << 2;
const BAD_BLOCKS: u32 = 1 << 3;

/// `at` of an error that is known for no place.
pub(crate) const NOWHERE: u64 = u64::MAX;

fn put_words(body: &mut Vec<u8>, words: impl IntoIterator<Item = u32>) {
    words.into_iter().for_each(|word| body.extend(word.to_le_bytes()));
}

pub(crate) fn put_geometry(body: &mut Vec<u8>, it: &Geometry) {
    let kind = match it.kind {
        Kind::Ram => 1,
        Kind::Nor => 2,
        Kind::Nand => 3,
    };
    let when = |is: bool, flag: u32| if is { flag } else { 0 };
    let flags = when(it.writable, WRITABLE)
        | when(it.lockable, LOCKABLE)
        | when(it.locked_at_power_up, LOCKED_AT_POWER_UP)
        | when(it.bad_blocks, BAD_BLOCKS);
    put_words(body, [kind, flags]);
    body.extend(it.size.to_le_bytes());
    put_words(body, [it.erase_size, it.write_size, it.buffer_size, it.spare_size]);
    put_words(body, [it.ecc_step, it.ecc_strength, it.bitflip_threshold]);
    put_words(body, [it.free.len() as u32, it.ecc.len() as u32, 0]);
    put_words(body, it.free.iter().chain(&it.ecc).flat_map(|region| [region.offset, region.length]));
}

pub(crate) fn geometry(cursor: &mut Cursor<'_>) -> Result<Geometry, Violation> {
    let kind = match cursor.u32()? {
        1 => Kind::Ram,
        2 => Kind::Nor,
        3 => Kind::Nand,
        _ => return Err(Violation::Device("there is no such kind of flash")),
    };
    let flags = cursor.u32()?;
    if flags & !(WRITABLE | LOCKABLE | LOCKED_AT_POWER_UP | BAD_BLOCKS) != 0 {
        return Err(Violation::Reserved);
    }
    let mut it = Geometry {
        kind,
        size: cursor.u64()?,
        erase_size: cursor.u32()?,
        write_size: cursor.u32()?,
        buffer_size: cursor.u32()?,
        spare_size: cursor.u32()?,
        ecc_step: cursor.u32()?,
        ecc_strength: cursor.u32()?,
        bitflip_threshold: cursor.u32()?,
        free: Vec::new(),
        ecc: Vec::new(),
        writable: flags & WRITABLE != 0,
        lockable: flags & LOCKABLE != 0,
        locked_at_power_up: flags & LOCKED_AT_POWER_UP != 0,
        bad_blocks: flags & BAD_BLOCKS != 0,
    };
    let (free, ecc) = (cursor.u32()?, cursor.u32()?);
    cursor.reserved()?;
    it.free = regions(cursor, free)?;
    it.ecc = regions(cursor, ecc)?;
    match fault_of(&it) {
        None => Ok(it),
        Some(fault) => Err(Violation::Device(fault)),
    }
}

fn regions(cursor: &mut Cursor<'_>, count: u32) -> Result<Vec<Region>, Violation> {
    if count as usize > REGIONS_MAX {
        return Err(Violation::Device("its spare bytes have too many regions"));
    }
    (0..count).map(|_| Ok(Region { offset: cursor.u32()?, length: cursor.u32()? })).collect()
}

/// What is impossible about a flash.
fn fault_of(it: &Geometry) -> Option<&'static str> {
    let is_of = |whole: u64, part: u32| part != 0 && whole != 0 && whole.is_multiple_of(part.into());
    let is_nand = it.kind == Kind::Nand;
    let checks = [
        (is_of(it.size, it.erase_size), "its size is not made of erase blocks"),
        (it.size <= i64::MAX as u64, "its size is no position in a file"),
        (it.size / u64::from(it.erase_size.max(1)) <= u64::from(u32::MAX), "it has too many erase blocks"),
        (is_of(it.erase_size.into(), it.write_size), "its erase blocks are not made of write units"),
        (is_of(it.buffer_size.into(), it.write_size), "its buffer is not made of write units"),
        (it.spare_size <= SPARE_MAX, "its pages have too many spare bytes"),
        (is_nand || it.spare_size == 0, "only NAND has spare bytes"),
        (is_nand || !it.bad_blocks, "only NAND has bad blocks"),
        (are_apart(&it.free, it.spare_size), "its free spare bytes are not in order, or not among the spare bytes"),
        (are_apart(&sorted(&it.ecc), it.spare_size), "its spare bytes of error correction overlap, or are not there"),
    ];
    checks.into_iter().find(|(holds, _)| !holds).map(|(_, what)| what)
}

fn sorted(regions: &[Region]) -> Vec<Region> {
    let mut regions = regions.to_vec();
    regions.sort_by_key(|region| region.offset);
    regions
}

/// Whether they come one after the other, and end before `size`.
fn are_apart(regions: &[Region], size: u32) -> bool {
    let next = |from: u32, region: &Region| {
        let end = region.offset.checked_add(region.length)?;
        (region.offset >= from && end <= size).then_some(end)
    };
    regions.iter().try_fold(0, next).is_some()
}

fn mode_number(mode: Mode) -> u32 {
    match mode {
        Mode::Place => 0,
        Mode::Auto => 1,
        Mode::Raw => 2,
    }
}

/// What a command's frame says, and the data that it brings. `None` if no frame can say it.
pub(crate) fn put_command(command: Command) -> Option<(Frame, Vec<u8>, Vec<u8>)> {
    let mut body = Vec::new();
    let kind = match command {
        Command::Read { at, length, spare, mode } => {
            put_pages(&mut body, at, u32::try_from(length).ok()?, spare, mode);
            return Some((Frame::Read, body, Vec::new()));
        }
        Command::Program { at, mut data, spare_from, spare, mode } => {
            let region = Region { offset: spare_from, length: u32::try_from(spare.len()).ok()? };
            put_pages(&mut body, at, u32::try_from(data.len()).ok()?, region, mode);
            data.extend(spare);
            return Some((Frame::Program, body, data));
        }
        Command::Erase { at, length } => put_blocks(&mut body, Frame::Erase, at, length),
        Command::Lock { at, length, lock } => {
            put_blocks(&mut body, if lock { Frame::Lock } else { Frame::Unlock }, at, length)
        }
        Command::IsLocked { at, length } => put_blocks(&mut body, Frame::IsLocked, at, length),
        Command::IsBad { at } => put_blocks(&mut body, Frame::IsBad, at, 0),
        Command::MarkBad { at } => put_blocks(&mut body, Frame::MarkBad, at, 0),
        Command::BadBlocks { at, length } => put_blocks(&mut body, Frame::BadBlocks, at, length),
    };
    Some((kind, body, Vec::new()))
}

fn put_pages(body: &mut Vec<u8>, at: u64, length: u32, spare: Region, mode: Mode) {
    body.extend(at.to_le_bytes());
    put_words(body, [length, spare.offset, spare.length, mode_number(mode)]);
}

fn put_blocks(body: &mut Vec<u8>, kind: Frame, at: u64, length: u64) -> Frame {
    body.extend(at.to_le_bytes());
    body.extend(length.to_le_bytes());
    kind
}

/// The command of a frame. What it brings is in `data`, as a whole.
pub(crate) fn command(number: u64, kind: Frame, body: &[u8], data: Vec<u8>) -> Result<Command, Violation> {
    let mut cursor = Cursor::new(body);
    if let Frame::Read | Frame::Program = kind {
        let (at, length) = (cursor.u64()?, cursor.u32()?);
        let spare = Region { offset: cursor.u32()?, length: cursor.u32()? };
        let mode = match cursor.u32()? {
            0 => Mode::Place,
            1 => Mode::Auto,
            2 => Mode::Raw,
            _ => return Err(Violation::Operation(number)),
        };
        cursor.end()?;
        return pages(number, kind, (at, length, spare, mode), data);
    }
    let (at, length) = (cursor.u64()?, cursor.u64()?);
    cursor.end()?;
    if !data.is_empty() {
        return Err(Violation::Trailing);
    }
    Ok(match kind {
        Frame::Erase => Command::Erase { at, length },
        Frame::Lock => Command::Lock { at, length, lock: true },
        Frame::Unlock => Command::Lock { at, length, lock: false },
        Frame::IsLocked => Command::IsLocked { at, length },
        Frame::BadBlocks => Command::BadBlocks { at, length },
        Frame::IsBad if length == 0 => Command::IsBad { at },
        Frame::MarkBad if length == 0 => Command::MarkBad { at },
        Frame::IsBad | Frame::MarkBad => return Err(Violation::Operation(number)),
        kind => return Err(Violation::Unexpected(kind)),
    })
}

type Pages = (u64, u32, Region, Mode);

fn pages(number: u64, kind: Frame, (at, length, spare, mode): Pages, mut data: Vec<u8>) -> Result<Command, Violation> {
    let length = length as usize;
    if kind == Frame::Read {
        return if data.is_empty() { Ok(Command::Read { at, length, spare, mode }) } else { Err(Violation::Trailing) };
    }
    if data.len() as u64 != length as u64 + u64::from(spare.length) {
        return Err(Violation::Operation(number));
    }
    let behind = data.split_off(length);
    Ok(Command::Program { at, data, spare_from: spare.offset, spare: behind, mode })
}

/// What a read's answer says, and what was read.
pub(crate) fn put_found(found: Found) -> (Vec<u8>, Vec<u8>) {
    let mut body = Vec::new();
    put_words(&mut body, [found.corrected, found.worst, found.failed, 0]);
    let mut data = found.data;
    data.extend(found.spare);
    (body, data)
}

/// What was read: `length` bytes of the main area, and the rest to spare.
pub(crate) fn found(body: &[u8], length: usize, mut data: Vec<u8>) -> Result<Found, Violation> {
    let mut cursor = Cursor::new(body);
    let (corrected, worst, failed) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    cursor.reserved()?;
    cursor.end()?;
    if data.len() < length {
        return Err(Violation::Truncated);
    }
    let spare = data.split_off(length);
    Ok(Found { data, spare, corrected, worst, failed })
}
