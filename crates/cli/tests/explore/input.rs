//! What examples/input/README.md says of programs with a keyboard: its commands, at a few points of each, and its tables.

use super::{OUTLIVE, verdicts};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/input")
}

/// What the README says of one command under one contract.
struct Row {
    /// What comes behind `outlive explore`, with `$K` for the keyboard.
    command: String,
    operations: u64,
    /// The verdicts and at how many points each was given.
    counts: BTreeMap<String, u64>,
}

/// The commands of the README in their order, with the table under the heading that names `contract`.
fn rows(contract: &str) -> Vec<Row> {
    let text = fs::read_to_string(examples().join("README.md")).unwrap();
    let commands = text.lines().filter_map(|line| line.strip_prefix("outlive explore $K "));
    let commands: Vec<_> = commands.filter(|command| !command.contains("--at")).collect();
    let (_, table) = text.split_once(&format!("\nUnder `{contract}`")).expect("a heading for the contract");
    let mut lines = table.lines().skip_while(|line| !line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let heading = cells(lines.next().unwrap());
    let rows: Vec<_> = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect();
    assert_eq!((rows.len(), &heading[..2]), (commands.len(), &["program".to_owned(), "operations".to_owned()][..]));
    let number = |cell: &String| if cell.is_empty() { 0 } else { cell.parse().unwrap() };
    let row = |(command, cells): (&str, Vec<String>)| Row {
        command: command.to_owned(),
        operations: number(&cells[1]),
        counts: heading.iter().cloned().zip(&cells).skip(2).map(|(verdict, cell)| (verdict, number(cell))).collect(),
    };
    commands.into_iter().zip(rows).map(row).collect()
}

/// Carries one out, at some points only.
fn explore(row: &Row, contract: &str, points: &[u64]) -> Value {
    let points: Vec<_> = points.iter().map(u64::to_string).collect();
    let script = format!(
        "\"$OUTLIVE\" explore --json --timeout 8s --contract {contract} --points {} $K {}",
        points.join(","),
        row.command
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(examples()).stdin(Stdio::null());
    shell.env("OUTLIVE", OUTLIVE).env("K", "--device input:keyboard,num=0,script=typing.script");
    let output = shell.output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{script}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// At the last points nothing is asked: there may be fewer operations in another run, if several packets come by one read.
#[track_caller]
fn hold(contract: &str, programs: usize) {
    for row in rows(contract).into_iter().take(programs) {
        let said: u64 = row.counts.values().sum();
        assert_eq!(said, row.operations, "{}: the row adds up", row.command);
        let points = [1, row.operations / 4, row.operations * 7 / 10];
        let report = explore(&row, contract, &points);
        assert_eq!(report["contract"], contract);
        for verdict in verdicts(&report) {
            let count = row.counts.get(verdict).copied().unwrap_or_default();
            assert!(count > 0, "{}: {verdict} is not in its row: {report:#}", row.command);
        }
        let worst =
            ["hang", "spin", "silent", "recovered", "clean"].into_iter().find(|verdict| row.counts[*verdict] > 4);
        let seen = verdicts(&report);
        assert!(seen.contains(&worst.unwrap()), "{}: no {worst:?} among {seen:?}", row.command);
    }
}

#[test]
fn the_first_lines_of_the_table_under_linux_hold() {
    hold("linux", 2);
}

#[test]
#[ignore = "half a minute: cargo xtask nightly"]
fn the_table_under_linux_holds() {
    hold("linux", usize::MAX);
}

#[test]
#[ignore = "half a minute for the same programs under another contract: cargo xtask nightly"]
fn the_table_under_strict_holds() {
    hold("strict", usize::MAX);
}
