//! `bench`: what things cost, measured side by side in one run.

mod figure;
mod run_front;
mod table;

use anyhow::Result;
use clap::Subcommand;

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// A call on a device under `outlive run`, beside a pipe ping-pong and umockdev
    RunFront(run_front::Args),
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Bench::RunFront(args) => args.run(),
        }
    }
}

/// Runs every bench once, briefly and with a build that `cargo test` has made, to see that it works. Its figures mean
/// nothing.
///
/// # Errors
/// If one does not work.
pub(crate) fn short_form() -> Result<()> {
    run_front::Args::short_form().run()
}
