//! uio: boards that a program drives from user space, as plain state.
//!
//! ```
//! use outlive_drivers::{clock::Clock, uio::{BoardConfig, Timer}};
//! use std::{collections::BTreeMap, sync::Arc};
//! # #[derive(Debug)] struct Still;
//! # impl Clock for Still {
//! #     fn now(&self) -> std::time::Duration { std::time::Duration::ZERO }
//! #     fn after(&self, _: std::time::Duration, _: Box<dyn FnOnce() + Send>) {}
//! # }
//! # let clock: Arc<dyn Clock> = Arc::new(Still);
//! let keys = BTreeMap::from([("period".to_owned(), "never".to_owned())]);
//! let refused = BoardConfig { model: "timer".to_owned(), keys }.build(clock).unwrap_err();
//! assert!(refused.to_string().contains("write a number and ns, us, ms"));
//! ```

mod config;
mod timer;

pub use crate::keys::ConfigError;
pub use config::{BoardConfig, known_models};
pub use timer::{Timer, register};
