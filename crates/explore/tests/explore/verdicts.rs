//! The table of verdicts, a case a line; each verdict has its canary here.

use crate::program::{ENODEV, operation};
use outlive_explore::{Judge, Verdict};
use outlive_host::trial::{Answered, Death, End, Limits, Observed, Stopped};

const LIMITS: Limits = Limits { time: None, operations: Some(1000), output: Some(1 << 20) };

/// A program that was pulled at its second of three operations.
pub(crate) fn pulled(end: End) -> Observed {
    let operations = (1..=3).map(|number| operation(number, "ioctl", "I2C_FUNCS", number >= 2)).collect();
    Observed { operations, operation_count: 3, pulled: true, end, ..Observed::default() }
}

pub(crate) fn stopped(stopped: Stopped) -> Observed {
    Observed { stopped: Some(stopped), ..pulled(End::Signal(9)) }
}

fn death(signal: i32, command: bool) -> Observed {
    let death = Death { pid: 1, comm: "program".into(), signal, command };
    let end = if command { End::Signal(signal) } else { End::Exit(0) };
    Observed { deaths: vec![death], ..pulled(end) }
}

#[track_caller]
pub(crate) fn check(seen: &Observed, expect_exit: Option<i32>, verdict: Verdict) {
    assert_eq!(Judge { limits: LIMITS, expect_exit }.verdict(seen), verdict, "{seen:#?}");
}

#[test]
fn exit_codes_tell_clean_from_silent() {
    check(&pulled(End::Exit(0)), None, Verdict::Silent);
    check(&pulled(End::Exit(1)), None, Verdict::Clean);
    check(&pulled(End::Exit(101)), Some(2), Verdict::Clean);
    check(&pulled(End::Exit(0)), Some(2), Verdict::Silent);
    check(&pulled(End::Exit(0)), Some(0), Verdict::Clean);
}

#[test]
fn limits_have_their_verdicts() {
    check(&stopped(Stopped::Time { burning: false }), None, Verdict::Hang);
    check(&stopped(Stopped::Time { burning: true }), None, Verdict::Spin);
    check(&stopped(Stopped::Operations), None, Verdict::Spin);
    check(&stopped(Stopped::Output), None, Verdict::Flood);
}

/// A program may go over a limit and end before it is stopped.
#[test]
fn a_limit_counts_also_when_the_program_was_faster() {
    check(&Observed { output_after: 1 << 20, ..pulled(End::Exit(1)) }, None, Verdict::Clean);
    check(&Observed { output_after: (1 << 20) + 1, ..pulled(End::Exit(1)) }, None, Verdict::Flood);
    // Pulled at operation 2: operations 3 to 1002 are the 1000 after the pull.
    check(&Observed { operation_count: 1002, ..pulled(End::Exit(1)) }, None, Verdict::Clean);
    check(&Observed { operation_count: 1003, ..pulled(End::Exit(1)) }, None, Verdict::Spin);
}

#[test]
fn deaths_are_crashes_by_own_fault_or_of_the_command() {
    for signal in [4, 6, 7, 8, 11] {
        check(&death(signal, false), None, Verdict::Crash);
        check(&death(signal, true), None, Verdict::Crash);
    }
    // SIGTERM and SIGPIPE: of the command a crash; of another process its tree's own business.
    for signal in [15, 13] {
        check(&death(signal, true), None, Verdict::Crash);
        check(&death(signal, false), None, Verdict::Silent);
    }
    // Ours, at a limit.
    check(&stopped(Stopped::Time { burning: false }), None, Verdict::Hang);
    // Without a record of its death, but not stopped by us.
    check(&pulled(End::Signal(15)), None, Verdict::Crash);
}

#[test]
fn the_worst_that_fits_is_the_verdict() {
    let mut seen = death(11, false);
    seen.stopped = Some(Stopped::Time { burning: false });
    check(&seen, None, Verdict::Crash);
    let mut seen = stopped(Stopped::Time { burning: false });
    seen.output_after = u64::MAX;
    seen.operation_count = 1_000_000;
    check(&seen, None, Verdict::Hang);
    seen.stopped = Some(Stopped::Output);
    check(&seen, None, Verdict::Spin);
}

#[test]
fn unaffected_is_a_run_that_the_pull_did_not_reach() {
    check(&Observed::default(), None, Verdict::Unaffected);
    let mut seen = pulled(End::Exit(0));
    for operation in &mut seen.operations {
        operation.after_pull = false;
    }
    check(&seen, None, Verdict::Unaffected);
}

/// A bus that was not pulled may say no for reasons of its own.
#[test]
fn only_the_pulled_device_counts() {
    let mut seen = pulled(End::Exit(0));
    seen.operations[1].answer = None;
    seen.operations[2].device = "i2c-8".into();
    check(&seen, None, Verdict::Unaffected);
    seen.operations[1].answer = Some(Answered::Errno(ENODEV));
    check(&seen, None, Verdict::Silent);
}

/// A success that brings nothing of a device that has gone.
#[test]
fn a_hollow_answer_is_a_failure() {
    for (end, verdict) in [(End::Exit(0), Verdict::Silent), (End::Exit(1), Verdict::Clean)] {
        let mut seen = pulled(end);
        for operation in &mut seen.operations {
            operation.answer = Some(Answered::Ok(0));
        }
        check(&seen, None, Verdict::Unaffected);
        seen.operations[2].hollow = true;
        check(&seen, None, verdict);
    }
}

#[test]
fn names_are_read_and_written_alike() {
    for verdict in Verdict::ALL {
        assert_eq!(verdict.name().parse(), Ok(verdict));
        assert_eq!(serde_json::to_string(&verdict).unwrap(), format!("\"{verdict}\""));
    }
    let error = "broken".parse::<Verdict>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no verdict `broken`: use one of unaffected, clean, recovered, silent, flood, spin, hang, crash, \
         corrupt"
    );
    assert!(Verdict::ALL.is_sorted(), "the order of badness is the order of the list");
}
