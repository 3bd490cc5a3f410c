//! The flash models, as their class drives them.

mod bench;
mod config;
mod correction;
mod files;
mod kinds;
mod races;
mod random;
mod shadow;
#[path = "../time/mod.rs"]
mod time;
mod timing;
mod torn;
