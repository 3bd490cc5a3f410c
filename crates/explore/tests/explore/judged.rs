//! Runs whose device comes back, and runs that a check judges.

use crate::{
    program::{Program, Then, dump, operation},
    verdicts::{check, pulled, stopped},
};
use outlive_explore::{
    Explorer, Judge, Name, Paint, Plain, Point, Report, Request, Runner, RunnerError, Verdict, closeup::closeup, table,
};
use outlive_host::trial::{Answered, Checked, End, Observed, Replug, Stopped, Trial};
use std::time::Duration;

fn exited(code: i32, output: &str) -> Checked {
    Checked { end: End::Exit(code), output: output.into(), ..Checked::default() }
}

fn judged(seen: Observed, replugged: bool, check: Checked) -> Observed {
    Observed { replugged, check: Some(check), ..seen }
}

#[test]
fn recovered_is_what_had_its_device_back_and_was_found_good() {
    let good = exited(0, "");
    check(&judged(pulled(End::Exit(0)), true, good.clone()), None, Verdict::Recovered);
    // It did not have the device, so it cannot have done what it claims.
    check(&judged(pulled(End::Exit(0)), false, good.clone()), None, Verdict::Silent);
    // Nobody has looked.
    check(&Observed { replugged: true, ..pulled(End::Exit(0)) }, None, Verdict::Silent);
    check(&judged(pulled(End::Exit(1)), true, good.clone()), None, Verdict::Clean);
    check(&judged(pulled(End::Exit(0)), true, good.clone()), Some(0), Verdict::Clean);
    check(&judged(Observed::default(), true, good), None, Verdict::Unaffected);
}

#[test]
fn corrupt_is_worse_than_all_that_a_program_can_do() {
    let hung = Checked { stopped: true, end: End::Signal(9), ..Checked::default() };
    let crashed = Checked { end: End::Signal(11), ..Checked::default() };
    for against in [exited(1, ""), exited(127, ""), hung, crashed] {
        for replugged in [false, true] {
            for end in [End::Exit(0), End::Exit(1), End::Signal(11)] {
                check(&judged(pulled(end), replugged, against.clone()), None, Verdict::Corrupt);
            }
            let hang = stopped(Stopped::Time { burning: false });
            check(&judged(hang, replugged, against.clone()), None, Verdict::Corrupt);
            check(&judged(Observed::default(), replugged, against.clone()), None, Verdict::Corrupt);
        }
    }
    let hang = judged(stopped(Stopped::Time { burning: false }), true, exited(0, ""));
    check(&hang, None, Verdict::Hang);
}

/// What fails on the next life fails by itself: a chip that is busy, say.
#[test]
fn only_what_failed_because_of_the_pull_counts() {
    let mut seen = Observed { replugged: true, ..pulled(End::Exit(0)) };
    seen.operations[2].gone = false;
    let point = Point::new(2, name(), &seen, &Judge::default());
    assert_eq!((point.failed, point.after, point.replugged), (1, 2, true));
    seen.replugged = false;
    assert_eq!(Point::new(2, name(), &seen, &Judge::default()).failed, 2);
}

fn name() -> Name {
    Name { device: "i2c-7".into(), call: "ioctl".into(), what: "I2C_FUNCS".into(), occurrence: 2 }
}

#[test]
fn runs_are_asked_for_with_both() {
    let replug = Some(Replug::Operations(3));
    let request = Request { check: Some("verify".into()), replug, ..Request::default() };
    let program = Program::new(dump, Then::Exit(1));
    let explorer = Explorer::prepare(&program, request.clone()).unwrap();
    let (point, _) = explorer.pull(3).unwrap();
    let report = explorer.report(vec![point]);
    assert_eq!((report.replug, report.check.as_deref()), (replug, Some("verify")));
    let trials = program.trials.lock().unwrap();
    let asked = |trial: &Trial| (trial.replug, trial.check.clone().unwrap().time);
    let plain = (None, Some(Duration::from_secs(600)));
    let seen: Vec<_> = trials.iter().map(asked).collect();
    assert_eq!(seen, [plain, plain, (replug, Some(Duration::from_secs(5)))]);
    assert!(trials.iter().all(|trial| trial.check.as_ref().unwrap().command == "verify"));
    drop(trials);

    let request = Request { timeout: Some(Duration::from_secs(1)), ..request };
    let program = Program::new(dump, Then::Exit(1));
    Explorer::prepare(&program, request).unwrap().pull(3).unwrap();
    let trials = program.trials.lock().unwrap();
    assert!(trials.iter().all(|trial| asked(trial).1 == Some(Duration::from_secs(1))));
}

/// A program that does one operation and exits with 0, after which the check says this.
struct Judges(Checked);

impl Runner for Judges {
    fn run(&self, _trial: &Trial) -> Result<Observed, RunnerError> {
        let operations = vec![operation(1, "open", "", false)];
        Ok(Observed { operations, operation_count: 1, check: Some(self.0.clone()), ..Observed::default() })
    }
}

#[test]
fn a_check_that_is_against_everything_is_refused() {
    let refused = |check: Checked| Plain::find(&Judges(check), &Request::default()).unwrap_err().to_string();
    let begin = "without a pull the check";
    let end = "it has to agree with what the program leaves behind then, so mend one of them";
    assert_eq!(
        refused(exited(3, "one\ntwo\n")),
        format!("{begin} exited with 3; {end}\nthe last that it wrote:\n  | one\n  | two")
    );
    let hung = Checked { stopped: true, end: End::Signal(9), wall: Duration::from_secs(2), ..Checked::default() };
    assert_eq!(refused(hung), format!("{begin} had not ended after 2.0 s; {end}"));
    let crashed = Checked { end: End::Signal(11), ..Checked::default() };
    assert_eq!(refused(crashed), format!("{begin} died of SIGSEGV; {end}"));
    let good = Checked { wall: Duration::from_secs(3), ..exited(0, "") };
    assert_eq!(Plain::find(&Judges(good), &Request::default()).unwrap().check_wall, Duration::from_secs(3));
}

/// The points of a program that goes on after its failures, with what a check said of each.
fn points(checks: &[Checked], replugged: bool) -> Vec<Point> {
    let program = Program::new(dump, Then::GoOn(0));
    let explorer = program.prepare();
    let point = |(at, check): (u64, &Checked)| {
        let (point, seen) = explorer.pull(at).unwrap();
        let judge = Judge::default();
        Point::new(at, point.name, &judged(seen, replugged, check.clone()), &judge)
    };
    (15..).zip(checks).map(point).collect()
}

#[test]
fn the_table_says_how_the_check_was_against_it() {
    let against = |line: &str| exited(1, &format!("reading\n{line}\n\n"));
    let lines = ["bad slot 1\x1b[2J", "bad slot 2", "bad slot 2"].map(against);
    let text = table::table(&points(&[&[exited(0, "")][..], &lines].concat(), true), Paint::default());
    let expected = "
point  operation                                          verdict    what the program did
   15  I2C_SMBUS read_byte_data 0x50 reg 0x0c             recovered  exit 0, 4 of its operations failed
16-18  I2C_SMBUS read_byte_data 0x50 reg 0x0d … reg 0x0f  corrupt    exit 0, 1 to 3 of its operations failed; then the \
check exited with 1
                                                                     check: bad slot 1\\u{1b}[2J
                                                                     check: bad slot 2
";
    assert_eq!(text.trim_end(), expected.trim(), "\n{text}");
    let many: Vec<Checked> = (0..4).map(|number| exited(2, &format!("line {number}"))).collect();
    let text = table::table(&points(&many, true), Paint::default());
    let last: Vec<&str> = text.lines().rev().take(3).map(str::trim).collect();
    assert_eq!(last[..2], ["… and 2 other last lines of the check", "check: line 1"], "{text}");
}

#[test]
fn the_report_says_what_nobody_has_seen() {
    let program = Program::new(dump, Then::GoOn(0));
    let request = Request { replug: Some(Replug::Operations(0)), ..Request::default() };
    let explorer = Explorer::prepare(&program, request).unwrap();
    let mut report = explorer.report(points(&[exited(0, "")], false));
    let text = |report: &Report| table::report(report, Paint::default());
    let nobody = "nobody looked at what was left behind: with --check, who recovers is not called silent";
    assert!(text(&report).contains(nobody), "{}", text(&report));
    assert!(text(&report).contains("1 run ended before the device came back"), "{}", text(&report));
    report.points[0].replugged = true;
    report.check = Some("verify".into());
    assert!(!text(&report).contains("nobody looked") && !text(&report).contains("came back\n"), "{}", text(&report));
}

#[test]
fn from_near_it_says_where_the_device_is_back_and_what_the_check_wrote() {
    let program = Program::new(dump, Then::GoOn(0));
    let explorer = program.prepare();
    let (_, mut seen) = explorer.pull(16).unwrap();
    seen.operations[17].gone = false;
    seen.operations[17].answer = Some(Answered::Ok(0));
    let seen = judged(seen, true, exited(4, "no\x07 image\n"));
    let point = Point::new(16, name(), &seen, &Judge::default());
    let report = explorer.report(vec![point]);
    let text = closeup(explorer.plain(), &report, &report.points[0], &seen, Paint::default());
    for line in [
        "corrupt: exit 0, 2 of its operations failed, under the contract strict; then the check exited with 4",
        "pulled >        16  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0d = ENODEV",
        "                17  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0e = ENODEV",
        "  back >        18  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0f = 0",
        "the check exited with 4, and wrote",
        "  | no\\u{7} image",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    let good = judged(Observed { check: None, ..seen }, true, exited(0, ""));
    let text = closeup(explorer.plain(), &report, &report.points[0], &good, Paint::default());
    assert!(text.ends_with("\nthe check agrees, and wrote nothing\n"), "{text}");
}
