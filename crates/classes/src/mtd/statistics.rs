//! What a device counts: `struct mtd_ecc_stats`.

use super::{Done, order::Asked};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How much was wrong with what was read, and how many blocks are bad; for one life.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    corrected: AtomicU32,
    failed: AtomicU32,
    bad: AtomicU32,
}

impl Statistics {
    /// `done` came back, which was `asked` for.
    pub(super) fn count(&self, asked: Asked, done: &Done) {
        match (asked, done) {
            (_, Done::Read(found)) => {
                self.corrected.fetch_add(found.corrected, Relaxed);
                self.failed.fetch_add(found.failed, Relaxed);
            }
            (Asked::Count { all: true }, Done::Count(bad)) => self.bad.store(*bad, Relaxed),
            _ => {}
        }
    }

    /// Bits that were corrected.
    pub(super) fn corrected(&self) -> u32 {
        self.corrected.load(Relaxed)
    }

    /// Steps that could not be corrected.
    pub(super) fn failed(&self) -> u32 {
        self.failed.load(Relaxed)
    }

    /// Blocks that are bad.
    pub(super) fn bad(&self) -> u32 {
        self.bad.load(Relaxed)
    }

    /// `struct mtd_ecc_stats` as the client has it. No block is reserved for a table of bad ones.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.corrected(), self.failed(), self.bad(), 0].map(u32::to_ne_bytes).concat()
    }

    /// The same numbers, for a stand-in.
    pub(super) fn copy(&self) -> Self {
        let copy = |number: &AtomicU32| AtomicU32::new(number.load(Relaxed));
        Statistics { corrected: copy(&self.corrected), failed: copy(&self.failed), bad: copy(&self.bad) }
    }
}
