//! What developers and CI run: `cargo xtask check`, `test`, `nightly`, `fuzz`, `torture`, `guest`, `yardstick`, `bench`.

mod bench;
mod check;
mod clients;
mod fuse;
mod fuzz;
mod guest;
mod leftovers;
mod nightly;
mod packages;
mod report;
mod seed;
mod served;
mod soak;
mod step;
mod tally;
mod test;
mod torture;
mod workspace;
mod yardstick;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// What developers of Outlive and CI run. A tool that is missing is a failure with its reason, never a silent pass.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run before each commit: format, clippy, docs, unit tests
    Check,
    /// Run everything: install what the tests need, then check, build and run every test
    ///
    /// Ends with one line "N passed, N failed", summed over all runs of tests. Exits with 0 only if nothing failed and
    /// something ran.
    Test(test::Args),
    /// Do the long runs: exhaustive models, properties with many cases, a soak of the run front
    Nightly(nightly::Args),
    /// Fuzz the run front: calls without a plan while devices come and go, and a neighbour that must not notice
    ///
    /// Each round prints its seed; what is found, the command that runs it again. Logs of findings are in target/fuzz.
    Fuzz(fuzz::Args),
    /// Torture the core on real processors, after a fence that is too weak has been caught
    Torture(torture::Args),
    /// Run a command in a guest: another Linux kernel, with this machine's files as its root, read-only
    ///
    /// The command's output is on standard output, its exit status is that of this. What it leaves in /run/results comes
    /// back. A guest that does not boot is a failure, with the end of its console.
    Guest(guest::Args),
    /// Compare our devices with Linux' own, row by row: docs/yardstick.md
    Yardstick(yardstick::Args),
    /// Measure; nothing is asserted
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Xtask::parse().command {
        Command::Check => Ok(check::run()),
        Command::Test(args) => test::run(&args),
        Command::Nightly(args) => nightly::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Torture(args) => torture::run(&args),
        Command::Guest(args) => guest::run(&args),
        Command::Yardstick(args) => args.run().map(|()| ExitCode::SUCCESS),
        Command::Bench(bench) => bench.run().map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
