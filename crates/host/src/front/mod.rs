//! Fronts: where a client's system calls come in. What they share is here: open files, calls in flight, the threads
//! that carry both, and the descriptors that they take.

mod crew;
mod deliveries;
mod descriptor_limit;
mod flight;
mod killing;
mod open_file;
pub mod run;
pub mod serve;
