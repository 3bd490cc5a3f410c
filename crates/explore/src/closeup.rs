//! One point from near: the operations around the pull, and what the program wrote.

use crate::{Paint, Plain, Point, Report, errno, operations, paint::printable, table};
use outlive_host::trial::{Answered, Checked, Chunk, Observed, Operation};

/// How many operations before the pull are shown.
const BEFORE: usize = 5;
/// How many after it; repetitions count once.
const AFTER: usize = 20;
/// How many lines of output are shown at the beginning and at the end of what came after the pull.
const OUTPUT_LINES: usize = 40;

/// Everything about one point of `report` that a person may want to see. Ends with a newline.
pub fn closeup(plain: &Plain, report: &Report, point: &Point, seen: &Observed, paint: Paint) -> String {
    let mut text =
        paint.bold(&format!("point {} of {}: {}", point.at, plain.count, operations::shown(table::wanted(point))));
    text.push('\n');
    if let Some(wanted) = &point.instead_of {
        text.push_str(&format!("(this run came to {} instead of {})\n", point.operation(), operations::shown(wanted)));
    }
    text.push_str(&format!(
        "{}: {}{}, under the contract {}{}\n",
        paint.verdict(point.verdict, point.verdict.name()),
        table::ending(point),
        table::failures(std::slice::from_ref(point)),
        report.contract,
        table::judgement(point)
    ));
    for place in table::sleeping(point) {
        text.push_str(&format!("  {place}\n"));
    }
    text.push_str(&operations_around(seen, paint));
    text.push_str(&output(seen, paint));
    text.extend(seen.check.iter().map(|check| judgement(check, paint)));
    text
}

/// What the check wrote.
fn judgement(check: &Checked, paint: Paint) -> String {
    let said = if check.agrees() { "agrees".to_owned() } else { table::condemnation(check) };
    let wrote = if check.output.is_empty() { ", and wrote nothing" } else { ", and wrote" };
    format!("\n{}\n{}", paint.bold(&format!("the check {said}{wrote}")), lines(&check.output, paint))
}

fn operations_around(seen: &Observed, paint: Paint) -> String {
    let mut text = format!("\n{}\n", paint.bold("operations around the pull"));
    let pull = seen.operations.iter().position(|operation| operation.after_pull).unwrap_or(seen.operations.len());
    let (before, after) = seen.operations.split_at(pull);
    let hidden = before.len().saturating_sub(BEFORE);
    if hidden > 0 {
        text.push_str(&paint.dim(&format!("{:>17} … {hidden} before\n", "")));
    }
    text.extend(before[hidden..].iter().map(|operation| row("", &operation.number.to_string(), operation)));
    let (mut shown, mut away) = (pull, true);
    for (index, group) in after.chunk_by(same).take(1 + AFTER).enumerate() {
        let numbers = match group {
            [only] => only.number.to_string(),
            _ => format!("{}-{}", group[0].number, group[group.len() - 1].number),
        };
        let back = away && seen.replugged && is_on_next_life(&group[0], &after[0]);
        away &= !back;
        let mark = if index == 0 { "pulled >" } else { "back >" };
        text.push_str(&row(if index == 0 || back { mark } else { "" }, &numbers, &group[0]));
        shown += group.len();
    }
    let left = seen.operation_count.saturating_sub(shown as u64);
    if left > 0 {
        text.push_str(&paint.dim(&format!("{:>17} … {left} more\n", "")));
    }
    text
}

/// Whether an operation after the pull found the device that had been `pulled` in its place again.
fn is_on_next_life(operation: &Operation, pulled: &Operation) -> bool {
    operation.number != pulled.number && operation.device == pulled.device && !operation.gone
}

/// Whether `b`, which came next, only repeats `a`.
fn same(a: &Operation, b: &Operation) -> bool {
    let told = |operation: &Operation| (operation.pid, operation.answer);
    told(a) == told(b) && (&a.device, &a.call, &a.what) == (&b.device, &b.call, &b.what)
}

fn row(mark: &str, numbers: &str, operation: &Operation) -> String {
    let answer = match operation.answer {
        Some(Answered::Ok(value)) if operation.hollow => format!("{value}, and nothing in it"),
        Some(Answered::Ok(value)) => value.to_string(),
        Some(Answered::Errno(number)) => errno::name(number),
        None => "never answered".to_owned(),
    };
    let who = format!("{}[{}]", printable(&operation.comm), operation.pid);
    let name = operations::text(&operation.call, &operation.what);
    format!("{mark:>8} {numbers:>9}  {who}  {}  {name} = {answer}\n", operation.device)
}

/// What the program wrote, with a line where the pull came.
fn output(seen: &Observed, paint: Paint) -> String {
    let pull = seen.operations.iter().find(|operation| operation.after_pull).map(|operation| operation.number);
    let after = |chunk: &&Chunk| pull.is_some_and(|number| chunk.after_operation >= number);
    let (mut before, mut later) = (String::new(), String::new());
    for chunk in &seen.output {
        if after(&chunk) { later.push_str(&chunk.text) } else { before.push_str(&chunk.text) }
    }
    if before.is_empty() && later.is_empty() {
        return format!("\n{}\n", paint.bold("the program wrote nothing"));
    }
    let mut text = format!("\n{}\n{}", paint.bold("what the program wrote"), lines(&before, paint));
    if pull.is_some() {
        text.push_str(&paint.dim("  --- the pull\n"));
        text.push_str(&lines(&later, paint));
    }
    text
}

fn lines(output: &str, paint: Paint) -> String {
    let all: Vec<&str> = output.lines().collect();
    let show = |lines: &[&str]| -> String { lines.iter().map(|line| format!("  | {}\n", printable(line))).collect() };
    if all.len() <= 2 * OUTPUT_LINES {
        return show(&all);
    }
    let (head, rest) = all.split_at(OUTPUT_LINES);
    let (middle, foot) = rest.split_at(rest.len() - OUTPUT_LINES);
    format!("{}{}{}", show(head), paint.dim(&format!("  … {} more lines\n", middle.len())), show(foot))
}
