//! How many tests ran, read off what cargo prints.

use std::{fmt, ops::AddAssign};

/// How many tests ran, and how they ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Tally {
    /// The counts of a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`, which ends each test binary's
    /// output; `None` for any other line.
    pub(crate) fn of_line(line: &str) -> Option<Tally> {
        let counts = line.strip_prefix("test result: ")?;
        let count = |what: &str| -> Option<u64> {
            let before = counts[..counts.find(what)?].trim_end();
            before.rsplit([' ', '.']).next()?.parse().ok()
        };
        Some(Tally { passed: count(" passed")?, failed: count(" failed")?, ignored: count(" ignored")? })
    }

    /// How many tests ran.
    pub(crate) fn ran(&self) -> u64 {
        self.passed + self.failed
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_last_line_of_a_test_binary() {
        let check = |line, passed, failed, ignored| {
            assert_eq!(Tally::of_line(line), Some(Tally { passed, failed, ignored }), "{line}");
        };
        check("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s", 3, 0, 1);
        check("test result: FAILED. 12 passed; 34 failed; 0 ignored; 0 measured; 0 filtered out", 12, 34, 0);
        check("test result: \u{1b}[32mok\u{1b}(B\u{1b}[m. 3 passed; 0 failed; 0 ignored; 0 measured", 3, 0, 0);
    }

    #[test]
    fn counts_nothing_else() {
        for line in
            ["", "running 3 tests", "test tally ... ok", "  test result: ok. 1 passed; 0 failed; 0 ignored", "3 passed"]
        {
            assert_eq!(Tally::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn sums_and_says_it() {
        let mut tally = Tally { passed: 3, failed: 0, ignored: 2 };
        tally += Tally { passed: 1, failed: 1, ignored: 0 };
        assert_eq!((tally.to_string(), tally.ran(), tally.ignored), ("4 passed, 1 failed".to_owned(), 5, 2));
    }
}
