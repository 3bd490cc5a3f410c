//! What happens to the devices of a round while it runs: one command after the other, as its seed has it.

use super::round::{Ground, Round};
use crate::{leftovers::Traces, seed::Numbers};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a command on the lab may take: nothing that is asked for here takes a second.
const LIMIT: Duration = Duration::from_secs(60);

/// Whoever makes trouble for one run.
pub(crate) struct Trouble<'a> {
    round: &'a Round,
    outlive: &'a Path,
    traces: &'a Traces,
    log: &'a File,
    numbers: Numbers,
    supervisor: u32,
    start: Instant,
    limit: Duration,
    /// How many removals there were.
    pub(crate) pulls: u64,
    /// The most memory that the supervisor has had, in KiB.
    pub(crate) memory: u64,
}

impl<'a> Trouble<'a> {
    /// For `run`, which has just been started, on this ground.
    pub(crate) fn new(
        round: &'a Round,
        ground: &'a Ground,
        traces: &'a Traces,
        log: &'a File,
        run: &Child,
    ) -> Trouble<'a> {
        let (numbers, supervisor) = (Numbers::new(round.seed), run.id());
        let (outlive, start, limit) = (ground.outlive.as_path(), Instant::now(), ground.limit);
        Trouble { round, outlive, traces, log, numbers, supervisor, start, limit, pulls: 0, memory: 0 }
    }

    /// Goes on until `run` ends.
    ///
    /// # Errors
    /// A command that did not do what it is for, and a run that takes longer than its limit.
    pub(crate) fn until_the_end(&mut self, run: &mut Child) -> Result<()> {
        while !self.works(&["ls"])? {
            if run.try_wait()?.is_some() {
                return Ok(()); // its exit code says why
            }
            thread::sleep(Duration::from_millis(5));
        }
        while run.try_wait()?.is_none() {
            let done = self.one(run);
            // A command that finds no lab any more is not to blame.
            if done.is_err() && !ends(run)? {
                return done;
            }
        }
        Ok(())
    }

    /// One thing that happens, and is put right again.
    fn one(&mut self, run: &mut Child) -> Result<()> {
        let device = self.numbers.choose(&["i2c-77", "i2c-77", "i2c-77", "uio70", "uio70", "i2c-78"]);
        match self.numbers.below(8) {
            0 if device != "i2c-78" => self.set(device),
            1 => self.must(&["ls", "--handles", "--json"]),
            2 => self.pause(40),
            3 if device != "i2c-78" => self.both(run),
            _ => self.pull(device, run),
        }
    }

    fn set(&mut self, device: &str) -> Result<()> {
        let states: &[&str] =
            if self.round.offline() { &["blocked", "quiesced", "offline"] } else { &["blocked", "quiesced"] };
        let state = self.numbers.choose(states);
        self.must(&["set", device, state])?;
        self.pause(150)?;
        self.must(&["set", device, "running"])
    }

    fn pull(&mut self, device: &str, run: &mut Child) -> Result<()> {
        let ways: &[&[&str]] = &[
            &[],
            &["--orderly"],
            &["--policy", "detach"],
            &["--policy", "drain", "--deadline", "100ms"],
            &["--prepare", "30ms"],
            &["--policy", "kill"],
        ];
        // Whoever has the neighbour's device open is not to be killed.
        let way = self.numbers.choose(if device == "i2c-78" { &ways[..5] } else { ways });
        self.unplug(&[&["unplug", device], way].concat())?;
        self.pause(100)?;
        self.plug(device, run)
    }

    fn both(&mut self, run: &mut Child) -> Result<()> {
        self.unplug(&["unplug", "i2c-77", "uio70"])?;
        self.plug("uio70", run)?;
        self.plug("i2c-77", run)
    }

    /// That somebody has not left in time is no finding: it is said, and the device is gone all the same.
    fn unplug(&mut self, words: &[&str]) -> Result<()> {
        self.pulls += 1;
        self.works(words).map(drop)
    }

    /// What has been pulled can be plugged in again at once, or as soon as the last one has left.
    fn plug(&mut self, device: &str, run: &mut Child) -> Result<()> {
        let start = Instant::now();
        while !self.works(&["plug", device])? {
            ensure!(start.elapsed() < LIMIT, "{device} cannot be plugged in again");
            if run.try_wait()?.is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn pause(&mut self, most: u64) -> Result<()> {
        thread::sleep(Duration::from_millis(self.numbers.below(most)));
        Ok(())
    }

    fn must(&mut self, words: &[&str]) -> Result<()> {
        ensure!(self.works(words)?, "outlive {} failed; the log says how", words.join(" "));
        Ok(())
    }

    /// Runs `outlive` with these words on the lab of the round: whether it could do that. Anything but its exit statuses
    /// 0 and 1 is a finding.
    fn works(&mut self, words: &[&str]) -> Result<bool> {
        ensure!(self.start.elapsed() < self.limit, "it hung: it has not ended after {} s", self.limit.as_secs());
        self.memory = self.memory.max(memory_of(self.supervisor));
        let mut command = Command::new(self.outlive);
        self.traces.mark(&mut command);
        command.args(words).args(["--in", &self.traces.name]).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        self.round.user.begin(&mut command);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.outlive.display()))?;
        let what = words.join(" ");
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > LIMIT {
                child.kill()?;
                child.wait()?;
                bail!("outlive {what} hung for {} s", LIMIT.as_secs());
            }
            thread::sleep(Duration::from_millis(1));
        };
        let mut said = String::new();
        child.stderr.take().context("no standard error")?.read_to_string(&mut said)?;
        let took = started.elapsed().as_millis();
        writeln!(&mut &*self.log, "outlive {what}: {status}, {took} ms {}", said.trim())?;
        match status.code() {
            Some(0) => Ok(true),
            Some(1) if !said.contains("panicked") => Ok(false),
            _ => bail!("outlive {what} failed ({status}): {}", said.trim()),
        }
    }
}

/// Whether a run is over, or about to be.
fn ends(run: &mut Child) -> Result<bool> {
    for _ in 0..50 {
        if run.try_wait()?.is_some() {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(false)
}

/// The most memory that a process has had resident so far, in KiB; 0 if it has gone.
fn memory_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
