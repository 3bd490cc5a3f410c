//! The demo: what Outlive does, on programs that everybody has.

pub(crate) mod clients;
mod show;

pub(crate) use show::show;
