//! I2C: a bus with chips on it, as plain state.
//!
//! ```
//! use outlive_drivers::{clock::Clock, i2c::{Bus, ChipConfig}};
//! use std::{collections::BTreeMap, sync::Arc};
//! # #[derive(Debug)] struct Still;
//! # impl Clock for Still {
//! #     fn now(&self) -> std::time::Duration { std::time::Duration::ZERO }
//! #     fn after(&self, _: std::time::Duration, _: Box<dyn FnOnce() + Send>) {}
//! # }
//! # let clock: Arc<dyn Clock> = Arc::new(Still);
//! let keys = BTreeMap::from([("twr".to_owned(), "5ms".to_owned())]);
//! let eeprom = ChipConfig { model: "24c02".to_owned(), address: 0x50, keys };
//! let bus = Bus::new(std::slice::from_ref(&eeprom), clock.clone())?;
//!
//! let twice = Bus::new(&[eeprom.clone(), eeprom], clock).unwrap_err();
//! assert!(twice.to_string().contains("both answer to 0x50"));
//! # Ok::<(), outlive_drivers::i2c::ConfigError>(())
//! ```

mod bus;
mod chip;
mod config;
mod eeprom;
mod lm75;
mod registers;
mod sram;
mod tmp102;
mod wire;

pub use bus::Bus;
pub use chip::{Ack, Chip, Direction};
pub use config::{ChipConfig, ConfigError, known_models};
