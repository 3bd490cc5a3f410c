//! Numbers without a plan that can be had again.

use std::{env, str::FromStr};

/// splitmix64: the same seed, the same numbers.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Those of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Chance(seed)
    }

    /// The next one.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next one, less than `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }
}

/// What the environment says of a run: `OUTLIVE_SEED`, and how long it is. What is no number is not passed over.
pub(crate) fn asked<T: FromStr>(variable: &str, default: T) -> T {
    match env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a whole number")),
        Err(_) => default,
    }
}
