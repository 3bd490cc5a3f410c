//! One run of a program under watch: what `explore` asks for, and what it gets. Plain data, so that a trial can be
//! carried out in a process of its own.

mod check;
mod look;
mod milliseconds;
mod name;
mod record;
mod replug;
mod run;

pub(crate) use look::Comms;
pub use name::Name;
pub use run::{TrialError, run};

use crate::{front::run::Road, lab::LabConfig};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A run to be carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The devices, fresh for this run.
    pub lab: LabConfig,
    /// Which way its calls take.
    #[serde(default)]
    pub road: Road,
    /// Where to pull; `None` for the run without a pull.
    pub pull: Option<Pull>,
    /// When what was pulled comes back; `None`: not before the program has ended.
    #[serde(default)]
    pub replug: Option<Replug>,
    /// What judges the state that the devices are left in.
    #[serde(default)]
    pub check: Option<Check>,
    /// When to stop it.
    pub limits: Limits,
}

/// When a device that was pulled is plugged in again: its next generation, in the same place, with the same hardware and
/// what that has kept. Never before the removal is complete, so not before the fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replug {
    /// When so many operations on it came after the one that was pulled. With 0 at once: whoever opens it after having
    /// been told of the pull finds it.
    Operations(u64),
    /// So long after the removal.
    #[serde(rename = "time_ms", with = "milliseconds")]
    Time(Duration),
}

/// A command that judges the state that the devices were left in, when the whole tree of the program has ended. It runs on
/// the same devices, all of which are there: what was pulled is plugged in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// A line for `sh -c`. `OUTLIVE_EXIT` in its environment says how the program ended, as a shell has it.
    pub command: String,
    /// How long it may take.
    pub time: Option<Duration>,
}

/// A pull, as an operation arrives and before it enters. The device that is pulled is the one that operation is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pull {
    /// At the operation with this number, from 1.
    At(u64),
    /// At the operation with this name, whatever its number is in this run.
    Named(Name),
}

/// What a program may do before it is stopped. `None`: without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// From its start.
    pub time: Option<Duration>,
    /// Operations after the pull.
    pub operations: Option<u64>,
    /// Bytes of output after the pull.
    pub output: Option<u64>,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The operations in the order in which they reached their device. At most [`Observed::KEPT`] are kept.
    pub operations: Vec<Operation>,
    /// How many there were in all.
    pub operation_count: u64,
    /// Whether the pull took place.
    pub pulled: bool,
    /// Whether what was pulled came back before the program had ended.
    #[serde(default)]
    pub replugged: bool,
    /// What the check said, if there was one.
    #[serde(default)]
    pub check: Option<Checked>,
    /// How the program ended.
    pub end: End,
    /// Why it was stopped, if it was.
    pub stopped: Option<Stopped>,
    /// Processes of the tree that died of a signal that we did not send.
    pub deaths: Vec<Death>,
    /// What every thread of the tree was doing when the time limit passed.
    pub threads: Vec<Thread>,
    /// What the program wrote, in the order in which we read it. At most [`Observed::KEPT_OUTPUT`] bytes are kept.
    pub output: Vec<Chunk>,
    /// Bytes of output after the pull.
    pub output_after: u64,
    /// How long it ran.
    pub wall: Duration,
}

impl Observed {
    /// How many operations are kept.
    pub const KEPT: usize = 100_000;
    /// How many bytes of output are kept.
    pub const KEPT_OUTPUT: usize = 1 << 20;
}

/// One operation on a device of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number in this run, from 1.
    pub number: u64,
    /// The device: `i2c-7`.
    pub device: String,
    /// The thread that made the call.
    pub pid: u32,
    /// That thread's name.
    pub comm: String,
    /// The system call: `open`, `read`, `write`, `ioctl`.
    pub call: String,
    /// As the class names it: `I2C_SMBUS read_byte_data 0x50 reg 0x1f`.
    pub what: String,
    /// Whether it came after the pull (or is the one that was pulled).
    pub after_pull: bool,
    /// What it got; `None` if it was never answered.
    pub answer: Option<Answered>,
    /// It succeeded and brought nothing, since its device had gone: as I2C_FUNCS without functions.
    #[serde(default)]
    pub hollow: bool,
    /// Whether what it was for (that life of the device) had gone when it failed.
    #[serde(default)]
    pub gone: bool,
}

/// What a check said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// How it ended: the state is good if it exits with 0.
    pub end: End,
    /// It had not ended after its time, and was killed.
    pub stopped: bool,
    /// The last that it wrote, of both streams: at most [`Checked::KEPT`] bytes.
    pub output: String,
    /// How long it ran.
    #[serde(rename = "wall_ms", with = "milliseconds")]
    pub wall: Duration,
}

impl Checked {
    /// How many bytes of output are kept.
    pub const KEPT: usize = 16 << 10;

    /// Whether the state is good.
    pub fn agrees(&self) -> bool {
        !self.stopped && self.end == End::Exit(0)
    }
}

/// What an operation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answered {
    /// It succeeded with this value (bytes for read and write).
    Ok(i64),
    /// It failed with this errno.
    Errno(i32),
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// By exiting.
    Exit(i32),
    /// By a signal.
    Signal(i32),
}

impl Default for End {
    fn default() -> Self {
        End::Exit(0)
    }
}

/// Which limit a program went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stopped {
    /// The time limit; `burning` if it was using a processor then, else it slept.
    Time {
        /// Whether it was burning processor time.
        burning: bool,
    },
    /// The limit of operations after the pull.
    Operations,
    /// The limit of output after the pull.
    Output,
}

/// A process that died of a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// The signal.
    pub signal: i32,
    /// Whether it is CMD itself.
    pub command: bool,
}

/// What a thread was doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The thread.
    pub tid: u32,
    /// Its name.
    pub comm: String,
    /// Its state letter, from `/proc/TID/stat`.
    pub state: char,
    /// The system call it is in, by name or number; `None` if it runs or cannot be asked.
    pub call: Option<String>,
    /// Where in the kernel it sleeps, from `/proc/TID/wchan`, if that is known.
    pub wchan: Option<String>,
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// 1 for standard output, 2 for standard error.
    pub stream: u8,
    /// What was written; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// How many operations had arrived by the time we read it.
    pub after_operation: u64,
}
