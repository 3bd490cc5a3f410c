use crate::{
    command::{LabArgs, run::RoadArg},
    exploration::{paint, processors},
    progress::Progress,
    terminal,
    trials::Trials,
};
use clap::{ValueHint, builder::NonEmptyStringValueParser};
use outlive_explore::{Explorer, PlainError, Points, Report, Request, RunnerError, Verdict, closeup::closeup, table};
use outlive_host::{
    lab::value::{parse_duration, parse_size},
    trial::Replug,
};
use std::{fmt::Display, fs, path::PathBuf, process::ExitCode, time::Duration};

/// Our own failure, as in env(1) and its like.
const OUR_FAILURE: u8 = 125;
const USAGE: u8 = 2;
const PLAIN_RUN_FAILED: u8 = 3;

/// Pull the device at every operation of a program in turn, and say how the program took it
///
/// CMD runs once for each of its operations, each time on a fresh device, which is gone as that operation arrives. How
/// CMD takes it is the point's verdict; from best to worst: unaffected, clean, recovered, silent, flood, spin, hang, crash,
/// corrupt. A file that keeps a chip's content is copied for each run, and never changed.
///
/// With --replug the device comes back, as its next generation: same name, same hardware, with what that has kept. What
/// was opened before stays dead; who opens it again has it. With --check a command of yours judges, after each run and on
/// all devices, what state they were left in: exit code 0 says that it is good, all else makes the point corrupt, whatever
/// CMD did. If CMD exits with 0 although operations failed, and the device came back before, and the check agrees, the
/// point is recovered; else silent, so also where --replug is given without --check: nobody has looked.
///
/// Devices that were pulled answer by --contract, which the report names. Without it: as Linux does, if that has been
/// measured for their class and a program can notice it, else strict. That is linux for i2c, uio, tpm
/// and input; of cards it is strict, not the quiet that they have otherwise, which has nothing fail.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  outlive explore --device i2c:24c02@0x50,bus=7 -- i2cdump -y 7 0x50 b
  outlive explore --device i2c:24c02@0x50,bus=7 --at 12 -- i2cdump -y 7 0x50 b
  outlive explore --device i2c:24c02@0x50,bus=7,file=eeprom.bin --replug --check './updater verify' -- ./updater write

Exit status:
  0    no point is worse than --allow, or than in the --baseline
  1    one is
  2    it was called wrongly
  3    CMD fails without a pull, or the check does then
  125  a run could not be carried out

Environment:
  OUTLIVE_EXIT  set for --check: how CMD ended, its exit code or 128 and the number of the signal")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArgs,
    #[command(flatten)]
    road: RoadArg,
    /// Pull at these operations only: numbers and ranges, such as 1-50,99 or 200-
    #[arg(long, value_name = "LIST")]
    points: Option<Points>,
    /// Pull at this operation, and show what happened around it
    #[arg(long, value_name = "K", conflicts_with_all = ["points", "all", "budget"])]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    at: Option<u64>,
    /// Explore all points, however long it takes
    #[arg(long, conflicts_with = "budget")]
    all: bool,
    /// Begin no more runs after this time [default: 60s, if neither --all nor --points is given]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    budget: Option<Duration>,
    /// Have so many runs side by side [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Stop a run after this time [default: what CMD takes without a pull, and 5s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Stop a run after this many operations after the pull [default: 4 times those without a pull, at least 1000]
    #[arg(long, value_name = "N")]
    max_ops: Option<u64>,
    /// Stop a run after this much output after the pull [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_output: Option<u64>,
    /// Plug the device in again: as soon as its removal is complete, before CMD is told of it; or after so many more
    /// operations on it (--replug=3), or after a time (--replug=200ms)
    #[arg(long, value_name = "AFTER", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    #[arg(value_parser = parse_replug)]
    replug: Option<Replug>,
    /// Have this command, run by sh -c when CMD's whole tree has ended, judge the state of the devices, within the time
    /// of --timeout
    #[arg(long, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    #[arg(value_hint = ValueHint::CommandString)]
    check: Option<String>,
    /// Take this exit code of CMD, too, as saying that the device is gone; all but 0 do anyway
    #[arg(long, value_name = "N")]
    expect_exit: Option<i32>,
    /// Exit with 0 if no verdict is worse than this: unaffected, clean, recovered, silent, flood, spin, hang, crash,
    /// corrupt [default: clean; with --replug recovered]
    #[arg(long, value_name = "VERDICT")]
    allow: Option<Verdict>,
    /// Accept points that are no worse than in this report, which --json wrote
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    baseline: Option<PathBuf>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<String>,
}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        match self.explore() {
            Ok(code) => ExitCode::from(code),
            Err(Failed { code, message }) => {
                terminal::complain(message);
                ExitCode::from(code)
            }
        }
    }

    fn explore(self) -> Result<u8, Failed> {
        let baseline = self.baseline.as_ref().map(read_baseline).transpose()?;
        let request = self.request()?;
        let progress = Progress::begin();
        let explorer = Explorer::prepare(&Trials, request).inspect_err(|_| progress.end()).map_err(|error| {
            let code = match &error {
                PlainError::Runner(RunnerError::Lab(_)) => USAGE,
                PlainError::Runner(RunnerError::Ours(_)) => OUR_FAILURE,
                _ => PLAIN_RUN_FAILED,
            };
            Failed::new(code, error)
        })?;
        let asked = self.at.map(Points::one).or(self.points.clone());
        let points =
            explorer.plan(asked.as_ref()).inspect_err(|_| progress.end()).map_err(|e| Failed::new(USAGE, e))?;
        progress.points(points.len());
        if let Some(at) = self.at {
            let seen = explorer.pull(at);
            progress.end();
            let (point, seen) = seen.map_err(|error| Failed::new(OUR_FAILURE, error))?;
            let report = explorer.report(vec![point]);
            let text = || closeup(explorer.plain(), &report, &report.points[0], &seen, paint());
            return self.finish(&report, text, baseline.as_ref());
        }
        let report = explorer.explore(&points, self.jobs(), self.budget(), &progress);
        progress.end();
        self.finish(&report, || table::report(&report, paint()), baseline.as_ref())
    }

    fn request(&self) -> Result<Request, Failed> {
        Ok(Request {
            command: self.command.clone(),
            lab: self.lab.config().map_err(|error| Failed::new(USAGE, format!("{error:#}")))?,
            road: self.road.road,
            timeout: self.timeout,
            max_operations: self.max_ops,
            max_output: self.max_output,
            expect_exit: self.expect_exit,
            replug: self.replug,
            check: self.check.clone(),
        })
    }

    /// The worst verdict that is good enough.
    fn allowed(&self) -> Verdict {
        self.allow.unwrap_or(if self.replug.is_some() { Verdict::Recovered } else { Verdict::Clean })
    }

    fn jobs(&self) -> usize {
        self.jobs.map_or_else(processors, usize::from)
    }

    fn budget(&self) -> Option<Duration> {
        let default = Duration::from_secs(60);
        self.budget.or((!self.all && self.points.is_none()).then_some(default))
    }

    /// Prints the report and gives the exit code.
    fn finish(&self, report: &Report, text: impl Fn() -> String, known: Option<&Report>) -> Result<u8, Failed> {
        let text = if terminal::json() {
            serde_json::to_string_pretty(report).map_err(|error| Failed::new(OUR_FAILURE, error))?
        } else {
            format!("{}{}", text(), self.conclusion(report, known))
        };
        terminal::line(text.trim_end());
        Ok(report.exit_code(self.allowed(), known))
    }

    /// What the exit code says, in words, and what to do next.
    fn conclusion(&self, report: &Report, known: Option<&Report>) -> String {
        let bad = report.too_bad(self.allowed(), known);
        // The first of the worst.
        let Some(worst) = bad.iter().rev().max_by_key(|point| point.verdict) else { return String::new() };
        let before = if known.is_some() { " and than in the baseline" } else { "" };
        let count = format!("{} worse than {}{before}", bad.len(), self.allowed());
        match self.at {
            Some(_) => String::new(),
            None => format!("{count}; look at one with --at, such as --at {}\n", worst.at),
        }
    }
}

/// When a device comes back: after a number of operations, or a time.
fn parse_replug(text: &str) -> Result<Replug, String> {
    let wrong = |_| format!("`{text}` is neither a number of operations, such as 3, nor a time, such as 200ms");
    match text.parse() {
        Ok(count) => Ok(Replug::Operations(count)),
        Err(_) => parse_duration(text).map(Replug::Time).map_err(wrong),
    }
}

fn read_baseline(path: &PathBuf) -> Result<Report, Failed> {
    let failed = |error: &dyn Display| Failed::new(USAGE, format!("--baseline {}: {error}", path.display()));
    let text = fs::read(path).map_err(|error| failed(&error))?;
    serde_json::from_slice(&text)
        .map_err(|error| failed(&format!("this is no report that `outlive explore --json` wrote: {error}")))
}

/// Why there is no report, and the exit code for that.
struct Failed {
    code: u8,
    message: String,
}

impl Failed {
    fn new(code: u8, error: impl Display) -> Self {
        Failed { code, message: error.to_string() }
    }
}
