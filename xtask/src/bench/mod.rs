//! `bench`: what things cost, measured side by side in one run.

mod cell;
mod core;
mod dma;
mod driver;
mod drm;
mod explore;
mod figure;
mod input;
mod machine;
mod mtd;
mod run_front;
mod serve;
mod table;

use anyhow::Result;
use clap::Subcommand;

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Measure entering and leaving the gate, beside every alternative, in one table from one run
    Gate(core::Args),
    /// Measure unplugging: with idle handles, with somebody stuck elsewhere, in a batch
    Unplug(core::Args),
    /// Measure what handles, devices and threads take
    Memory(core::Args),
    /// Measure a call on a device under `outlive run`, beside a pipe ping-pong and umockdev
    RunFront(run_front::Args),
    /// Measure a call on a device of `outlive serve` in a guest, beside libfuse's CUSE, the run front, i2c-stub and umockdev
    Serve(serve::Args),
    /// Measure copies by a dma engine with 32 descriptors in flight, beside plain copies
    Dma(dma::Args),
    /// Measure operations of a driver in another process, beside the same driver in process and a ping-pong of packets
    Driver(driver::Args),
    /// Measure large reads and writes of a flash under `outlive run`, beside a plain file, and in a guest beside mtdram
    Mtd(mtd::Args),
    /// Measure events of an input device on their way to 1, 10 and 100 clients, and in a guest beside Linux' evdev
    Input(input::Args),
    /// Measure page flips, commits and frames of a card under `outlive run`, beside a pipe ping-pong
    Drm(drm::Args),
    /// Measure `outlive explore` at all operations of i2cdump, beside as many unpulled runs under `outlive run`
    Explore(explore::Args),
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Bench::Gate(args) => args.run("gate"),
            Bench::Unplug(args) => args.run("unplug"),
            Bench::Memory(args) => args.run("memory"),
            Bench::RunFront(args) => args.run(),
            Bench::Serve(args) => args.run(),
            Bench::Dma(args) => args.run(),
            Bench::Driver(args) => args.run(),
            Bench::Mtd(args) => args.run(),
            Bench::Input(args) => args.run(),
            Bench::Drm(args) => args.run(),
            Bench::Explore(args) => args.run(),
        }
    }
}

/// Runs a bench once, briefly and with a build that `cargo test` has made, to see that it works. Its figures mean
/// nothing.
///
/// # Errors
/// If it does not work.
pub(crate) fn run_front_short() -> Result<()> {
    run_front::Args::short_form().run()
}

/// As [`run_front_short`].
///
/// # Errors
/// If it does not work.
pub(crate) fn serve_short() -> Result<()> {
    serve::Args::short_form().run()
}

/// As [`run_front_short`].
///
/// # Errors
/// If it does not work.
pub(crate) fn mtd_short() -> Result<()> {
    mtd::Args::short_form().run()
}

/// As [`run_front_short`].
///
/// # Errors
/// If it does not work.
pub(crate) fn driver_short() -> Result<()> {
    driver::Args::short_form().run()
}

/// As [`run_front_short`].
///
/// # Errors
/// If it does not work.
pub(crate) fn input_short() -> Result<()> {
    input::Args::short_form().run()
}

/// As [`run_front_short`].
///
/// # Errors
/// If it does not work.
pub(crate) fn drm_short() -> Result<()> {
    drm::Args::short_form().run()
}

/// As [`run_front_short`], for the three of the core.
///
/// # Errors
/// If one does not work.
pub(crate) fn core_short() -> Result<()> {
    ["gate", "unplug", "memory"].iter().try_for_each(|what| core::Args::short_form().run(what))
}

/// As [`run_front_short`].
///
/// # Errors
/// If it does not work.
pub(crate) fn explore_short() -> Result<()> {
    explore::Args::short_form().run()
}
