//! What a whole run of steps came to.

use crate::{step::Step, tally::Tally};
use std::{
    panic::resume_unwind,
    process::ExitCode,
    slice, thread,
    time::{Duration, Instant},
};

/// The steps that have run so far.
pub(crate) struct Report {
    start: Instant,
    tally: Tally,
    lines: Vec<Line>,
}

struct Line {
    title: String,
    took: Duration,
    failure: Option<String>,
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new() -> Report {
        Report { start: Instant::now(), tally: Tally::default(), lines: Vec::new() }
    }

    /// Runs one step under its heading. Whether it succeeded.
    pub(crate) fn run(&mut self, step: &Step) -> bool {
        self.beside(slice::from_ref(step))
    }

    /// Runs steps beside each other, whose lines come as they are printed. Whether all succeeded.
    pub(crate) fn beside(&mut self, steps: &[Step]) -> bool {
        let titles: Vec<_> = steps.iter().map(|step| step.title.as_str()).collect();
        println!("\n==> {}", titles.join("; beside it: "));
        let timed = |step: &Step| {
            let start = Instant::now();
            (step.run(), start.elapsed())
        };
        let outcomes: Vec<_> = thread::scope(|scope| {
            let runs: Vec<_> = steps.iter().map(|step| scope.spawn(|| timed(step))).collect();
            runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        let mut succeeded = true;
        for (step, (outcome, took)) in steps.iter().zip(outcomes) {
            self.tally += outcome.tally;
            succeeded &= self.add(&step.title, took, outcome.failure, outcome.tally.failed);
        }
        succeeded
    }

    /// Runs something of our own under its heading. Whether it succeeded.
    pub(crate) fn run_here(&mut self, title: &str, run: impl FnOnce() -> anyhow::Result<()>) -> bool {
        println!("\n==> {title}");
        let start = Instant::now();
        let failure = run().err().map(|error| format!("{error:#}"));
        self.add(title, start.elapsed(), failure, 0)
    }

    /// A failure of a step that no failed test accounts for counts as one.
    fn add(&mut self, title: &str, took: Duration, failure: Option<String>, failed_tests: u64) -> bool {
        if let Some(failure) = &failure {
            println!("==> {title}: FAILED: {failure}");
            self.tally.failed += u64::from(failed_tests == 0);
        }
        let succeeded = failure.is_none();
        self.lines.push(Line { title: title.to_owned(), took, failure });
        succeeded
    }

    /// Prints a line a step, and last, alone on its line, `N passed, N failed`. The exit status is 0 if nothing failed
    /// and at least one test ran.
    pub(crate) fn finish(self) -> ExitCode {
        println!();
        for line in &self.lines {
            let first_line = line.failure.as_deref().and_then(|failure| failure.lines().next());
            let end = first_line.map_or("ok".to_owned(), |failure| format!("FAILED: {failure}"));
            println!("{:>6.1} s  {}: {end}", line.took.as_secs_f64(), line.title);
        }
        println!("{:>6.1} s  in all", self.start.elapsed().as_secs_f64());
        if self.tally.ignored > 0 {
            println!("{} tests are marked as ignored and did not run", self.tally.ignored);
        }
        if self.tally.ran() == 0 {
            println!("not one test ran: that is a failure");
        }
        println!("{}", self.tally);
        if self.tally.failed == 0 && self.tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(scripts: &[&str]) -> (Tally, bool) {
        let mut report = Report::new();
        for script in scripts {
            report.run(&Step::new("a script", "sh", &["-c", script]));
        }
        let tally = report.tally;
        (tally, report.finish() == ExitCode::SUCCESS)
    }

    const THREE: &str = "echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured'";

    #[test]
    fn sums_over_steps() {
        assert_eq!(finish(&[THREE, "true", THREE]), (Tally { passed: 6, failed: 0, ignored: 0 }, true));
    }

    #[test]
    fn a_step_without_tests_that_fails_counts_as_one() {
        assert_eq!(finish(&[THREE, "exit 1"]), (Tally { passed: 3, failed: 1, ignored: 0 }, false));
        let failing = "echo 'test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured'; exit 101";
        assert_eq!(finish(&[failing]), (Tally { passed: 1, failed: 2, ignored: 0 }, false));
    }

    #[test]
    fn steps_beside_each_other_are_each_counted() {
        let scripts = [THREE, "exit 1", THREE].map(|script| Step::new("a script", "sh", &["-c", script]));
        let mut report = Report::new();
        assert!(!report.beside(&scripts));
        assert_eq!(report.tally, Tally { passed: 6, failed: 1, ignored: 0 });
        assert!(report.beside(&scripts[..1]));
    }

    /// Each waits for the other, so one after the other they would never end.
    #[test]
    fn steps_beside_each_other_run_at_once() {
        let folder = std::env::temp_dir().join(format!("outlive-report-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let wait =
            |mine, other| format!("cd {}; touch {mine}; until [ -e {other} ]; do sleep 0.01; done", folder.display());
        let scripts = [wait("a", "b"), wait("b", "a")];
        let steps = scripts.map(|script| Step::new("a script", "sh", &["-c", &script]).limit(Duration::from_secs(60)));
        let succeeded = Report::new().beside(&steps);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(succeeded);
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        assert_eq!(finish(&["true"]), (Tally::default(), false));
    }
}
