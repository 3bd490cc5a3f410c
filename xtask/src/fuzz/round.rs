//! One round: one seed on one road, as one user.

use super::trouble::Trouble;
use crate::leftovers::Traces;
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use std::{
    fmt,
    fs::{self, File},
    os::unix::{
        fs::MetadataExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A way that calls take under `outlive run`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Road {
    Fuse,
    Trap,
    Plain,
}

/// Who runs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum User {
    /// Us, who are root
    Root,
    /// An ordinary user: Debian's nobody; or us, who are one
    Ordinary,
}

/// Debian's `nobody`.
const NOBODY: u32 = 65534;

impl User {
    /// Whether we are root.
    pub(crate) fn we_are_root() -> bool {
        fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
    }

    /// Who that is, if not the user who runs this.
    fn other(self) -> Option<u32> {
        (self == User::Ordinary && User::we_are_root()).then_some(NOBODY)
    }

    /// Has `command` run as this user.
    pub(crate) fn begin(self, command: &mut Command) {
        if let Some(user) = self.other() {
            command.uid(user).gid(user);
        }
    }
}

/// The devices: two for those who play, and one for the neighbour.
const DEVICES: [&str; 4] = [
    "i2c:24c02@0x50,bus=77",
    "i2c:lm75@0x48,bus=77,slow=20ms",
    "uio:timer,num=70,size=8KiB,ram=4KiB,period=5ms",
    "i2c:24c02@0x50,bus=78",
];

/// How much memory the supervisor may have had resident, in KiB.
const MEMORY: u64 = 256 * 1024;

/// What all rounds need.
pub(crate) struct Ground {
    pub(crate) outlive: PathBuf,
    pub(crate) fuzz: PathBuf,
    pub(crate) neighbour: PathBuf,
    /// Where logs are kept.
    pub(crate) logs: PathBuf,
    /// How long a round may take.
    pub(crate) limit: Duration,
}

/// One seed on one road, as one user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) seed: u64,
    /// Steps of each process.
    pub(crate) steps: u64,
    pub(crate) road: Road,
    pub(crate) user: User,
}

/// What a round came to.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) pulls: u64,
    /// What the neighbour has transferred.
    pub(crate) transfers: u64,
    /// The longest that the neighbour has waited, in milliseconds.
    pub(crate) longest: u64,
    /// The most memory that the supervisor has had, in KiB.
    pub(crate) memory: u64,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
        let (road, user) = (name(self.road.to_possible_value()), name(self.user.to_possible_value()));
        write!(f, "--seed {} --steps {}", self.seed, self.steps)?;
        write!(f, " --road {} --user {}", road.unwrap_or_default(), user.unwrap_or_default())
    }
}

impl Round {
    /// Whether devices go offline in this one: then EIO is an answer.
    pub(crate) fn offline(&self) -> bool {
        self.seed.is_multiple_of(3)
    }

    /// Runs it. Its log stays only if something was found.
    ///
    /// # Errors
    /// What was found, with the log and how to run it again.
    pub(crate) fn run(&self, ground: &Ground) -> Result<Figures> {
        let name = format!("fuzz-{:?}-{:?}-{}", self.road, self.user, self.seed).to_lowercase();
        let traces = Traces::new(&name, self.user.other())?;
        let path = ground.logs.join(&traces.name).with_extension("log");
        let log = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let went = self.run_in(ground, &traces, &log, &path);
        if went.is_ok() {
            fs::remove_file(&path)?;
        }
        went.map_err(|error| anyhow!("{error:#}\nlog: {}\nagain: cargo xtask fuzz {self}", path.display()))
    }

    fn run_in(&self, ground: &Ground, traces: &Traces, log: &File, path: &Path) -> Result<Figures> {
        let mut run = self.start(ground, traces, log)?;
        let mut trouble = Trouble::new(self, ground, traces, log, &run);
        let went = trouble.until_the_end(&mut run);
        let (pulls, memory) = (trouble.pulls, trouble.memory);
        if went.is_err() {
            run.kill().ok(); // the guardian ends the rest
        }
        let status = run.wait()?;
        went?;
        self.judge(status, path)?;
        traces.expect_none()?;
        ensure!(memory < MEMORY, "the supervisor had {memory} KiB of memory");
        let figures = Figures { pulls, memory, ..Figures::told(path)? };
        ensure!(figures.transfers > 0, "the neighbour made no transfer");
        Ok(figures)
    }

    fn start(&self, ground: &Ground, traces: &Traces, log: &File) -> Result<Child> {
        let mut command = Command::new(&ground.outlive);
        traces.mark(&mut command);
        let road = self.road.to_possible_value().context("each road has a name")?;
        command.args(["run", "--name", &traces.name, "--road", road.get_name()]);
        for device in DEVICES {
            command.args(["--device", device]);
        }
        command
            .arg("--")
            .arg(&ground.neighbour)
            .arg(&ground.fuzz)
            .args([self.seed.to_string(), self.steps.to_string()]);
        if self.offline() {
            command.env("OUTLIVE_CLIENT_OFFLINE", "1");
        }
        if self.road == Road::Plain {
            command.env("OUTLIVE_CLIENT_PLAIN", "1");
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
        self.user.begin(&mut command);
        command.spawn().with_context(|| format!("cannot run {}", ground.outlive.display()))
    }

    fn judge(&self, status: std::process::ExitStatus, log: &Path) -> Result<()> {
        let text = fs::read(log)?;
        let text = String::from_utf8_lossy(&text);
        let failed: Vec<_> =
            text.lines().filter(|line| line.starts_with("FAIL") || line.contains("panicked")).collect();
        match status.code() {
            Some(0) if failed.is_empty() => Ok(()),
            Some(0 | 1 | 3) if !failed.is_empty() => bail!("{}", failed[..failed.len().min(8)].join("\n")),
            _ => bail!("outlive run ended with {status}{}", if status.signal().is_some() { ": killed" } else { "" }),
        }
    }
}

impl Figures {
    /// What the client and its neighbour say of themselves at the end.
    fn told(log: &Path) -> Result<Figures> {
        let text = fs::read(log)?;
        let text = String::from_utf8_lossy(&text);
        let number = |start: &str, before: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
            let rest = line.split_once(before).map_or("", |(_, rest)| rest).trim_start();
            rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        Ok(Figures {
            calls: number("note ", "calls "),
            transfers: number("neighbour:", " "),
            longest: number("neighbour:", "longest wait "),
            ..Figures::default()
        })
    }
}
