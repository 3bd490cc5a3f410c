//! The flash models, as their class drives them.

mod bench;
#[path = "../chance/mod.rs"]
mod chance;
mod client;
mod config;
mod correction;
mod dma;
mod files;
mod kinds;
mod races;
mod random;
mod shadow;
mod stress;
#[path = "../time/mod.rs"]
mod time;
mod timing;
mod torn;
