//! Fronts: where a client's system calls come in. What they share is here: open files, calls in flight, and the threads
//! that carry both.

mod crew;
mod deliveries;
mod flight;
mod killing;
mod open_file;
pub mod run;
pub mod serve;
