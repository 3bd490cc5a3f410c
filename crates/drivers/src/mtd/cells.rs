//! Where the bits are: in memory, or in a file.
//!
//! A flash without spare bytes is laid out as it is addressed. One with them has each page's main bytes followed by its
//! spare bytes, page after page, as `nanddump --oob` of mtd-utils writes them. Nothing else is kept: a bad block is one
//! whose marker says so, and that is among the spare bytes; locks are lost with the power.

use super::image::Image;
use std::{io, path::Path, sync::Arc};

/// What an erased cell reads as.
pub(super) const ERASED: u8 = 0xff;

/// All cells of a flash.
#[derive(Debug)]
pub(super) struct Cells {
    /// Of a block, in bytes.
    block: usize,
    blocks: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Block by block; `None` is an erased one. Shared with the stand-ins that were made of it.
    Memory(Vec<Option<Arc<Vec<u8>>>>),
    File(Image),
}

/// New cells for old ones.
#[derive(Debug)]
pub(super) struct Change {
    /// From which cell on.
    pub(super) at: u64,
    /// Where that is, as clients count.
    pub(super) address: u64,
    pub(super) old: Vec<u8>,
    pub(super) new: Vec<u8>,
}

impl Cells {
    /// Erased ones, as many blocks of so many bytes.
    pub(super) fn erased(block: usize, blocks: usize) -> Self {
        Cells { block, blocks, place: Place::Memory(vec![None; blocks]) }
    }

    /// Those of the file at `path`.
    ///
    /// # Errors
    /// In words, if they cannot be kept there.
    pub(super) fn in_file(path: &Path, block: usize, blocks: usize) -> Result<Self, String> {
        let image = Image::open(path, block as u64 * blocks as u64)?;
        Ok(Cells { block, blocks, place: Place::File(image) })
    }

    /// A copy in memory; `None` if the file cannot be read.
    pub(super) fn copy(&self) -> Option<Self> {
        let blocks = match &self.place {
            Place::Memory(blocks) => blocks.clone(),
            Place::File(_) => (0..self.blocks).map(|block| self.copy_of(block)).collect::<io::Result<_>>().ok()?,
        };
        Some(Cells { place: Place::Memory(blocks), ..*self })
    }

    fn copy_of(&self, block: usize) -> io::Result<Option<Arc<Vec<u8>>>> {
        let cells = self.read(block as u64 * self.block as u64, self.block)?;
        Ok((!is_erased(&cells)).then(|| Arc::new(cells)))
    }

    pub(super) fn read(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut cells = vec![ERASED; length];
        match &self.place {
            Place::File(image) => image.read(at, &mut cells)?,
            Place::Memory(blocks) => pieces(self.block, at, length).for_each(|piece| {
                if let Some(block) = &blocks[piece.block] {
                    cells[piece.part].copy_from_slice(&block[piece.inside]);
                }
            }),
        }
        Ok(cells)
    }

    /// Takes effect as a whole or, with an error, not at all. When it comes back, the file has it.
    pub(super) fn change(&mut self, Change { at, old, new, .. }: &Change) -> io::Result<()> {
        match &mut self.place {
            Place::File(image) => image.replace(*at, old, new)?,
            Place::Memory(blocks) => pieces(self.block, *at, new.len()).for_each(|piece| {
                let (cells, block) = (&new[piece.part], &mut blocks[piece.block]);
                if cells.len() == self.block && is_erased(cells) {
                    *block = None;
                } else {
                    let block = block.get_or_insert_with(|| Arc::new(vec![ERASED; self.block]));
                    Arc::make_mut(block)[piece.inside].copy_from_slice(cells);
                }
            }),
        }
        Ok(())
    }
}

fn is_erased(cells: &[u8]) -> bool {
    cells.iter().all(|cell| *cell == ERASED)
}

/// A part of a range that lies in one block.
struct Piece {
    block: usize,
    /// Of the range.
    part: std::ops::Range<usize>,
    /// Of the block.
    inside: std::ops::Range<usize>,
}

fn pieces(size: usize, at: u64, length: usize) -> impl Iterator<Item = Piece> {
    let at = at as usize;
    let blocks = if length == 0 { 0..0 } else { at / size..(at + length).div_ceil(size) };
    blocks.map(move |block| {
        let (start, end) = ((block * size).max(at), ((block + 1) * size).min(at + length));
        Piece { block, part: start - at..end - at, inside: start - block * size..end - block * size }
    })
}
