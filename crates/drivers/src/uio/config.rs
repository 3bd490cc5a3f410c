//! What a lab says about a board.

use super::timer::{FASTEST, Timer};
use crate::{
    clock::Clock,
    keys::{ConfigError, Keys},
    value,
};
use outlive_classes::{PAGE_SIZE, uio::Driver};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A board: `timer,size=4KiB,period=10ms`.
///
/// Keys of `timer`: `size=SIZE`, the region with its registers (4KiB); `ram=SIZE`, a second region of plain memory (none);
/// `period=DURATION` between two interrupts, at least 100us (10ms; `0`: the board has no interrupt at all).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoardConfig {
    /// What it is: one of [`known_models`].
    pub model: String,
    /// Everything else, by name.
    pub keys: BTreeMap<String, String>,
}

const TIMER: &str = "timer";
const KEYS: [&str; 3] = ["period", "ram", "size"];
/// The largest region, in bytes: what clients touch of it is real memory.
const LARGEST: u64 = 64 << 20;

/// The models that a [`BoardConfig`] can name.
pub fn known_models() -> impl Iterator<Item = &'static str> {
    [TIMER].into_iter()
}

impl BoardConfig {
    /// Makes the board, which lives in the time of `clock`.
    ///
    /// # Errors
    /// [`ConfigError`], which says what is wrong and what to do.
    pub fn build(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Driver>, ConfigError> {
        if !self.model.eq_ignore_ascii_case(TIMER) {
            let known = known_models().collect();
            return Err(ConfigError::UnknownModel { what: "board", model: self.model.clone(), known });
        }
        let keys = Keys::new(TIMER, &self.keys, &KEYS)?;
        let registers = size(&keys, "size")?.unwrap_or(PAGE_SIZE);
        let regions = [Some(registers), size(&keys, "ram")?].into_iter().flatten().collect();
        let period = keys.value("period", value::parse_duration)?.unwrap_or(Duration::from_millis(10));
        if !period.is_zero() && (period < FASTEST || u32::try_from(period.as_micros()).is_err()) {
            return Err(ConfigError::range("period", "from 100us to 1h, or 0 for a board without an interrupt"));
        }
        Ok(Box::new(Timer::new(regions, period, clock)))
    }
}

fn size(keys: &Keys<'_>, key: &'static str) -> Result<Option<u64>, ConfigError> {
    match keys.value(key, value::parse_size)? {
        Some(size) if size == 0 || size > LARGEST || !size.is_multiple_of(PAGE_SIZE) => {
            Err(ConfigError::range(key, "a region is a whole number of pages, from 4KiB to 64MiB"))
        }
        size => Ok(size),
    }
}
