//! The report as a table for people.

use crate::{Name, Paint, Point, Report, Verdict, operations, paint::printable, signal};
use outlive_host::trial::{Checked, End, Stopped};

/// The whole report: the table, a line for each verdict, and what else is to be known. Ends with a newline.
pub fn report(report: &Report, paint: Paint) -> String {
    let mut text = table(&report.points, paint);
    text.push('\n');
    text.push_str(&totals(report, paint));
    for note in notes(report) {
        text.push_str(&format!("{note}\n"));
    }
    text
}

/// The points, equal neighbours together.
pub fn table(points: &[Point], paint: Paint) -> String {
    let rows: Vec<Row> = groups(points).into_iter().map(Row::new).collect();
    let width = |cell: fn(&Row) -> usize, heading: &str| {
        rows.iter().map(cell).chain([heading.chars().count()]).max().unwrap_or(0)
    };
    let numbers = width(|row| row.numbers.len(), "point");
    let names = width(|row| row.names.iter().map(|line| line.chars().count()).max().unwrap_or(0), "operation");
    let verdicts = width(|row| row.verdict.name().len(), "verdict");

    let heading =
        format!("{:>numbers$}  {:names$}  {:verdicts$}  what the program did", "point", "operation", "verdict");
    let mut text = paint.bold(&heading);
    text.push('\n');
    for row in &rows {
        for line in 0..row.names.len().max(row.did.len()) {
            let cell = |cells: &[String]| cells.get(line).cloned().unwrap_or_default();
            let first = line == 0;
            let number = if first { row.numbers.as_str() } else { "" };
            let verdict = format!("{:verdicts$}", if first { row.verdict.name() } else { "" });
            let verdict = if first { paint.verdict(row.verdict, &verdict) } else { verdict };
            let whole = format!("{number:>numbers$}  {:names$}  {verdict}  {}", cell(&row.names), cell(&row.did));
            text.push_str(whole.trim_end());
            text.push('\n');
        }
    }
    text
}

/// Neighbours with the same verdict that ended in the same way.
fn groups(points: &[Point]) -> Vec<&[Point]> {
    let same = |a: &Point, b: &Point| (a.verdict, ending(a), judgement(a)) == (b.verdict, ending(b), judgement(b));
    points.chunk_by(same).collect()
}

struct Row {
    numbers: String,
    names: Vec<String>,
    verdict: Verdict,
    did: Vec<String>,
}

impl Row {
    fn new(group: &[Point]) -> Self {
        let (first, last) = (&group[0], &group[group.len() - 1]);
        let numbers = if group.len() == 1 { first.at.to_string() } else { format!("{}-{}", first.at, last.at) };
        let mut names = operations::summary(group.iter().map(|point| &point.name));
        let span = last.at - first.at + 1;
        if span > group.len() as u64 {
            names.push(format!("({} of these {span} were explored)", group.len()));
        }
        let mut did = vec![format!("{}{}{}", ending(first), failures(group), judgement(first))];
        did.extend(sleepers(group));
        did.extend(complaints(group));
        Row { numbers, names, verdict: first.verdict, did }
    }
}

/// How a run ended, in words; the same words mean the same ending.
pub(crate) fn ending(point: &Point) -> String {
    let how = match (point.verdict, point.stopped) {
        (Verdict::Crash, _) => death(point),
        (_, Some(Stopped::Time { burning: false })) => "asleep at the time limit".to_owned(),
        (_, Some(Stopped::Time { burning: true })) => "burning CPU at the time limit".to_owned(),
        (_, Some(Stopped::Operations)) => "kept calling past the limit".to_owned(),
        (_, Some(Stopped::Output)) => "kept writing past the limit".to_owned(),
        (_, None) => exit(point.end),
    };
    if point.pulled { how } else { format!("{how}; never came to the operation this time") }
}

/// What the check said of a run, if it was against it.
pub(crate) fn judgement(point: &Point) -> String {
    let against = point.check.as_ref().filter(|check| !check.agrees());
    against.map(|check| format!("; then the check {}", condemnation(check))).unwrap_or_default()
}

/// How a check said that the state is not good, as in "exited with 1".
pub(crate) fn condemnation(check: &Checked) -> String {
    match check.end {
        _ if check.stopped => format!("had not ended after {:.1} s", check.wall.as_secs_f64()),
        End::Exit(127) => "exited with 127 (a shell's code for a command that is not found)".to_owned(),
        End::Exit(code) => format!("exited with {code}"),
        End::Signal(number) => format!("died of {}", signal::name(number)),
    }
}

/// The last lines of the checks that were against a group, each once.
fn complaints(group: &[Point]) -> Vec<String> {
    /// More lines than this are counted, not shown.
    const LINES: usize = 3;
    let mut lines: Vec<String> = Vec::new();
    for check in group.iter().flat_map(|point| &point.check).filter(|check| !check.agrees()) {
        let last = check.output.lines().rev().find(|line| !line.trim().is_empty());
        let line = last.map(|line| format!("check: {}", printable(line)));
        lines.extend(line.filter(|line| !lines.contains(line)));
    }
    if lines.len() > LINES {
        let more = lines.len() - (LINES - 1);
        lines.truncate(LINES - 1);
        lines.push(format!("… and {more} other last lines of the check"));
    }
    lines
}

fn exit(end: End) -> String {
    match end {
        End::Exit(code) => format!("exit {code}"),
        End::Signal(number) => format!("died of {}", signal::name(number)),
    }
}

fn death(point: &Point) -> String {
    let by_command = point.deaths.iter().find(|death| death.command);
    match by_command.or(point.deaths.first()) {
        Some(death) => format!("{} in {}", signal::name(death.signal), death.comm),
        None => exit(point.end),
    }
}

pub(crate) fn failures(group: &[Point]) -> String {
    let counts = || group.iter().map(|point| point.failed);
    match (counts().min().unwrap_or(0), counts().max().unwrap_or(0)) {
        (_, 0) => String::new(),
        (a, b) if a == b => format!(", {a} of its operations failed"),
        (a, b) => format!(", {a} to {b} of its operations failed"),
    }
}

/// Where the threads of a group of hangs sleep, each place once.
fn sleepers(group: &[Point]) -> Vec<String> {
    /// More places than this are counted, not shown.
    const LINES: usize = 4;
    let mut places: Vec<String> = Vec::new();
    for point in group.iter().filter(|point| point.verdict == Verdict::Hang) {
        for place in sleeping(point) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    if places.len() > LINES {
        let more = places.len() - (LINES - 1);
        places.truncate(LINES - 1);
        places.push(format!("… and {more} other places"));
    }
    places
}

/// Where each thread of a run sleeps.
pub(crate) fn sleeping(point: &Point) -> Vec<String> {
    let place = |thread: &outlive_host::trial::Thread| {
        let call = thread.call.as_deref().unwrap_or("an unknown call");
        let wchan = thread.wchan.as_ref().map(|wchan| format!(" ({wchan})")).unwrap_or_default();
        format!("{} sleeps in {call}{wchan}", thread.comm)
    };
    point.threads.iter().filter(|thread| thread.state != 'R').map(place).collect()
}

/// A line for each verdict that was given.
fn totals(report: &Report, paint: Paint) -> String {
    let mut text = format!(
        "{} without a pull, {} explored in {:.1} s under the contract {}\n",
        counted(report.plain.operations, "operation"),
        counted(report.points.len() as u64, "point"),
        report.wall_ms as f64 / 1000.0,
        report.contract
    );
    for verdict in Verdict::ALL {
        let count = report.count(verdict);
        if count > 0 {
            let name = paint.verdict(verdict, &format!("{verdict:10}"));
            text.push_str(&format!("  {count:>6}  {name}  {}\n", verdict.meaning()));
        }
    }
    text
}

/// What a reader of the table has to know besides.
fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.concealed {
        notes.push(format!(
            "under the contract {} who has these devices open cannot notice that they have gone: every call goes on as before",
            report.contract
        ));
    }
    if !report.plain.deterministic {
        notes.push(
            "not deterministic here: two runs without a pull differed, so points are matched by the operation's name"
                .to_owned(),
        );
    }
    let strayed = report.points.iter().filter(|point| point.instead_of.is_some()).count() as u64;
    if strayed > 0 {
        notes.push(format!(
            "{} pulled at another operation than asked for, and shown as what was pulled",
            counted(strayed, "point")
        ));
    }
    if report.replug.is_some() && report.check.is_none() && report.count(Verdict::Silent) > 0 {
        notes.push("nobody looked at what was left behind: with --check, who recovers is not called silent".to_owned());
    }
    let without = |point: &&Point| point.pulled && !point.replugged;
    let alone = report.points.iter().filter(without).count() as u64;
    if report.replug.is_some() && alone > 0 {
        notes.push(format!("{} ended before the device came back", counted(alone, "run")));
    }
    if report.left > 0 && report.failure.is_none() {
        let budget = report.budget_ms.unwrap_or(0) as f64 / 1000.0;
        notes.push(format!("{} not explored within {budget} s: see --budget and --all", counted(report.left, "point")));
    }
    if let Some(failure) = &report.failure {
        notes.push(format!(
            "given up at point {}, {} left: {}",
            failure.at,
            counted(report.left, "point"),
            failure.message
        ));
    }
    notes
}

fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The name of the operation that was to be pulled, where another one was.
pub(crate) fn wanted(point: &Point) -> &Name {
    point.instead_of.as_ref().unwrap_or(&point.name)
}
