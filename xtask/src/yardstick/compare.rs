//! Linux' answers beside ours: equal, or different as the table has it. Anything else is a finding.

use super::{
    answers::Answers,
    table::{Line, matches},
};
use std::collections::BTreeSet;

/// The table, and which of its lines were of use.
#[derive(Clone)]
pub(super) struct Judge {
    table: Vec<Line>,
    used: BTreeSet<usize>,
}

/// What became of the rows of one comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) equal: usize,
    pub(super) listed: usize,
    pub(super) findings: Vec<String>,
}

impl Judge {
    pub(super) fn new(table: Vec<Line>) -> Judge {
        Judge { table, used: BTreeSet::new() }
    }

    /// Compares what Linux' own device and ours on `road` answered.
    pub(super) fn compare(&mut self, road: &str, linux: &Answers, ours: &Answers) -> Verdict {
        let mut verdict = Verdict::default();
        let names: BTreeSet<&String> = linux.rows.keys().chain(ours.rows.keys()).collect();
        for name in names {
            let (Some(left), Some(right)) = (linux.rows.get(name), ours.rows.get(name)) else {
                verdict.findings.push(format!("{name}: one of the two has no such row"));
                continue;
            };
            let about = |line: &Line| line.is_about(name, road) && matches(&line.linux, left);
            if left == right {
                verdict.equal += 1;
                if let Some(line) = self.table.iter().find(|line| about(line) && !matches(&line.ours, right)) {
                    verdict.findings.push(format!("{name}: listed as different ({}), and equal: {left}", line.row));
                }
                continue;
            }
            match self.table.iter().position(|line| about(line) && matches(&line.ours, right)) {
                Some(at) => {
                    self.used.insert(at);
                    verdict.listed += 1;
                }
                None => verdict.findings.push(format!("{name}: Linux {left}, ours {right}")),
            }
        }
        verdict
    }

    /// The lines about one of `roads` that no comparison needed.
    pub(super) fn stale(&self, roads: &[&str]) -> Vec<String> {
        let ran = |line: &Line| roads.iter().any(|road| line.is_on(road));
        let unused = self.table.iter().enumerate().filter(|(at, line)| ran(line) && !self.used.contains(at));
        unused.map(|(_, line)| format!("the line {:?} of the table is about no difference", line.row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::table, *};

    const LINUX: &str = "a\t0\nb\tENODEV\nc\t1 {00}\n";

    fn judge() -> Judge {
        Judge::new(
            table::parse("| row | Linux | ours | road | why |\n|---|\n| b | ENODEV | ENXIO | all | y |\n").unwrap(),
        )
    }

    fn compare(judge: &mut Judge, ours: &str) -> Verdict {
        judge.compare("fuse", &Answers::parse(LINUX).unwrap(), &Answers::parse(ours).unwrap())
    }

    #[test]
    fn what_is_equal_or_listed_is_no_finding() {
        let mut judge = judge();
        assert_eq!(judge.stale(&["fuse"]).len(), 1);
        let verdict = compare(&mut judge, "a\t0\nb\tENXIO\nc\t1 {00}\n");
        assert_eq!(verdict, Verdict { equal: 2, listed: 1, findings: vec![] });
        assert!(judge.stale(&["fuse"]).is_empty());
    }

    #[test]
    fn a_line_about_a_road_that_did_not_run_is_not_stale() {
        let page = "| row | Linux | ours | road | why |\n|---|\n| b | ENODEV | ENXIO | fuse, plain | y |\n";
        let judge = Judge::new(table::parse(page).unwrap());
        assert_eq!(judge.stale(&["trap", "serve"]), [""; 0]);
        assert_eq!(judge.stale(&["trap", "plain"]).len(), 1);
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        for (ours, found) in [
            ("a\tEIO\nb\tENXIO\nc\t1 {00}\n", "a: Linux 0, ours EIO"),
            ("a\t0\nb\tENXIO\nc\t1 {01}\n", "c: Linux 1 {00}, ours 1 {01}"),
            ("a\t0\nb\tEIO\nc\t1 {00}\n", "b: Linux ENODEV, ours EIO"),
            ("a\t0\nb\tENODEV\nc\t1 {00}\n", "b: listed as different (b), and equal: ENODEV"),
            ("a\t0\nb\tENXIO\n", "c: one of the two has no such row"),
            ("a\t0\nb\tENXIO\nc\t1 {00}\nd\t0\n", "d: one of the two has no such row"),
        ] {
            assert_eq!(compare(&mut judge(), ours).findings, [found]);
        }
    }
}
