//! The run front beside its floor and its peer: `outlive run` on each road, a pipe ping-pong, umockdev; and what it costs
//! calls and programs that have nothing to do with a device.
//!
//! All are measured in turn, round by round, each pinned to one core (the whole tree: whoever serves and whoever
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
    time::Instant,
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
    /// `outlive run --road fuse`.
    Fuse,
    /// `outlive run --road trap`.
    Trap,
    /// `outlive run --road plain`.
    Plain,
    /// The client alone: what its other calls take.
    Alone,
    /// A like handler on umockdev.
    Umockdev,
}

impl Side {
    /// All of them, in the order in which they are measured.
    const ALL: [Side; 6] = [Side::PingPong, Side::Fuse, Side::Trap, Side::Plain, Side::Alone, Side::Umockdev];

    /// Which road it takes, if it is ours.
    fn road(self) -> Option<&'static str> {
        match self {
            Side::Fuse => Some("fuse"),
            Side::Trap => Some("trap"),
            Side::Plain => Some("plain"),
            Side::PingPong | Side::Alone | Side::Umockdev => None,
        }
    }
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
                for side in Side::ALL {
                    if !self.skip.contains(&side) {
                        self.measure(&programs, side, place, &mut rounds)?;
                    }
                }
            }
        }
        println!("{}", self.heading());
        print!("{}", table::render(&rounds, &places));
        print!("{}", self.compilations(&programs)?);
        Ok(())
    }

    /// How long a program takes that opens many files and none of ours, beside itself alone, in turns.
    fn compilations(&self, programs: &Programs) -> Result<String> {
        let source = crate::workspace::root().join("tests/clients/answers.c");
        let gcc = ["gcc", "-O2", "-g", "-c", "-o", "/dev/null", text(&source)?];
        let sides = [Side::Alone, Side::Fuse, Side::Trap, Side::Plain];
        let mut took: BTreeMap<Side, Vec<f64>> = BTreeMap::new();
        for _ in 0..self.rounds * 3 {
            for side in sides.into_iter().filter(|side| !self.skip.contains(side)) {
                let line: Vec<&str> = match side.road() {
                    Some(_) => [&under(programs, side)?[..], &gcc].concat(),
                    None => gcc.to_vec(),
                };
                let start = Instant::now();
                let status = Command::new(line[0]).args(&line[1..]).status().context("gcc")?;
                ensure!(status.success(), "{} failed", line.join(" "));
                took.entry(side).or_default().push(start.elapsed().as_secs_f64());
            }
        }
        let median = |side: Side| {
            let mut times = took.get(&side)?.clone();
            times.sort_by(f64::total_cmp);
            Some(times[times.len() / 2])
        };
        Ok(table::compilations(
            median(Side::Alone),
            &[Side::Fuse, Side::Trap, Side::Plain].map(|side| (side, median(side))),
        ))
    }

    fn programs(&self) -> Result<Programs> {
        let outlive = clients::outlive(self.outlive.as_deref())?;
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
        let client = text(&programs.client)?;
        let line: Vec<&str> = match side {
            Side::PingPong => vec![text(&programs.ping_pong)?, &calls],
            Side::Fuse | Side::Trap | Side::Plain => [&under(programs, side)?[..], &[client, &calls]].concat(),
            Side::Alone => vec![client, &calls, "strange"],
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

/// What is mapped.
const BOARD: &str = "uio:timer,num=0,period=0";

/// What comes before a program that is to run under `side`.
fn under(programs: &Programs, side: Side) -> Result<[&str; 9]> {
    let road = side.road().context("a side of ours")?;
    Ok([text(&programs.outlive)?, "run", "--device", "i2c:24c02@0x50,bus=7", "--device", BOARD, "--road", road, "--"])
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
pub(super) fn last_core() -> Result<usize> {
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
