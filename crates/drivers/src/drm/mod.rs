//! drm: a card whose displays are nowhere but can be looked at.
//!
//! ```
//! use outlive_drivers::{clock::Clock, drm::CardConfig};
//! use std::{collections::BTreeMap, sync::Arc};
//! # #[derive(Debug)] struct Still;
//! # impl Clock for Still {
//! #     fn now(&self) -> std::time::Duration { std::time::Duration::ZERO }
//! #     fn after(&self, _: std::time::Duration, _: Box<dyn FnOnce() + Send>) {}
//! # }
//! # let clock: Arc<dyn Clock> = Arc::new(Still);
//! let keys = BTreeMap::from([("mode".to_owned(), "large".to_owned())]);
//! let refused = CardConfig { model: "virtual".to_owned(), keys }.build(clock).unwrap_err();
//! assert!(refused.to_string().contains("such as 1280x800 or 1280x800@60"));
//! ```

mod beam;
mod compose;
mod config;
mod displays;

pub use crate::keys::ConfigError;
pub use compose::compose;
pub use config::{CardConfig, known_models};
pub use displays::VirtualDisplays;
