//! The tables of the bench, with its goals beside.

use super::{
    Side,
    said::{COUNT, FAILED, Rounds},
};
use crate::bench::figure::Figure;
use std::fmt::Write;

/// A call takes at most so many times as long as with the faster of libfuse's loops, in the same round. By a hundredth
/// even two runs of the same program differ.
const AT_MOST_LIBFUSE: f64 = 1.01;

/// The kinds of calls, and what the table calls them.
const KINDS: [(&str, &str); 5] = [
    ("value", "I2C_SLAVE"),
    ("funcs", "I2C_FUNCS"),
    ("smbus", "SMBus read byte data"),
    ("read", "read of a byte"),
    ("open", "open and close"),
];

/// The columns, after that of the pipes.
const SIDES: [(Side, &str); 8] = [
    (Side::Serve, "serve"),
    (Side::LibfuseOne, "libfuse -s"),
    (Side::LibfuseMany, "libfuse"),
    (Side::Trap, "run trap"),
    (Side::Fuse, "run fuse"),
    (Side::Plain, "run plain"),
    (Side::Stub, "i2c-stub"),
    (Side::Umockdev, "umockdev"),
];

/// A figure for each round, or why there is none.
type Cell = Result<Vec<Figure>, String>;

fn measured(rounds: &Rounds, side: Side, kind: &str) -> Cell {
    let of = |kind: &str| rounds.get(&(side.name(), kind.to_owned()));
    let figures = of(kind).or_else(|| of(FAILED)).ok_or_else(|| "skipped".to_owned())?;
    figures.iter().cloned().collect()
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The whole table as text, then why what is missing is, and a line for each goal.
pub(super) fn render(rounds: &Rounds) -> String {
    let mut text = format!("{:21}", "call");
    SIDES.iter().for_each(|(_, name)| write!(text, " {name:>13}").expect("a String takes all"));
    text.push('\n');
    for (kind, call) in KINDS {
        write!(text, "{call:21}").expect("a String takes all");
        for (side, _) in SIDES {
            write!(text, " {:>13}", cell(&measured(rounds, side, kind))).expect("a String takes all");
        }
        text.push('\n');
    }
    let pipes = cell(&measured(rounds, Side::Pipes, "ping-pong"));
    text + &format!("a byte to another process and back, by pipes: {pipes}\n") + &reasons(rounds) + &goals(rounds)
}

fn cell(cell: &Cell) -> String {
    match cell {
        Ok(figures) => {
            let median = middle(figures.iter().map(|figure| figure.median as f64).collect()).unwrap_or_default();
            let least = figures.iter().map(|figure| figure.median).min().unwrap_or_default();
            format!("{:.1} ({:.1})", median / 1e3, least as f64 / 1e3)
        }
        Err(reason) if reason == "skipped" => reason.clone(),
        Err(_) => "n/a".to_owned(),
    }
}

fn reasons(rounds: &Rounds) -> String {
    let mut text = String::new();
    for (side, name) in SIDES {
        for (kind, call) in KINDS {
            if let Err(reason) = measured(rounds, side, kind)
                && reason != "skipped"
            {
                let (side, why) = (side.name(), why(side, &reason));
                let all = rounds.contains_key(&(side, FAILED.to_owned()));
                let call = if all { "everything" } else { call };
                writeln!(text, "n/a: {name}: {call}: {reason}{why}").expect("a String takes all");
                if all {
                    break;
                }
            }
        }
    }
    text
}

fn why(side: Side, reason: &str) -> &'static str {
    match (side, reason) {
        (Side::Stub, "EOPNOTSUPP") => " (i2c-stub knows SMBus transactions only, and a plain read is none)",
        _ => "",
    }
}

fn goals(rounds: &Rounds) -> String {
    let mut text = String::from("\n");
    for (kind, call) in KINDS {
        let of = |side| measured(rounds, side, kind);
        let ratio = ratio(&of(Side::Serve), &of(Side::LibfuseOne), &of(Side::LibfuseMany));
        let name = format!("goal: {call}: at most {AT_MOST_LIBFUSE} times the faster of libfuse's loops");
        match ratio {
            Some(got) => {
                writeln!(text, "{name}: {got:.2}: {}", if got <= AT_MOST_LIBFUSE { "met" } else { "MISSED" })
            }
            None => writeln!(text, "{name}: not measured"),
        }
        .expect("a String takes all");
    }
    text
}

/// How many times as long ours takes as the faster of its peers: the median over the rounds of a round's ratio, so that
/// what else the machine does hits both.
fn ratio(ours: &Cell, one: &Cell, many: &Cell) -> Option<f64> {
    let peers: Vec<&Vec<Figure>> = [one, many].into_iter().filter_map(|cell| cell.as_ref().ok()).collect();
    let ratios = ours.as_ref().ok()?.iter().enumerate().filter_map(|(round, figure)| {
        let fastest = peers.iter().filter_map(|figures| figures.get(round)).map(|figure| figure.median).min()?;
        Some(figure.median as f64 / fastest.max(1) as f64)
    });
    middle(ratios.collect())
}

/// What a second thread adds.
pub(super) fn threads(rounds: &Rounds) -> String {
    let mut text = format!("{:14} {:>12} {:>16} {:>16}\n", "", "one thread", "two on one node", "two on two nodes");
    for (side, name) in &SIDES[..3] {
        let of = |place: &str| {
            let side = format!("{} {place}", side.name());
            let get = |kind: &str| rounds.get(&(side.clone(), kind.to_owned()));
            match (get(COUNT), get(FAILED)) {
                (Some(counts), _) => {
                    let counts = counts.iter().flatten().map(|figure| figure.median as f64 / 1e3).collect();
                    middle(counts).map_or("-".to_owned(), |calls| format!("{calls:.2}"))
                }
                (None, Some(why)) => {
                    format!("n/a: {}", why.iter().find_map(|why| why.as_ref().err()).map_or("", |it| it))
                }
                (None, None) => "-".to_owned(),
            }
        };
        let [alone, together, apart] = ["alone", "together", "apart"].map(of);
        writeln!(text, "{name:14} {alone:>12} {together:>16} {apart:>16}").expect("a String takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(ours: [u64; 3], libfuse: [u64; 3]) -> Rounds {
        let figures = |of: [u64; 3]| of.map(|median| Ok(Figure { median, p99: 0 })).to_vec();
        let mut rounds = Rounds::new();
        for (kind, _) in KINDS {
            rounds.insert((Side::Serve.name(), kind.to_owned()), figures(ours));
            rounds.insert((Side::LibfuseOne.name(), kind.to_owned()), figures(libfuse));
            rounds.insert((Side::LibfuseMany.name(), kind.to_owned()), figures(libfuse.map(|figure| 2 * figure)));
        }
        rounds.insert((Side::Stub.name(), "read".to_owned()), vec![Err("EOPNOTSUPP".to_owned())]);
        rounds.insert((Side::Umockdev.name(), FAILED.to_owned()), vec![Err("no device".to_owned())]);
        rounds
    }

    #[test]
    fn a_ratio_is_that_of_rounds() {
        // The machine became slower; ours did not become slower than its peer.
        let text = render(&rounds([90, 900, 900], [100, 1000, 1000]));
        assert_eq!(text.matches(": 0.90: met").count(), KINDS.len(), "{text}");
        let text = render(&rounds([110, 1100, 100], [100, 1000, 1000]));
        assert_eq!(text.matches(": 1.10: MISSED").count(), KINDS.len(), "{text}");
    }

    #[test]
    fn what_is_missing_has_a_reason() {
        let text = render(&rounds([1, 1, 1], [1, 1, 1]));
        assert!(text.contains("n/a: i2c-stub: read of a byte: EOPNOTSUPP (i2c-stub knows"), "{text}");
        assert_eq!(text.matches("n/a: umockdev: everything: no device").count(), 1, "{text}");
        assert!(!text.contains("n/a: run trap"), "it was skipped: {text}");
        let text = render(&Rounds::new());
        assert_eq!(text.matches("not measured").count(), KINDS.len(), "{text}");
    }

    #[test]
    fn threads_are_counted_together() {
        let of = |median| vec![Ok(Figure { median, p99: 0 })];
        let mut rounds = Rounds::new();
        rounds.insert(("serve alone".into(), COUNT.into()), of(2000));
        rounds.insert(("serve apart".into(), COUNT.into()), of(3500));
        rounds.insert(("libfuse-one alone".into(), FAILED.into()), vec![Err("no node".into())]);
        let text = threads(&rounds);
        let words: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["serve", "2.00", "-", "3.50"]);
        assert!(text.contains("n/a: no node"), "{text}");
    }
}
