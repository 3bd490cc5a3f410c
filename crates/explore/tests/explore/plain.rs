//! The run without a pull: what makes it one to build on.

use crate::program::{Program, Then, dump};
use outlive_explore::{Explorer, Plain, PlainError, Request, Runner, RunnerError};
use outlive_host::trial::{Chunk, Death, End, Observed, Stopped, Trial};

/// A runner that always sees the same.
struct Always(Observed);

impl Runner for Always {
    fn run(&self, trial: &Trial) -> Result<Observed, RunnerError> {
        assert_eq!(trial.pull, None);
        Ok(self.0.clone())
    }
}

#[track_caller]
fn refused(seen: Observed, expected: &str) {
    let error = Plain::find(&Always(seen), &Request { command: vec!["x".into()], ..Request::default() }).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_program_that_fails_by_itself_is_not_explored() {
    let with = |end| Observed { end, ..Observed::default() };
    refused(with(End::Exit(1)), "without a pull the program exited with 1; make it succeed first");
    refused(
        with(End::Exit(127)),
        "without a pull the program exited with 127 (a shell's code for a command that is not found); make it succeed \
         first",
    );
    refused(with(End::Signal(11)), "without a pull the program died of SIGSEGV; make it succeed first");
    let death = Death { pid: 3, comm: "child".into(), signal: 6, command: false };
    refused(
        Observed { deaths: vec![death], ..Observed::default() },
        "without a pull the program had a process child that died of SIGABRT; make it succeed first",
    );
    let stopped = Some(Stopped::Time { burning: false });
    refused(
        Observed { stopped, wall: std::time::Duration::from_secs(7), ..with(End::Signal(9)) },
        "without a pull the program had not ended after 7.0 s; make it succeed first",
    );
}

#[test]
fn a_program_that_uses_no_device_is_not_explored() {
    let text = "looking at /dev/i2c-1\x1b[2J\nnothing there\n".to_owned();
    refused(
        Observed { output: vec![Chunk { stream: 2, text, after_operation: 0 }], ..Observed::default() },
        "the program ran but used none of the devices, so there is nothing to pull; does its command line name one of \
         them?\nthe last that it wrote:\n  | looking at /dev/i2c-1\\u{1b}[2J\n  | nothing there",
    );
}

#[test]
fn the_plain_run_is_done_twice_and_compared() {
    let program = Program::new(dump, Then::Exit(1));
    let explorer = program.prepare();
    assert!(explorer.plain().deterministic);
    assert_eq!((explorer.plain().count, program.pulls()), (18, vec!["-".to_owned(); 2]));
    let program = Program::new(|run| dump(run).split_off(run), Then::Exit(1));
    assert!(!program.prepare().plain().deterministic);
}

#[test]
fn a_runner_that_breaks_is_told_from_a_program_that_fails() {
    let program = Program { breaks_at: Some(1), ..Program::new(dump, Then::Exit(1)) };
    let error = Explorer::prepare(&program, Request::default()).err().unwrap();
    assert_eq!(error, PlainError::Runner(RunnerError::Ours("no more processes".into())));
}
