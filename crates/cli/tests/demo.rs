//! `outlive demo`, as a stranger runs it.

use std::process::Command;

#[test]
fn the_demo_tells_the_two_programs_apart() {
    let output = Command::new(env!("CARGO_BIN_EXE_outlive")).arg("demo").output().expect("outlive starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (_, seen) = text.split_once("What was seen\n").expect("a conclusion");
    let lines: Vec<&str> = seen.lines().map(str::trim).collect();
    assert_eq!(lines[0], "usual    noticed 4 of 27 pulls and said so; the others: 16 silent, 3 spin, 4 hang");
    assert_eq!(lines[1], "careful  noticed each of 27 pulls, and said so");
}

#[test]
fn the_demo_speaks_json() {
    let output = Command::new(env!("CARGO_BIN_EXE_outlive")).args(["demo", "--json"]).output().expect("outlive starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let acts: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one value");
    let points = |act: usize| acts[act]["report"]["points"].as_array().map(Vec::len);
    assert_eq!((&acts[0]["name"], points(0)), (&"usual".into(), Some(27)));
    assert_eq!((&acts[1]["name"], points(1)), (&"careful".into(), Some(27)));
}
