//! input: devices that people touch, which do what a script or a recording says.
//!
//! ```
//! use outlive_drivers::{clock::Clock, input::InputConfig};
//! use std::{collections::BTreeMap, sync::Arc};
//! # #[derive(Debug)] struct Still;
//! # impl Clock for Still {
//! #     fn now(&self) -> std::time::Duration { std::time::Duration::ZERO }
//! #     fn after(&self, _: std::time::Duration, _: Box<dyn FnOnce() + Send>) {}
//! # }
//! # let clock: Arc<dyn Clock> = Arc::new(Still);
//! let keys = BTreeMap::from([("size".to_owned(), "large".to_owned())]);
//! let refused = InputConfig { model: "touchscreen".to_owned(), keys }.build(clock).unwrap_err();
//! assert!(refused.to_string().contains("a size in points, such as 800x480"));
//! ```

mod config;
mod evemu;
mod model;
mod models;
mod names;
mod player;
mod script;

pub use crate::keys::ConfigError;
pub use config::{InputConfig, known_models};
pub use evemu::description as recorded;
pub use model::Model;
pub use player::{Played, Playing};
pub use script::{Script, ScriptError};
