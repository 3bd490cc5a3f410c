//! How many operations of each kind there were, after the manner of `strace -c`.

use outlive_host::trace::Tally;
use std::{collections::BTreeMap, time::Duration};

/// A table: the kind that took most of the time comes first, and the last line is the sum.
pub(super) fn table(tallies: &BTreeMap<String, Tally>) -> String {
    let whole: Duration = tallies.values().map(|tally| tally.time).sum();
    let mut kinds: Vec<_> = tallies.iter().collect();
    kinds.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.time), name.as_str()));
    let sum = Tally {
        calls: kinds.iter().map(|(_, tally)| tally.calls).sum(),
        errors: kinds.iter().map(|(_, tally)| tally.errors).sum(),
        time: whole,
        longest: kinds.iter().map(|(_, tally)| tally.longest).max().unwrap_or_default(),
    };
    let mut rows =
        vec![["% time", "seconds", "usecs/call", "longest", "calls", "errors", "operation"].map(str::to_owned)];
    rows.extend(kinds.into_iter().map(|(name, tally)| row(tally, whole, name)));
    rows.push(row(&sum, whole, "total"));
    let widths: [usize; 6] = std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let line = |row: &[String; 7]| {
        // Numbers stand to the right, and the names after them to the left.
        let numbers = row.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}  "));
        format!("{}{}\n", numbers.collect::<String>(), row[6])
    };
    rows.iter().map(line).collect()
}

fn row(tally: &Tally, whole: Duration, name: &str) -> [String; 7] {
    let share = if whole.is_zero() { 0.0 } else { 100.0 * tally.time.as_secs_f64() / whole.as_secs_f64() };
    let mean = tally.time.as_micros() / u128::from(tally.calls.max(1));
    [
        format!("{share:.2}"),
        format!("{:.6}", tally.time.as_secs_f64()),
        mean.to_string(),
        format!("{:.6}", tally.longest.as_secs_f64()),
        tally.calls.to_string(),
        tally.errors.to_string(),
        name.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::table;
    use outlive_host::trace::Tally;
    use std::{collections::BTreeMap, time::Duration};

    #[test]
    fn the_slowest_comes_first_and_the_sum_last() {
        let tally = |calls, errors, time, longest| Tally {
            calls,
            errors,
            time: Duration::from_micros(time),
            longest: Duration::from_micros(longest),
        };
        let tallies = [("open".to_owned(), tally(1, 0, 100, 100)), ("read".to_owned(), tally(3, 1, 300, 200))];
        let expected = "\
% time   seconds  usecs/call   longest  calls  errors  operation
 75.00  0.000300         100  0.000200      3       1  read
 25.00  0.000100         100  0.000100      1       0  open
100.00  0.000400         100  0.000200      4       1  total
";
        assert_eq!(table(&BTreeMap::from(tallies)), expected);
        assert!(table(&BTreeMap::new()).ends_with("  0.00  0.000000           0  0.000000      0       0  total\n"));
    }
}
