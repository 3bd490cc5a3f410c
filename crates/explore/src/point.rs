//! One point: the device pulled at one operation, and what came of it.

use crate::{
    Judge, Name, Verdict, operations,
    verdict::{self, after_pull, failed},
};
use outlive_host::trial::{Checked, Death, End, Observed, Stopped, Thread};
use serde::{Deserialize, Serialize};

/// The outcome of one run with a pull.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The number of the operation that was to be pulled, as the run without a pull counts.
    pub at: u64,
    /// The operation that was pulled; the one that was to be, if no pull took place.
    #[serde(flatten)]
    pub name: Name,
    /// How the program took it.
    pub verdict: Verdict,
    /// Whether the pull took place. It does not if the program never came to the operation in this run.
    pub pulled: bool,
    /// Whether what was pulled came back before the program had ended.
    #[serde(default)]
    pub replugged: bool,
    /// The operation that was to be pulled, if in all runs that were tried another one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Name>,
    /// How CMD ended.
    pub end: End,
    /// Which limit it was stopped at.
    pub stopped: Option<Stopped>,
    /// How many operations failed because of the pull.
    pub failed: u64,
    /// How many operations came with the pull or after it.
    pub after: u64,
    /// Bytes of output after the pull.
    pub output_after: u64,
    /// How long the program ran, in milliseconds.
    pub wall_ms: u64,
    /// Processes that died of a signal that we did not send.
    pub deaths: Vec<Death>,
    /// What each thread was doing at the time limit.
    pub threads: Vec<Thread>,
    /// What the check said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Checked>,
}

impl Point {
    /// The operation as it is shown.
    pub fn operation(&self) -> String {
        operations::shown(&self.name)
    }

    /// The outcome `seen` of pulling at operation `at`, which is `name`.
    pub fn new(at: u64, name: Name, seen: &Observed, judge: &Judge) -> Self {
        Point {
            at,
            name,
            verdict: judge.verdict(seen),
            pulled: verdict::pulled(seen).is_some(),
            replugged: seen.replugged,
            instead_of: None,
            end: seen.end,
            stopped: seen.stopped,
            failed: failed(seen),
            after: after_pull(seen),
            output_after: seen.output_after,
            wall_ms: u64::try_from(seen.wall.as_millis()).unwrap_or(u64::MAX),
            deaths: seen.deaths.clone(),
            threads: seen.threads.clone(),
            check: seen.check.clone(),
        }
    }
}
