//! A driver in another process beside the same one in this process, and beside a ping-pong of packets, on one core.
//!
//! The measuring is done by the bench `driver` of `outlive-host`, which has the lab: this builds and runs it.

use super::{machine, run_front::last_core};
use crate::{clients, workspace};
use anyhow::{Context, Result, ensure};
use std::{path::PathBuf, process::Command};

/// Options of `bench driver`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure in so many rounds
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Do so many operations in each, and a hundredth as many large ones
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// Let this binary serve instead of building one in release form
    #[arg(long, value_name = "FILE")]
    outlive: Option<PathBuf>,
    /// Only see that it works: the figures mean nothing
    #[arg(long)]
    short: bool,
}

impl Args {
    /// One short round, with the binary that the tests have built.
    pub(crate) fn short_form() -> Args {
        Args { rounds: 1, calls: 100, outlive: Some(workspace::target().join("debug/outlive")), short: true }
    }

    pub(crate) fn run(&self) -> Result<()> {
        println!("{}", machine::line());
        let outlive = clients::outlive(self.outlive.as_deref())?;
        let profile = if self.short { "dev" } else { "bench" };
        let mut build = Command::new(workspace::cargo());
        build.args([
            "bench",
            "--quiet",
            "--package",
            "outlive-host",
            "--bench",
            "driver",
            "--no-run",
            "--profile",
            profile,
        ]);
        let status = build.current_dir(workspace::root()).status().context("cannot run cargo")?;
        ensure!(status.success(), "the bench does not build ({status})");
        // Both processes and all their threads inherit the core.
        let mut bench = Command::new("taskset");
        bench.args(["--cpu-list", &last_core()?.to_string()]).arg(workspace::cargo()).arg("bench");
        bench.args(["--quiet", "--package", "outlive-host", "--bench", "driver", "--profile", profile, "--"]);
        bench.arg(&outlive).args([self.rounds, self.calls].map(|number| number.to_string()));
        let status = bench
            .current_dir(workspace::root())
            .status()
            .context("cannot run taskset (Debian's package util-linux)")?;
        ensure!(status.success(), "the bench failed ({status})");
        Ok(())
    }
}
