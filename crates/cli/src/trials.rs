//! Carries out the runs of an exploration, each in a process of its own.

use outlive_explore::{Runner, RunnerError};
use outlive_host::trial::{Observed, Trial};
use serde::{Deserialize, Serialize};
use std::{
    io::Write,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// The hidden command that carries out one run.
pub(crate) const COMMAND: &str = "__trial";

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
        let failed = |what: &str, error: &dyn std::fmt::Display| RunnerError::Ours(format!("{what}: {error}"));
        let child = start().map_err(|error| failed("cannot start a process for a run", &error))?;
        let output = hand_over(child, trial).map_err(|error| failed("lost the process of a run", &error))?;
        let answer: Option<Answer> = serde_json::from_slice(&output.stdout).ok();
        match answer {
            Some(Answer::Seen(seen)) => Ok(seen),
            Some(Answer::NoLab(why)) => Err(RunnerError::Lab(why)),
            Some(Answer::NotExecuted(why)) => Err(RunnerError::Command(why)),
            Some(Answer::Failed(why)) => Err(RunnerError::Ours(why)),
            None => {
                let said = String::from_utf8_lossy(&output.stderr);
                let why = format!("the process of a run gave no answer ({}): {}", output.status, said.trim());
                Err(RunnerError::Ours(why))
            }
        }
    }
}

fn start() -> std::io::Result<Child> {
    // This binary, also if another one has taken its place on the disk.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("outlive").arg(COMMAND);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

fn hand_over(mut child: Child, trial: &Trial) -> std::io::Result<std::process::Output> {
    let text = serde_json::to_vec(trial)?;
    let mut input = child.stdin.take().expect("its input is a pipe");
    // The other side reads all of it before it writes anything, so this cannot block for good. If it has died instead,
    // what it said is worth more than the broken pipe.
    let _ = input.write_all(&text);
    drop(input);
    child.wait_with_output()
}
