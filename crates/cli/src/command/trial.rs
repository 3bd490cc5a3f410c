use crate::{copies::Copies, terminal, trials::Answer};
use outlive_host::{
    front::run::StartError,
    trial::{self, Trial, TrialError},
};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Carry out one run of an exploration: a trial comes in as JSON, and what was seen goes out
#[derive(clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// Must be called while the process has one thread: the run forks.
    pub(crate) fn run(self) -> ExitCode {
        // Whoever asked for this run is gone if it dies before it has the answer: then nobody waits for the run's end.
        if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
            terminal::complain(format_args!("this run may outlive its explorer: {error}"));
        }
        let answer = read().map_or_else(Answer::Failed, carry_out);
        match hand_over(&answer) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                terminal::complain(format_args!("cannot hand over what was seen: {error}"));
                ExitCode::from(125)
            }
        }
    }
}

/// In as few pieces as the pipe takes it: each wakes the explorer.
fn hand_over(answer: &Answer) -> io::Result<()> {
    io::stdout().write_all(&serde_json::to_vec(answer)?)?;
    io::stdout().flush()
}

fn read() -> Result<Trial, String> {
    let text = io::read_to_string(io::stdin()).map_err(|error| format!("cannot read the trial: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("this is no trial: {error}"))
}

fn carry_out(mut trial: Trial) -> Answer {
    let copies = match Copies::of(&mut trial.lab) {
        Ok(copies) => copies,
        Err(error) => return Answer::Failed(format!("cannot copy a chip's content: {error}")),
    };
    let seen = trial::run(&trial);
    drop(copies);
    match seen {
        Ok(seen) => Answer::Seen(seen),
        Err(TrialError::Lab(error)) => Answer::NoLab(error.to_string()),
        Err(error @ TrialError::Start(StartError::Execute { .. })) => Answer::NotExecuted(error.to_string()),
        Err(error) => Answer::Failed(error.to_string()),
    }
}
