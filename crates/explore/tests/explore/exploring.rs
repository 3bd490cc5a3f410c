//! Which runs an exploration consists of.

use crate::program::{Nobody, Program, Then, dump};
use outlive_explore::{Explorer, Points, Request, Verdict};
use std::{collections::HashSet, time::Duration};

fn write_then_read(_run: usize) -> Vec<(&'static str, String)> {
    ["a", "b", "a", "a", "c"].into_iter().map(|what| ("ioctl", what.to_owned())).collect()
}

#[test]
fn one_of_each_distinct_operation_comes_first() {
    let program = Program::new(write_then_read, Then::Exit(1));
    let report = program.explore();
    assert_eq!(program.pulls(), ["-", "-", "a 1", "b 1", "c 1", "a 2", "a 3"]);
    let numbers: Vec<(u64, u64)> = report.points.iter().map(|point| (point.at, point.name.occurrence)).collect();
    assert_eq!(numbers, [(1, 1), (2, 1), (3, 2), (4, 3), (5, 1)]);
}

#[test]
fn limits_follow_the_plain_run_unless_given() {
    let program = Program::new(dump, Then::Exit(1));
    let explorer = program.prepare();
    explorer.pull(3).unwrap();
    let limits = program.trials.lock().unwrap().last().unwrap().limits;
    assert_eq!(limits.time, Some(Duration::from_millis(5010)));
    assert_eq!((limits.operations, limits.output), (Some(1000), Some(1 << 20)));

    let many = Program::new(|_| (0..300).map(|i| ("ioctl", format!("{i}"))).collect(), Then::Exit(1));
    many.prepare().pull(1).unwrap();
    assert_eq!(many.trials.lock().unwrap().last().unwrap().limits.operations, Some(1200));

    let request = Request {
        timeout: Some(Duration::from_secs(1)),
        max_operations: Some(7),
        max_output: Some(9),
        ..Request::default()
    };
    let program = Program::new(dump, Then::Retry);
    let explorer = Explorer::prepare(&program, request).unwrap();
    let (point, _) = explorer.pull(3).unwrap();
    assert_eq!((point.verdict, point.after), (Verdict::Spin, 8));
    let trials = program.trials.lock().unwrap();
    assert!(trials.iter().all(|trial| trial.limits.time == Some(Duration::from_secs(1))));
    assert_eq!(trials.last().unwrap().limits.output, Some(9));
}

#[test]
fn workers_share_the_points() {
    let program = Program::new(dump, Then::GoOn(0));
    let explorer = program.prepare();
    let plan = explorer.plan(None).unwrap();
    let report = explorer.explore(&plan, 4, None, &Nobody);
    let numbers: Vec<u64> = report.points.iter().map(|point| point.at).collect();
    assert_eq!(numbers, (1..=18).collect::<Vec<u64>>());
    let pulls: HashSet<String> = program.pulls().into_iter().collect();
    assert_eq!((pulls.len(), program.pulls().len()), (19, 20), "each point once, and two plain runs");
    assert_eq!((report.count(Verdict::Silent), report.left), (18, 0));
}

#[test]
fn after_the_budget_no_run_begins_but_the_first() {
    let program = Program::new(dump, Then::GoOn(0));
    let explorer = program.prepare();
    let plan = explorer.plan(None).unwrap();
    let report = explorer.explore(&plan, 1, Some(Duration::ZERO), &Nobody);
    assert_eq!((report.points.len(), report.left), (1, 17));
}

#[test]
fn points_are_those_asked_for() {
    let program = Program::new(dump, Then::GoOn(0));
    let explorer = program.prepare();
    let points: Points = "5,2-3".parse().unwrap();
    assert_eq!(explorer.plan(Some(&points)).unwrap(), [5, 2, 3]);
    assert!(explorer.plan(Some(&Points::one(19))).is_err());
}

#[test]
fn a_broken_run_ends_the_exploration_and_keeps_what_was_found() {
    let program = Program { breaks_at: Some(6), ..Program::new(dump, Then::GoOn(1)) };
    let report = program.explore();
    assert_eq!((report.points.len(), report.left), (4, 14));
    let failure = report.failure.as_ref().unwrap();
    assert_eq!((failure.at, failure.message.as_str()), (5, "no more processes"));
    assert_eq!(report.exit_code(Verdict::Crash, None), 125);
}

/// In all runs but the first two another operation comes between, as a retry by the clock would.
fn stutters(run: usize) -> Vec<(&'static str, String)> {
    let mut script: Vec<(&str, String)> = ["a", "b", "c"].into_iter().map(|what| ("ioctl", what.to_owned())).collect();
    if run > 1 {
        script.insert(1, ("ioctl", "extra".to_owned()));
    }
    script
}

/// From run 2 on operation 3 is `b`, and `c` is the fourth.
#[test]
fn points_are_pulled_by_name() {
    let program = Program::new(stutters, Then::GoOn(1));
    let (point, seen) = program.prepare().pull(3).unwrap();
    assert_eq!((point.name.what.as_str(), point.at, point.after, point.instead_of), ("c", 3, 1, None));
    assert_eq!(seen.operations[3].what, "c");
    assert_eq!(program.pulls(), ["-", "-", "c 1"]);
}

/// Two threads of which now this and now that one comes first.
#[test]
fn a_point_is_the_same_in_whatever_order_it_comes() {
    let script = |run: usize| {
        let mut order: Vec<_> = (0..12).map(|reg| ("ioctl", format!("read reg {reg}"))).collect();
        order.rotate_left(run * 5 % 12);
        order
    };
    let program = Program::new(script, Then::GoOn(1));
    let report = program.explore();
    let names: Vec<&str> = report.points.iter().map(|point| point.name.what.as_str()).collect();
    assert_eq!(names, (0..12).map(|reg| format!("read reg {reg}")).collect::<Vec<_>>());
    assert!(report.points.iter().all(|point| point.pulled && point.instead_of.is_none()));
    assert_eq!(program.pulls().len(), 14, "two plain runs, and one for each point");
}

/// A program that reads its device once and remembers never comes to the operation again.
#[test]
fn a_point_that_is_never_reached_is_unaffected_and_says_so() {
    let program = Program::new(|run| if run == 0 { dump(run) } else { Vec::new() }, Then::GoOn(1));
    let explorer = program.prepare();
    assert!(!explorer.plain().deterministic);
    let (point, _) = explorer.pull(2).unwrap();
    assert_eq!((point.verdict, point.pulled, point.name.what.as_str()), (Verdict::Unaffected, false, "I2C_SLAVE 0x50"));
    assert_eq!(program.pulls().len(), 3, "what does not come is not waited for");
}

/// A program that comes to one of its operations in every third run only.
#[test]
fn a_point_that_is_not_always_reached_is_tried_again() {
    let script = |run: usize| vec![("ioctl", if run.is_multiple_of(3) { "rare" } else { "usual" }.to_owned())];
    let program = Program::new(script, Then::GoOn(1));
    let (point, _) = program.prepare().pull(1).unwrap();
    assert_eq!((point.name.what.as_str(), point.pulled, point.instead_of), ("rare", true, None));
    assert_eq!(program.pulls(), ["-", "-", "rare 1", "rare 1"]);
}

/// A program whose operations have other names in every run.
#[test]
fn a_point_that_never_fits_is_shown_as_what_was_pulled() {
    let program = Program::new(|run| vec![("ioctl", format!("time {run}"))], Then::GoOn(1));
    let (point, _) = program.prepare().pull(1).unwrap();
    assert_eq!(point.name.what, "time 5");
    assert_eq!(point.instead_of.unwrap().what, "time 0");
    assert_eq!(program.pulls(), ["-", "-", "time 0 1", "time 0 1", "time 0 1", "#1"]);
}
