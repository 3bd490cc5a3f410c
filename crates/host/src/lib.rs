//! Brings devices to unmodified programs: fronts, labs, control. The only crate that talks to the running kernel.

mod caller;
pub mod control;
pub mod dma;
pub mod doctor;
mod driver_server;
pub mod driving;
pub mod front;
mod fuse;
pub mod lab;
mod swtpm;
mod sys;
pub mod trace;
pub mod trial;
