//! How the spare bytes of a page are used, as the two ioctls that tell of it have it (`get_oobinfo` and
//! `shrink_ecclayout` of `drivers/mtd/mtdchar.c`).

use super::{
    Geometry, Region,
    decode::Refusal,
    uapi::{MAX_ECC_POSITIONS, MAX_FREE_REGIONS, MAX_OOBINFO_POSITIONS, NANDECC_AUTOPLACE},
};
use crate::Errno;

/// `struct nand_oobinfo`: useecc, eccbytes, eight free regions, and the positions of error correction, for which there is
/// not much room.
pub(super) fn oobinfo(geometry: &Geometry) -> Result<Vec<u8>, Refusal> {
    if !geometry.has_spare() {
        return Err(Errno::OPNOTSUPP.into());
    }
    let used: u64 = geometry.ecc.iter().map(|region| u64::from(region.length)).sum();
    if used > MAX_OOBINFO_POSITIONS as u64 {
        return Err(Errno::INVAL.into());
    }
    let words = [NANDECC_AUTOPLACE, used as u32];
    Ok(bytes(words.into_iter().chain(free(geometry)).chain(positions(geometry, MAX_OOBINFO_POSITIONS))))
}

/// `struct nand_ecclayout_user`: eccbytes, their positions, oobavail, eight free regions. What there is no room for is left
/// out.
pub(super) fn ecclayout(geometry: &Geometry) -> Result<Vec<u8>, Refusal> {
    if !geometry.has_spare() {
        return Err(Errno::OPNOTSUPP.into());
    }
    let used: u64 = geometry.ecc.iter().map(|region| u64::from(region.length)).sum();
    let available: u32 = geometry.free.iter().take(MAX_FREE_REGIONS).map(|region| region.length).sum();
    let head = [used.min(MAX_ECC_POSITIONS as u64) as u32];
    let positions = positions(geometry, MAX_ECC_POSITIONS);
    Ok(bytes(head.into_iter().chain(positions).chain([available]).chain(free(geometry))))
}

/// The positions of error correction, as many as there is room for, and zeroes.
fn positions(geometry: &Geometry, room: usize) -> impl Iterator<Item = u32> {
    let all = geometry.ecc.iter().flat_map(|region| region.offset..region.offset.saturating_add(region.length));
    all.chain(std::iter::repeat(0)).take(room)
}

/// Offset and length of the free regions, as many as there is room for, and zeroes.
fn free(geometry: &Geometry) -> impl Iterator<Item = u32> {
    let none = std::iter::repeat(&Region { offset: 0, length: 0 });
    geometry.free.iter().chain(none).take(MAX_FREE_REGIONS).flat_map(|region| [region.offset, region.length])
}

fn bytes(words: impl Iterator<Item = u32>) -> Vec<u8> {
    words.flat_map(u32::to_ne_bytes).collect()
}
