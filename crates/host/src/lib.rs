//! Brings devices to unmodified programs: fronts, labs, control. The only crate that talks to the running kernel.

pub mod control;
pub mod lab;
pub mod trial;
