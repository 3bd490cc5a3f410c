//! The outcome of an exploration, as `--json` writes it and `--baseline` reads it.

use crate::{Name, Point, Verdict};
use outlive_host::trial::Replug;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How devices that were pulled answered: strict, quiet or linux.
    #[serde(default)]
    pub contract: String,
    /// Under that contract none of their calls fails because they have gone, so there was nothing to notice.
    #[serde(default)]
    pub concealed: bool,
    /// The run without a pull.
    pub plain: PlainRun,
    /// The limits of the runs with a pull.
    pub limits: UsedLimits,
    /// When the device that was pulled came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replug: Option<Replug>,
    /// The command that judged the state after each run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The points that were explored, by number.
    pub points: Vec<Point>,
    /// How many points were asked for but not explored.
    pub left: u64,
    /// The time after which no further run was begun, in milliseconds.
    #[serde(default)]
    pub budget_ms: Option<u64>,
    /// Why the exploration was given up, if it was.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// How long it took, without the runs without a pull, in milliseconds.
    pub wall_ms: u64,
}

/// What the program does without a pull.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlainRun {
    /// How many operations it has.
    pub operations: u64,
    /// How long it takes, in milliseconds.
    pub wall_ms: u64,
    /// Whether two runs had the same operations in the same order.
    pub deterministic: bool,
}

/// The limits that were used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedLimits {
    /// From the program's start, in milliseconds.
    pub time_ms: Option<u64>,
    /// Operations after the pull.
    pub operations: Option<u64>,
    /// Bytes of output after the pull.
    pub output: Option<u64>,
    /// An exit code that counts as having said that something is wrong.
    pub expect_exit: Option<i32>,
}

/// A run that could not be carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The point that it was for.
    pub at: u64,
    /// Why.
    pub message: String,
}

impl Report {
    /// How many points have `verdict`.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.points.iter().filter(|point| point.verdict == verdict).count()
    }

    /// The points that are worse than `allow` and than the same point in `baseline`. The same point is the one at the
    /// operation with the same name, wherever it is in the order.
    pub fn too_bad(&self, allow: Verdict, baseline: Option<&Report>) -> Vec<&Point> {
        let known: HashMap<&Name, Verdict> =
            baseline.iter().flat_map(|report| &report.points).map(|point| (&point.name, point.verdict)).collect();
        let bad = |point: &&Point| {
            point.verdict > allow && known.get(&point.name).is_none_or(|verdict| point.verdict > *verdict)
        };
        self.points.iter().filter(bad).collect()
    }

    /// The exit code of `outlive explore`: 0 if no point is too bad, 1 if one is, 125 if the exploration was given up.
    pub fn exit_code(&self, allow: Verdict, baseline: Option<&Report>) -> u8 {
        match self.failure {
            Some(_) => 125,
            None if self.too_bad(allow, baseline).is_empty() => 0,
            None => 1,
        }
    }
}
