//! The run front beside its floor and its peer: `outlive run`, a pipe ping-pong, umockdev.
//!
//! All three are measured in turn, round by round, each pinned to one core (the whole tree: whoever serves and whoever
//! calls) and unpinned, so that whatever else the machine does hits all of them. A figure is the median over the rounds
//! of a round's median.

use super::{
    figure::{self, Figure, Figures},
    machine, table,
};
use crate::{clients, packages};
use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Options of `bench run-front`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure in so many rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Make so many calls of each kind a round (a tenth of that under umockdev)
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(10..))]
    calls: u32,
    /// Measure this binary instead of building one in release form
    #[arg(long, value_name = "FILE")]
    outlive: Option<PathBuf>,
    /// Leave this side out
    #[arg(long, value_enum, value_name = "SIDE")]
    skip: Vec<Side>,
}

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub(crate) enum Side {
    /// Two processes and two pipes.
    PingPong,
    /// `outlive run`.
    Outlive,
    /// A like handler on umockdev.
    Umockdev,
}

/// Where it may run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Place {
    /// All of it on this one core.
    Core(usize),
    /// Wherever the kernel puts it.
    Anywhere,
}

/// Everything that was measured: a figure for each round.
pub(crate) type Rounds = BTreeMap<(Side, Place, String), Vec<Result<Figure, String>>>;

/// The programs.
struct Programs {
    ping_pong: PathBuf,
    client: PathBuf,
    umockdev: PathBuf,
    outlive: PathBuf,
}

impl Args {
    /// One short round, with the binary that the tests have built.
    pub(crate) fn short_form() -> Args {
        let outlive = Some(crate::workspace::target().join("debug/outlive"));
        Args { rounds: 1, calls: 200, outlive, skip: Vec::new() }
    }

    pub(crate) fn run(&self) -> Result<()> {
        packages::require(&packages::for_run_front_bench())?;
        let programs = self.programs()?;
        let places = [Place::Core(last_core()?), Place::Anywhere];
        let mut rounds = Rounds::new();
        for round in 1..=self.rounds {
            eprintln!("round {round} of {}", self.rounds);
            for place in places {
                for side in [Side::PingPong, Side::Outlive, Side::Umockdev] {
                    if !self.skip.contains(&side) {
                        self.measure(&programs, side, place, &mut rounds)?;
                    }
                }
            }
        }
        println!("{}", self.heading());
        print!("{}", table::render(&rounds, &places));
        Ok(())
    }

    fn programs(&self) -> Result<Programs> {
        let outlive = match &self.outlive {
            Some(binary) => fs::canonicalize(binary).with_context(|| format!("no binary {}", binary.display()))?,
            None if self.skip.contains(&Side::Outlive) => PathBuf::new(),
            None => clients::build_outlive()?,
        };
        Ok(Programs {
            ping_pong: clients::build("benches/run_front/pipe_ping_pong.c", &[])?,
            client: clients::build("tests/clients/bench_client.c", &[])?,
            umockdev: clients::build("benches/run_front/umockdev_i2c.c", &["umockdev-1.0"])?,
            outlive,
        })
    }

    fn measure(&self, programs: &Programs, side: Side, place: Place, rounds: &mut Rounds) -> Result<()> {
        let calls = self.calls.to_string();
        let few = (self.calls / 10).to_string();
        let line: Vec<&str> = match side {
            Side::PingPong => vec![text(&programs.ping_pong)?, &calls],
            Side::Outlive => {
                let outlive = text(&programs.outlive)?;
                vec![outlive, "run", "--device", "i2c:24c02@0x50,bus=7", "--", text(&programs.client)?, &calls]
            }
            Side::Umockdev => vec!["umockdev-wrapper", text(&programs.umockdev)?, text(&programs.client)?, &few],
        };
        for (kind, figure) in run(&line, place)? {
            rounds.entry((side, place, kind)).or_default().push(figure);
        }
        Ok(())
    }

    fn heading(&self) -> String {
        format!(
            "\nOne call on a device, seen from its client; median of {} rounds of {} calls (a tenth of that under umockdev), µs.\n{}\n",
            self.rounds,
            self.calls,
            machine::line()
        )
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Runs one program, on one core if so asked, and reads its figures.
fn run(line: &[&str], place: Place) -> Result<Figures> {
    let core = match place {
        Place::Core(core) => Some(core.to_string()),
        Place::Anywhere => None,
    };
    // taskset ends in exec, so what it sets holds for the program and all that it starts.
    let pin: Vec<&str> = core.iter().flat_map(|core| ["taskset", "--cpu-list", core.as_str()]).collect();
    let line: Vec<&str> = pin.into_iter().chain(line.iter().copied()).collect();
    let output = Command::new(line[0]).args(&line[1..]).output().with_context(|| format!("cannot run {}", line[0]))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = || line.join(" ");
    ensure!(output.status.success(), "{} failed ({}):\n{}", shown(), output.status, first_lines(&said));
    figure::parse(&String::from_utf8_lossy(&output.stdout)).with_context(shown)
}

fn first_lines(text: &str) -> String {
    text.lines().take(10).collect::<Vec<_>>().join("\n")
}

/// The last of the cores that we may run on: the first one has more interrupts.
fn last_core() -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.and_then(last_of_list).context("/proc/self/status names no core")
}

/// The last number of a list such as `0-3,8`.
fn last_of_list(list: &str) -> Option<usize> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_core_of_a_list() {
        assert_eq!(last_of_list("\t0-3,8-11\n"), Some(11));
        assert_eq!(last_of_list("0"), Some(0));
        assert_eq!(last_of_list(""), None);
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_words() {
        let error = run(&["sh", "-c", "echo no device >&2; exit 2"], Place::Anywhere).unwrap_err().to_string();
        assert!(error.ends_with("no device"), "{error}");
        let error = run(&["sh", "-c", "echo nothing to say"], Place::Anywhere).unwrap_err();
        assert!(format!("{error:#}").contains("no figures"), "{error:#}");
    }

    #[test]
    fn figures_are_read_on_a_pinned_core() {
        let core = last_core().unwrap();
        let script = "echo bench on $(taskset -pc $$ | sed 's/.*: //') 0";
        let figures = run(&["sh", "-c", script], Place::Core(core)).unwrap();
        assert_eq!(figures["on"], Ok(Figure { median: core as u64, p99: 0 }));
    }
}
