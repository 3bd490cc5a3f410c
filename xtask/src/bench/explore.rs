//! Exploring beside as many unpulled runs: what `outlive explore` costs on top of `outlive run`.
//!
//! Everything is measured in turn, round by round, with as many runs side by side in each, so that whatever else the
//! machine does hits all of them. The rows above those two say where a run's time goes before its program does anything.

use super::machine;
use crate::{clients, packages, workspace};
use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Exploring takes at most so many times as long as the unpulled runs.
const AT_MOST: f64 = 1.5;
const DEVICE: &str = "i2c:24c02@0x50,bus=7";
const DUMP: [&str; 5] = ["i2cdump", "-y", "7", "0x50", "b"];

/// Options of `bench explore`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure in so many rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Have so many runs side by side [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Explore these points only, and not all
    #[arg(long, value_name = "LIST")]
    points: Option<String>,
    /// Measure this binary instead of building one in release form
    #[arg(long, value_name = "FILE")]
    outlive: Option<PathBuf>,
}

/// What is measured, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Side {
    /// A program that does nothing.
    True,
    /// Our binary, doing nothing.
    Version,
    /// `outlive run` of a program that does nothing.
    RunTrue,
    /// `outlive run` of the program that is explored.
    Run,
    /// `outlive explore`.
    Explore,
}

const SIDES: [Side; 5] = [Side::True, Side::Version, Side::RunTrue, Side::Run, Side::Explore];

/// How long each side took in each round.
type Rounds = BTreeMap<Side, Vec<Duration>>;

impl Args {
    /// One round of a few points, with the binary that the tests have built.
    pub(crate) fn short_form() -> Args {
        let outlive = Some(workspace::target().join("debug/outlive"));
        Args { rounds: 1, jobs: None, points: Some("1-8".to_owned()), outlive }
    }

    pub(crate) fn run(&self) -> Result<()> {
        packages::require(&packages::for_explore_bench())?;
        let outlive = clients::outlive(self.outlive.as_deref())?;
        let outlive = outlive.to_str().with_context(|| format!("{} is not UTF-8", outlive.display()))?;
        let dump = workspace::find_program(DUMP[0]).context("i2cdump is not in PATH (Debian's package i2c-tools)")?;
        let dump = [&[dump.to_str().context("the path of i2cdump is not UTF-8")?], &DUMP[1..]].concat();
        let bench = Bench { args: self, outlive, dump };
        let points = bench.explore()?;
        let mut rounds = Rounds::new();
        for round in 1..=self.rounds {
            eprintln!("round {round} of {}", self.rounds);
            for side in order(round) {
                let begin = Instant::now();
                bench.measure(side, points)?;
                rounds.entry(side).or_default().push(begin.elapsed());
            }
        }
        println!("{}", self.heading(points));
        print!("{}", render(&rounds, points));
        Ok(())
    }

    fn jobs(&self) -> usize {
        self.jobs.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from)
    }

    fn heading(&self, points: u64) -> String {
        format!(
            "\n`{}` explored at {points} points, beside as many unpulled runs; median of {} rounds, {} runs side by side.\n{}\n",
            DUMP.join(" "),
            self.rounds,
            self.jobs(),
            machine::line()
        )
    }
}

/// Each round the other way round than the one before: who comes first finds another machine.
fn order(round: u32) -> Vec<Side> {
    let mut sides = SIDES.to_vec();
    if round.is_multiple_of(2) {
        sides.reverse();
    }
    sides
}

struct Bench<'a> {
    args: &'a Args,
    outlive: &'a str,
    dump: Vec<&'a str>,
}

impl Bench<'_> {
    fn measure(&self, side: Side, runs: u64) -> Result<()> {
        let run = [self.outlive, "run", "--device", DEVICE, "--"];
        match side {
            Side::True => self.repeat(&["true"], runs),
            Side::Version => self.repeat(&[self.outlive, "--version"], runs),
            Side::RunTrue => self.repeat(&[&run[..], &["true"]].concat(), runs),
            Side::Run => self.repeat(&[&run[..], &self.dump].concat(), runs),
            Side::Explore => {
                let points = self.explore()?;
                ensure!(points == runs, "{points} points this time, and {runs} the first time");
                Ok(())
            }
        }
    }

    /// Runs a program so many times, several side by side.
    fn repeat(&self, line: &[&str], runs: u64) -> Result<()> {
        let taken = AtomicU64::new(0);
        let worker = || -> Result<()> {
            while taken.fetch_add(1, Ordering::Relaxed) < runs {
                let mut command = Command::new(line[0]);
                command.args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::null());
                let status = command.status().with_context(|| format!("cannot run {}", line[0]))?;
                ensure!(status.success(), "{} failed ({status})", line.join(" "));
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.args.jobs()).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
        })
    }

    /// Explores, and gives how many points there were: each must have been pulled.
    fn explore(&self) -> Result<u64> {
        let jobs = self.args.jobs().to_string();
        let which = self.args.points.as_ref().map_or(vec!["--all"], |points| vec!["--points", points]);
        let mut command = Command::new(self.outlive);
        command.args(["explore", "--json", "--device", DEVICE, "--jobs", &jobs]).args(which).arg("--").args(&self.dump);
        let output = command.stdin(Stdio::null()).output().context("cannot run outlive")?;
        // 1: points are worse than allowed, as those of i2cdump are.
        ensure!(
            matches!(output.status.code(), Some(0 | 1)),
            "outlive explore failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        count_pulled(&output.stdout)
    }
}

/// How many points a report has; an error if one was not pulled.
fn count_pulled(report: &[u8]) -> Result<u64> {
    let report: serde_json::Value = serde_json::from_slice(report).context("outlive explore wrote no report")?;
    let points = report["points"].as_array().context("the report has no points")?;
    ensure!(!points.is_empty(), "the report has no points");
    for point in points {
        ensure!(point["pulled"] == true, "point {} was not pulled", point["at"]);
    }
    Ok(points.len() as u64)
}

fn render(rounds: &Rounds, points: u64) -> String {
    let mut text =
        format!("{:36} {:>6} {:>10} {:>10} {:>20}\n", "", "runs", "all, s", "each, ms", "all: least-most, s");
    for (side, took) in rounds {
        // The explorer runs the program twice without a pull before anything else.
        let runs = if *side == Side::Explore { points + 2 } else { points };
        let all = median(took.iter().map(Duration::as_secs_f64));
        let range = format!("{:.3}-{:.3}", least(took).as_secs_f64(), most(took).as_secs_f64());
        writeln!(text, "{:36} {runs:>6} {all:>10.3} {:>10.2} {range:>20}", title(*side), all * 1000.0 / runs as f64)
            .expect("a String takes all");
    }
    text + &goal(rounds)
}

fn title(side: Side) -> &'static str {
    match side {
        Side::True => "true",
        Side::Version => "outlive --version",
        Side::RunTrue => "outlive run -- true",
        Side::Run => "outlive run -- i2cdump",
        Side::Explore => "outlive explore -- i2cdump",
    }
}

/// The ratio of each round by itself: rounds differ more than what is measured in one.
fn goal(rounds: &Rounds) -> String {
    let pairs = rounds[&Side::Explore].iter().zip(&rounds[&Side::Run]);
    let ratios: Vec<f64> = pairs.map(|(explore, run)| explore.as_secs_f64() / run.as_secs_f64()).collect();
    let ratio = median(ratios.iter().copied());
    let (low, high) = (ratios.iter().copied().fold(f64::MAX, f64::min), ratios.iter().copied().fold(0.0, f64::max));
    let met = if ratio <= AT_MOST { "met" } else { "MISSED" };
    format!(
        "\ngoal: exploring takes at most {AT_MOST} times the unpulled runs: {ratio:.2} (rounds {low:.2} to {high:.2}): {met}\n"
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn least(took: &[Duration]) -> Duration {
    took.iter().copied().min().unwrap_or_default()
}

fn most(took: &[Duration]) -> Duration {
    took.iter().copied().max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(explore: [u64; 3]) -> Rounds {
        let seconds = |all: [u64; 3]| all.map(|ms| Duration::from_millis(1000 * ms)).to_vec();
        Rounds::from([(Side::Run, seconds([10, 20, 30])), (Side::Explore, seconds(explore))])
    }

    #[test]
    fn the_ratio_is_that_of_the_middle_round() {
        // 1.4, 2, 1.5
        let text = render(&rounds([14, 40, 45]), 100);
        assert!(text.ends_with("1.50 (rounds 1.40 to 2.00): met\n"), "{text}");
        let row: Vec<_> = text.lines().nth(2).unwrap().split_whitespace().collect();
        assert_eq!(row, ["outlive", "explore", "--", "i2cdump", "102", "40.000", "392.16", "14.000-45.000"]);
        assert!(render(&rounds([16, 32, 48]), 100).ends_with("1.60 (rounds 1.60 to 1.60): MISSED\n"));
    }

    #[test]
    fn a_point_that_was_not_pulled_is_an_error() {
        let report =
            |pulled| serde_json::json!({ "points": [{ "at": 1, "pulled": true }, { "at": 2, "pulled": pulled }] });
        assert_eq!(count_pulled(report(true).to_string().as_bytes()).unwrap(), 2);
        assert!(count_pulled(report(false).to_string().as_bytes()).is_err());
        assert!(count_pulled(br#"{ "points": [] }"#).is_err());
        assert!(count_pulled(b"").is_err());
    }

    #[test]
    fn who_comes_first_changes() {
        assert_eq!((order(1)[0], order(2)[0]), (Side::True, Side::Explore));
    }
}
