//! Weak cells: bits that come out wrong whenever they are programmed.

use super::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};

/// Which cells of the main area are weak. The same ones for good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Flips {
    /// None.
    None,
    /// So many in the first step of these pages.
    Pages(BTreeMap<u64, u32>),
    /// One in some of all steps: about one step of so many.
    Rate { one_in: u64, seed: u64 },
}

impl Flips {
    /// The weak bits of a page, counted from its beginning, the lowest bit of each byte first. `step` and `page` are sizes
    /// in bytes.
    pub(super) fn of(&self, number: u64, step: usize, page: usize) -> BTreeSet<usize> {
        match self {
            Flips::None => BTreeSet::new(),
            Flips::Pages(pages) => {
                let count = pages.get(&number).map_or(0, |count| *count as usize);
                let (mut dice, mut weak) = (Dice::of(0, number), BTreeSet::new());
                while weak.len() < count {
                    weak.insert(dice.below(8 * step as u64) as usize);
                }
                weak
            }
            Flips::Rate { one_in, seed } => {
                let mut dice = Dice::of(*seed, number);
                let weak_in = |start: usize| {
                    let (weak, bit) = (dice.below(*one_in) == 0, dice.below(8 * step as u64) as usize);
                    weak.then_some(8 * start + bit)
                };
                (0..page).step_by(step).filter_map(weak_in).collect()
            }
        }
    }
}
