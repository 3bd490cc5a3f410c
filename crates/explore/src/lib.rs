//! Pulls the device of a program at every operation in turn and says how the program took it.
//!
//! An [`Explorer`] first has the program run without a pull, which gives the operations; then it runs it afresh for
//! each of the points that it was asked for, with the device pulled there, and judges each run by what the program did
//! from the pull to its end ([`Verdict`]). The outcome is a [`Report`], which [`table`] prints.
//!
//! Nothing here starts a process: a [`Runner`] carries out the runs.

pub mod closeup;
pub mod errno;
mod explorer;
mod operations;
mod paint;
mod plain;
mod point;
mod points;
mod report;
mod runner;
pub mod signal;
pub mod table;
mod verdict;

pub use explorer::{Explorer, Request, Watch};
pub use outlive_host::trial::Name;
pub use paint::Paint;
pub use plain::{Plain, PlainError};
pub use point::Point;
pub use points::{NoSuchPoint, Points, PointsError};
pub use report::{Failure, PlainRun, Report, UsedLimits};
pub use runner::{Runner, RunnerError};
pub use verdict::{Judge, UnknownVerdict, Verdict};
