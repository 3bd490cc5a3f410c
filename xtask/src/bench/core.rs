//! The benches of the core, which are a program of their own (`benches/core`).

use super::machine;
use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Options of the benches of the core.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only see that it works: the figures mean nothing
    #[arg(long)]
    short: bool,
}

impl Args {
    /// What [`super::core_short`] runs.
    pub(crate) fn short_form() -> Args {
        Args { json: false, short: true }
    }

    /// Runs one of them.
    pub(crate) fn run(&self, what: &str) -> Result<()> {
        if !self.json {
            println!("{}", machine::line());
        }
        // In release form also when it is short: the loops of a debug build would take for ever.
        let mut command = Command::new(workspace::cargo());
        command.args(["run", "--quiet", "--release", "-p", "outlive-bench", "--", what]).current_dir(workspace::root());
        command.args(self.json.then_some("--json")).args(self.short.then_some("--short"));
        let status = command.status().context("cannot start cargo")?;
        ensure!(status.success(), "the bench failed: {status}");
        Ok(())
    }
}
