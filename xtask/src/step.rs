//! One command of a run: shown, limited in time, its tests counted.

use crate::{tally::Tally, workspace};
use std::{
    ffi::{OsStr, OsString},
    io::{self, BufRead, BufReader, Write},
    process::{ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

/// A command that has not been run yet.
pub(crate) struct Step {
    /// What it is for, as a heading.
    pub(crate) title: String,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    limit: Duration,
    has_tests: bool,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The tests that its output told of.
    pub(crate) tally: Tally,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
}

impl Step {
    /// Any program.
    pub(crate) fn new<A: AsRef<OsStr>>(title: &str, program: impl AsRef<OsStr>, arguments: &[A]) -> Step {
        Step {
            title: title.to_owned(),
            program: program.as_ref().to_owned(),
            arguments: arguments.iter().map(|argument| argument.as_ref().to_owned()).collect(),
            environment: Vec::new(),
            limit: Duration::from_secs(15 * 60),
            has_tests: false,
        }
    }

    /// A cargo command, in the words of the command line.
    pub(crate) fn cargo(title: &str, arguments: &str) -> Step {
        Step::new(title, workspace::cargo(), &arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Step {
        self.environment.push((name, value.as_ref().to_owned()));
        self
    }

    /// Stops the step, and everything it started, when it has run for so long; a failure. 15 minutes unless told.
    pub(crate) fn limit(mut self, limit: Duration) -> Step {
        self.limit = limit;
        self
    }

    /// Says that the step runs tests: then it is a failure if it runs none.
    pub(crate) fn tests(mut self) -> Step {
        self.has_tests = true;
        self
    }

    /// Runs it, and passes its output through.
    pub(crate) fn run(&self) -> Outcome {
        let failed = |failure| Outcome { tally: Tally::default(), failure: Some(failure) };
        let mut child = match self.command().spawn() {
            Ok(child) => child,
            Err(error) => return failed(format!("cannot start: {error}")),
        };
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let tally = Arc::new(Mutex::new(Tally::default()));
        let (closed, until_closed) = mpsc::channel();
        thread::spawn({
            let tally = Arc::clone(&tally);
            move || {
                pass_through(stdout, &tally);
                closed.send(()).ok();
            }
        });
        let status = match child.wait() {
            Ok(status) => status,
            Err(error) => return failed(format!("cannot wait for it: {error}")),
        };
        // The output ends with the last process that holds it, which may be one that was left behind.
        let leftover = until_closed.recv_timeout(Duration::from_secs(5)).is_err();
        let tally = *tally.lock().unwrap_or_else(PoisonError::into_inner);
        Outcome { tally, failure: self.failure(status, tally, leftover) }
    }

    /// The command line under `setpriv` (so that it ends when we do) and `timeout` (which ends its whole process group).
    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "timeout", "--kill-after=10"]);
        command.arg(self.limit.as_secs().max(1).to_string()).arg(&self.program).args(&self.arguments);
        command.current_dir(workspace::root()).stdin(Stdio::null()).stdout(Stdio::piped());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn failure(&self, status: ExitStatus, tally: Tally, leftover: bool) -> Option<String> {
        match status.code() {
            Some(0) if leftover => Some("it left a process behind that holds its output open".to_owned()),
            Some(0) if self.has_tests && tally.ran() == 0 => Some("it ran no test".to_owned()),
            Some(0) => None,
            Some(124 | 137) => Some(format!("stopped after its limit of {} s", self.limit.as_secs())),
            Some(127) => Some(format!("{} is not installed", self.program.display())),
            Some(code) if tally.failed > 0 => Some(format!("{} tests failed (exit status {code})", tally.failed)),
            Some(code) => Some(format!("exit status {code}")),
            None => Some(status.to_string()),
        }
    }
}

fn pass_through(from: ChildStdout, tally: &Mutex<Tally>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line);
        print!("{text}"); // and not a write to stdout, which a test of this would not capture
        io::stdout().flush().ok();
        if let Some(more) = Tally::of_line(&text) {
            *tally.lock().unwrap_or_else(PoisonError::into_inner) += more;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Step {
        Step::new("a script", "sh", &["-c", script])
    }

    fn failure_of(step: &Step) -> String {
        step.run().failure.unwrap_or_default()
    }

    #[test]
    fn counts_the_tests_and_takes_the_exit_status() {
        let outcome = sh("echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured'").tests().run();
        assert_eq!((outcome.tally.passed, outcome.failure), (3, None));
        let outcome =
            sh("echo 'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured'; exit 101").tests().run();
        assert_eq!((outcome.tally.failed, outcome.failure.as_deref()), (2, Some("2 tests failed (exit status 101)")));
    }

    #[test]
    fn a_test_run_without_a_test_is_a_failure() {
        assert_eq!(failure_of(&sh("true").tests()), "it ran no test");
        assert_eq!(sh("true").run().failure, None);
    }

    #[test]
    fn says_why_it_failed() {
        assert_eq!(failure_of(&sh("exit 3")), "exit status 3");
        assert_eq!(failure_of(&Step::new::<&str>("", "no-such-program", &[])), "no-such-program is not installed");
        assert_eq!(failure_of(&sh("sleep 60").limit(Duration::from_secs(1))), "stopped after its limit of 1 s");
    }

    #[test]
    fn a_process_left_behind_is_a_failure() {
        assert_eq!(failure_of(&sh("setsid sleep 8 &")), "it left a process behind that holds its output open");
    }
}
