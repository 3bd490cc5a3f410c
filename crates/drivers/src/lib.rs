//! The far end: drivers for the device classes. Models of chips as plain state.
//!
//! A driver here has no main, no socket and no thread; where it runs, and whose time it lives in, is the host's
//! business.

pub mod clock;
pub mod dma;
pub mod drm;
pub mod i2c;
pub mod input;
mod keys;
pub mod mtd;
pub mod uio;
pub mod value;
