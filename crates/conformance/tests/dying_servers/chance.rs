//! Numbers that a seed decides.

/// The first seed, unless `OUTLIVE_SEED` says another.
const SEED: u64 = 0x6f75_746c_6976_6537;

/// SplitMix64, of which every seed is a good one (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance(u64);

/// The seed of this run.
pub(crate) fn seed() -> u64 {
    std::env::var("OUTLIVE_SEED").map_or(SEED, |text| text.parse().expect("OUTLIVE_SEED is a number"))
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Chance(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
