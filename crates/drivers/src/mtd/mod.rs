//! mtd: flash chips, as plain state: NOR, NAND with spare bytes, error correction and bad blocks, and plain memory.
//!
//! What they do is taken from what Linux' own models and drivers do (mtdram, nandsim, `drivers/mtd/nand`), and from the
//! data sheets' common ground: programming clears bits, erasing sets those of a block. The codes are real ones, so that
//! what stands among the spare bytes is what Linux would have put there, and what is wrong with it shows.
//!
//! ```
//! use outlive_drivers::{clock::Clock, mtd::FlashConfig};
//! use std::{collections::BTreeMap, sync::Arc};
//! # #[derive(Debug)] struct Still;
//! # impl Clock for Still {
//! #     fn now(&self) -> std::time::Duration { std::time::Duration::ZERO }
//! #     fn after(&self, _: std::time::Duration, _: Box<dyn FnOnce() + Send>) {}
//! # }
//! # let clock: Arc<dyn Clock> = Arc::new(Still);
//! let keys = |text: &str| -> BTreeMap<_, _> {
//!     text.split(',').filter_map(|part| part.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
//! };
//! let nand = FlashConfig { model: "nand".to_owned(), keys: keys("size=128MiB,ecc=4,bad=3+17") };
//! assert_eq!(nand.build(clock.clone())?.geometry().ecc_strength, 4);
//!
//! let odd = FlashConfig { model: "nor".to_owned(), keys: keys("size=100KiB,erase=64KiB") };
//! assert!(odd.build(clock).unwrap_err().to_string().contains("whole number of erase blocks"));
//! # Ok::<(), outlive_drivers::mtd::ConfigError>(())
//! ```

mod array;
mod bch;
mod bounce;
mod cells;
mod chip;
mod code;
mod config;
mod dice;
mod field;
mod flips;
mod hamming;
mod image;
mod linear;
mod nand;
mod nand_config;
mod tear;

pub use crate::keys::ConfigError;
pub use config::{FlashConfig, known_models};
