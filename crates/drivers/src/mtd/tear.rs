//! What is left of a change when the power goes in the middle of it.

use super::dice::Dice;

/// What becomes of the unit that is being changed when the flash goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tear {
    /// Nothing of it has happened.
    None,
    /// Some of its bits have changed, others have not; which ones follows from the seed and from how many have been torn
    /// before.
    Random { seed: u64, before: u64 },
}

impl Tear {
    /// What stands in the cells. Each bit is that of `old` or that of `new`.
    pub(super) fn apply(&mut self, old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
        let Tear::Random { seed, before } = self else { return None };
        let mut dice = Dice::of(*seed, *before);
        *before += 1;
        // How far it got: a quarter, a half or three quarters of the bits that change.
        let progress = dice.below(3);
        let mut changed = || match progress {
            0 => dice.roll() & dice.roll(),
            1 => dice.roll(),
            _ => dice.roll() | dice.roll(),
        };
        let mut torn = Vec::with_capacity(old.len());
        for (old, new) in old.chunks(8).zip(new.chunks(8)) {
            let mask = changed().to_le_bytes();
            torn.extend(old.iter().zip(new).zip(mask).map(|((old, new), mask)| (old & !mask) | (new & mask)));
        }
        Some(torn)
    }
}
