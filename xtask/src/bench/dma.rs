//! Copies through the dma class beside plain ones.
//!
//! The measuring is done by the bench `dma` of `outlive-host`, which has the engine: this builds and runs it.

use super::machine;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Options of `bench dma`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure in so many rounds
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Copy so many MiB of each size in each round, at least
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    amount: u32,
}

impl Args {
    pub(crate) fn run(&self) -> Result<()> {
        println!("{}", machine::line());
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["bench", "--quiet", "--package", "outlive-host", "--bench", "dma", "--"]);
        let status = cargo.args([self.rounds, self.amount].map(|number| number.to_string())).status();
        let status = status.context("cannot run cargo")?;
        ensure!(status.success(), "the bench failed ({status})");
        Ok(())
    }
}
