//! `--allow` and `--baseline`: which exit code a report has.

use crate::program::{Program, Then, dump};
use outlive_explore::{Report, Verdict};

#[track_caller]
fn check(report: &Report, allow: Verdict, baseline: Option<&Report>, code: u8) {
    assert_eq!(report.exit_code(allow, baseline), code);
}

#[test]
fn the_worst_point_decides() {
    let clean = Program::new(dump, Then::Exit(1)).explore();
    let silent = Program::new(dump, Then::GoOn(0)).explore();
    check(&clean, Verdict::Clean, None, 0);
    check(&clean, Verdict::Unaffected, None, 1);
    check(&silent, Verdict::Clean, None, 1);
    check(&silent, Verdict::Silent, None, 0);
}

#[test]
fn a_baseline_excuses_the_same_point_up_to_the_same_verdict() {
    let silent = Program::new(dump, Then::GoOn(0)).explore();
    let spin = Program::new(dump, Then::Retry).explore();
    check(&silent, Verdict::Clean, Some(&silent), 0);
    check(&silent, Verdict::Clean, Some(&spin), 0);
    check(&spin, Verdict::Clean, Some(&silent), 1);

    let mut known = silent.clone();
    known.points.remove(3);
    check(&silent, Verdict::Clean, Some(&known), 1);
    assert_eq!(silent.too_bad(Verdict::Clean, Some(&known))[0].at, 4);
}

/// One more operation before it does not make a known point a new one.
#[test]
fn the_same_point_is_the_one_with_the_same_name() {
    let shifted = |run| {
        let mut script = dump(run);
        script.insert(0, ("open", "first".to_owned()));
        script
    };
    let silent = Program::new(dump, Then::GoOn(0)).explore();
    let report = Program::new(shifted, Then::GoOn(0)).explore();
    let new: Vec<u64> = report.too_bad(Verdict::Clean, Some(&silent)).iter().map(|point| point.at).collect();
    assert_eq!(new, [1]);
}

#[test]
fn a_report_survives_json() {
    let mut report = Program::new(dump, Then::Retry).explore();
    report.failure = Some(outlive_explore::Failure { at: 3, message: "so".into() });
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["points"][4]["verdict"], "spin");
    assert_eq!(json["points"][4]["what"], "I2C_SMBUS read_byte_data 0x50 reg 0x02");
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
}
