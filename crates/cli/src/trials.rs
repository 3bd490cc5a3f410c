//! Carries out the runs of an exploration, each in a process of its own.

use crate::worker::{self, Said};
use outlive_explore::{Runner, RunnerError};
use outlive_host::trial::{Observed, Trial};
use serde::{Deserialize, Serialize};
use std::{os::unix::process::CommandExt, process::Command, time::Duration};

/// The command, not for people, that carries out one run.
pub(crate) const COMMAND: &str = "__trial";

/// The process of a run that has not answered so long after the time limit of its program is broken itself. Long, since
/// a busy machine must not look broken: a run that stops its program takes a fraction of a second to say so.
const PATIENCE: Duration = Duration::from_secs(10);

/// What that command answers.
#[derive(Serialize, Deserialize)]
pub(crate) enum Answer {
    /// What was seen.
    Seen(Observed),
    /// The lab cannot be.
    NoLab(String),
    /// The program cannot be executed.
    NotExecuted(String),
    /// The run could not be carried out.
    Failed(String),
}

/// Starts this very binary again for each run. A run forks its client, which a process with threads must not do; and
/// whatever a client does to its supervisor stays in that process.
pub(crate) struct Trials;

impl Runner for Trials {
    fn run(&self, trial: &Trial) -> Result<Observed, RunnerError> {
        let task = serde_json::to_vec(trial).map_err(|error| ours("cannot put a run into words", &error))?;
        let limit = limit(trial).map_or(Duration::MAX, |limit| limit.saturating_add(PATIENCE));
        let said =
            worker::carry_out(command(), &task, limit).map_err(|error| ours("lost the process of a run", &error))?;
        let answer: Option<Answer> = serde_json::from_slice(&said.output).ok();
        match answer {
            Some(Answer::Seen(seen)) => Ok(seen),
            Some(Answer::NoLab(why)) => Err(RunnerError::Lab(why)),
            Some(Answer::NotExecuted(why)) => Err(RunnerError::Command(why)),
            Some(Answer::Failed(why)) => Err(RunnerError::Ours(why)),
            None => Err(RunnerError::Ours(no_answer(trial, &said))),
        }
    }
}

/// The time limit of a run: that of its program, and that of its check. Without one it may take as long as it likes.
fn limit(trial: &Trial) -> Option<Duration> {
    let check = trial.check.as_ref().map_or(Some(Duration::ZERO), |check| check.time)?;
    Some(trial.limits.time?.saturating_add(check))
}

fn ours(what: &str, error: &dyn std::fmt::Display) -> RunnerError {
    RunnerError::Ours(format!("{what}: {error}"))
}

fn command() -> Command {
    // This binary, also if another one has taken its place on the disk.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("outlive").arg(COMMAND);
    command
}

fn no_answer(trial: &Trial, said: &Said) -> String {
    let errors = String::from_utf8_lossy(&said.errors);
    let errors = if errors.trim().is_empty() { String::new() } else { format!("; it said: {}", errors.trim()) };
    match (said.status, limit(trial)) {
        (None, Some(limit)) => format!(
            "the process of a run was killed, as it had not answered {} s after the run's time limit of {} s{errors}; \
             this is a fault of outlive or of this machine, not of the program",
            PATIENCE.as_secs(),
            limit.as_secs_f64()
        ),
        (None, None) => format!("the process of a run gave no answer{errors}"),
        (Some(status), _) => format!("the process of a run gave no answer ({status}){errors}"),
    }
}
