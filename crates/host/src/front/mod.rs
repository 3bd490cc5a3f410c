//! Fronts: where a client's system calls come in.

pub mod run;
