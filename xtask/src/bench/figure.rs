//! One measured figure, and what a program prints of it.

use std::{collections::BTreeMap, fmt};

/// How long a call takes, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Figure {
    pub(crate) median: u64,
    pub(crate) p99: u64,
}

impl Figure {
    /// The median of the rounds' medians, and of their 99th percentiles. `None` without a round.
    pub(crate) fn of_rounds(rounds: &[Figure]) -> Option<Figure> {
        let middle = |value: fn(&Figure) -> u64| {
            let mut values: Vec<_> = rounds.iter().map(value).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        };
        Some(Figure { median: middle(|figure| figure.median)?, p99: middle(|figure| figure.p99)? })
    }
}

/// Microseconds.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.2}", self.median as f64 / 1000.0))
    }
}

/// What a program measured, by kind of call; `Err` with its reason for a call that it could not make.
pub(crate) type Figures = BTreeMap<String, Result<Figure, String>>;

/// Reads lines such as `bench funcs 4021 6100` (median and 99th percentile) or `bench read n/a ENOTTY`.
///
/// # Errors
/// Says which line it does not understand.
pub(crate) fn parse(output: &str) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    for line in output.lines().filter(|line| line.starts_with("bench ")) {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        let figure = match *words.as_slice() {
            [_, "n/a", reason] => Some(Err(reason.to_owned())),
            [_, median, p99] => {
                median.parse().ok().zip(p99.parse().ok()).map(|(median, p99)| Ok(Figure { median, p99 }))
            }
            _ => None,
        };
        let figure = figure.ok_or_else(|| anyhow::anyhow!("not a line of figures: '{line}'"))?;
        figures.insert(words[0].to_owned(), figure);
    }
    anyhow::ensure!(!figures.is_empty(), "the program printed no figures");
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_client_prints() {
        let figures = parse("hello\nbench funcs 4021 6100\nbench read n/a ENOTTY\n").unwrap();
        assert_eq!(figures["funcs"], Ok(Figure { median: 4021, p99: 6100 }));
        assert_eq!(figures["read"], Err("ENOTTY".to_owned()));
        assert_eq!(figures.len(), 2);
    }

    #[test]
    fn takes_nothing_else() {
        assert!(parse("").is_err());
        assert!(parse("bench funcs fast\n").is_err());
        assert!(parse("bench funcs 1 2 3\n").is_err());
    }

    #[test]
    fn the_figure_of_rounds_is_their_median() {
        let rounds = [(5, 90), (1, 70), (3, 80)].map(|(median, p99)| Figure { median, p99 });
        assert_eq!(Figure::of_rounds(&rounds), Some(Figure { median: 3, p99: 80 }));
        assert_eq!(Figure::of_rounds(&[]), None);
    }
}
