//! What the scripts of the bench say, in lines: `side NAME`, then what was measured on it, or `failed REASON`.

use crate::bench::figure::{self, Figure};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

/// What was measured, by side and kind of call: a figure for each round, or why there is none.
pub(in crate::bench) type Rounds = BTreeMap<(String, String), Vec<Result<Figure, String>>>;

/// The kind under which a side's failure is kept.
pub(in crate::bench) const FAILED: &str = "failed";
/// The kind under which a count of calls is kept, as a median.
pub(in crate::bench) const COUNT: &str = "calls";

/// Reads what a script printed.
///
/// # Errors
/// If that is not what it prints.
pub(in crate::bench) fn parse(said: &str) -> Result<Rounds> {
    let mut rounds = Rounds::new();
    let mut parts = said.split("side ").filter(|part| !part.trim().is_empty());
    // What servers say as they start.
    if !said.starts_with("side ") {
        parts.next();
    }
    for part in parts {
        let (side, rest) = part.split_once('\n').with_context(|| format!("not a side: '{part}'"))?;
        let mut note = |kind: &str, figure| rounds.entry((side.to_owned(), kind.to_owned())).or_default().push(figure);
        if let Some(reason) = rest.lines().find_map(|line| line.strip_prefix("failed ")) {
            note(FAILED, Err(reason.to_owned()));
        } else if let Some(count) = rest.lines().find_map(|line| line.strip_prefix("threads ")) {
            let calls = count.split_whitespace().nth(1).and_then(|calls| calls.parse().ok());
            let median = calls.with_context(|| format!("not a count of calls: '{count}'"))?;
            note(COUNT, Ok(Figure { median, p99: 0 }));
        } else {
            for (kind, figure) in figure::parse(rest).with_context(|| format!("of {side}"))? {
                note(&kind, figure);
            }
        }
    }
    ensure!(!rounds.is_empty(), "nothing was measured:\n{said}");
    Ok(rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(side: &str, kind: &str) -> (String, String) {
        (side.to_owned(), kind.to_owned())
    }

    #[test]
    fn sides_come_round_by_round() {
        let said = "outlive: serving\nside serve\nbench funcs 5 6\nbench read n/a ENOTTY\nside pipes\nfailed no pipe\n\
                    side serve\nbench funcs 7 8\n";
        let rounds = parse(said).unwrap();
        let medians: Vec<_> = rounds[&key("serve", "funcs")].iter().flatten().map(|figure| figure.median).collect();
        assert_eq!(medians, [5, 7]);
        assert_eq!(rounds[&key("serve", "read")], [Err("ENOTTY".to_owned())]);
        assert_eq!(rounds[&key("pipes", FAILED)], [Err("no pipe".to_owned())]);
    }

    #[test]
    fn counts_are_those_of_all_threads() {
        let rounds = parse("side serve apart\nthreads 2 4000\n").unwrap();
        assert_eq!(rounds[&key("serve apart", COUNT)], [Ok(Figure { median: 4000, p99: 0 })]);
    }

    #[test]
    fn takes_nothing_else() {
        assert!(parse("").is_err());
        assert!(parse("side serve\nnothing\n").is_err());
        assert!(parse("side serve\nthreads 2 many\n").is_err());
    }
}
