//! One cell of a bench's table: what was measured of a side, round by round.

use super::{
    figure::Figure,
    serve::said::{FAILED, Rounds},
};

/// A figure for each round, or why there is none.
pub(super) type Cell = Result<Vec<Figure>, String>;

/// What a side took for that kind of call.
pub(super) fn measured(rounds: &Rounds, side: &str, kind: &str) -> Cell {
    let of = |kind: &str| rounds.get(&(side.to_owned(), kind.to_owned()));
    // A side that failed once has nothing to compare round by round.
    let figures = of(FAILED).or_else(|| of(kind)).ok_or_else(|| "nothing was measured".to_owned())?;
    figures.iter().cloned().collect()
}

/// The median.
pub(super) fn middle(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The median of the rounds' ratios.
pub(super) fn ratio(of: &Cell, to: &Cell) -> Option<f64> {
    let pairs = of.as_ref().ok()?.iter().zip(to.as_ref().ok()?);
    middle(pairs.map(|(of, to)| of.median as f64 / to.median.max(1) as f64))
}

/// It, or a dash.
pub(super) fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// For tests of tables.
#[cfg(test)]
pub(super) mod planted {
    use super::super::figure::Figure;

    /// What a side is said to have taken for that kind of call, a median a round.
    pub(in super::super) fn rounds(
        side: &str,
        kind: &str,
        medians: &[u64],
    ) -> ((String, String), Vec<Result<Figure, String>>) {
        let figures = medians.iter().map(|median| Ok(Figure { median: *median, p99: 0 })).collect();
        ((side.to_owned(), kind.to_owned()), figures)
    }

    /// The words of the line that starts so.
    pub(in super::super) fn line<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
        let line = text.lines().find_map(|line| line.strip_prefix(start)).expect("a line that starts so");
        line.split_whitespace().collect()
    }
}
