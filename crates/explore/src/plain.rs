//! The run without a pull, which says what there is to pull at.

use crate::{Name, Request, Runner, RunnerError, operations, paint, signal, table, verdict};
use outlive_host::trial::{End, Limits, Observed, Stopped, Trial};
use std::time::Duration;

/// How long the run without a pull may take, unless its user says otherwise.
pub(crate) const PLAIN_LIMIT: Duration = Duration::from_secs(600);

/// What a program does when nobody pulls.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain {
    /// Its operations that can be pulled at, in order.
    pub names: Vec<Name>,
    /// How many operations it has in all; more than `names` only if there were too many to keep.
    pub count: u64,
    /// How long it ran: the longer one of two runs.
    pub wall: Duration,
    /// How long the check took after it, if there is one: the longer one of two.
    pub check_wall: Duration,
    /// Whether two runs had the same operations in the same order.
    pub deterministic: bool,
}

/// Why the run without a pull is nothing to build on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlainError {
    /// It failed by itself.
    #[error("without a pull the program {how}; make it succeed first{}", quoted(output))]
    Failed {
        /// How, as in "exited with 1".
        how: String,
        /// The end of what it wrote.
        output: String,
    },
    /// It used no device.
    #[error(
        "the program ran but used none of the devices, so there is nothing to pull; does its command line name one of \
         them?{}",
        quoted(output)
    )]
    Unused {
        /// The end of what it wrote.
        output: String,
    },
    /// The check is against it, so it could only be against everything.
    #[error(
        "without a pull the check {how}; it has to agree with what the program leaves behind then, so mend one of them{}",
        quoted(output)
    )]
    Condemned {
        /// How, as in "exited with 1".
        how: String,
        /// The end of what the check wrote.
        output: String,
    },
    /// It could not be run.
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

impl Plain {
    /// Runs the program of `request` twice without a pull and compares.
    ///
    /// # Errors
    /// [`PlainError`] if it does not exit with 0, uses no device, leaves a state that the check is against, or cannot be run.
    pub fn find(runner: &dyn Runner, request: &Request) -> Result<Plain, PlainError> {
        let limit = request.timeout.unwrap_or(PLAIN_LIMIT);
        let limits = Limits { time: Some(limit), ..Limits::default() };
        let trial = Trial { limits, check: request.check(limit), ..request.trial() };
        let first = succeed(runner.run(&trial)?)?;
        if first.operations.is_empty() {
            return Err(PlainError::Unused { output: tail(&first) });
        }
        let second = succeed(runner.run(&trial)?)?;
        let names = operations::names(&first.operations);
        let deterministic =
            first.operation_count == second.operation_count && names == operations::names(&second.operations);
        let check_wall = [&first, &second].into_iter().flat_map(|seen| &seen.check).map(|check| check.wall).max();
        Ok(Plain {
            names,
            count: first.operation_count,
            wall: first.wall.max(second.wall),
            check_wall: check_wall.unwrap_or_default(),
            deterministic,
        })
    }
}

fn succeed(seen: Observed) -> Result<Observed, PlainError> {
    let how = match (seen.stopped, seen.end) {
        (Some(Stopped::Time { .. }), _) => format!("had not ended after {:.1} s", seen.wall.as_secs_f64()),
        (Some(_), _) => "went over a limit".to_owned(),
        (None, End::Exit(0)) if !verdict::crashed(&seen) => return agreed(seen),
        (None, End::Exit(0)) => match seen.deaths.first() {
            Some(death) => format!("had a process {} that died of {}", death.comm, signal::name(death.signal)),
            None => return agreed(seen),
        },
        (None, End::Exit(127)) => "exited with 127 (a shell's code for a command that is not found)".to_owned(),
        (None, End::Exit(126)) => "exited with 126 (a shell's code for a file that cannot be executed)".to_owned(),
        (None, End::Exit(code)) => format!("exited with {code}"),
        (None, End::Signal(number)) => format!("died of {}", signal::name(number)),
    };
    Err(PlainError::Failed { how, output: tail(&seen) })
}

/// A run that succeeded, if the check agrees.
fn agreed(seen: Observed) -> Result<Observed, PlainError> {
    match seen.check.as_ref().filter(|check| !check.agrees()) {
        Some(check) => {
            Err(PlainError::Condemned { how: table::condemnation(check), output: last_lines(&check.output) })
        }
        None => Ok(seen),
    }
}

/// The last lines that a program wrote.
fn tail(seen: &Observed) -> String {
    last_lines(&seen.output.iter().map(|chunk| chunk.text.as_str()).collect::<String>())
}

fn last_lines(text: &str) -> String {
    const LINES: usize = 10;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn quoted(output: &str) -> String {
    if output.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = output.lines().map(|line| format!("  | {}", paint::printable(line))).collect();
    format!("\nthe last that it wrote:\n{}", lines.join("\n"))
}
