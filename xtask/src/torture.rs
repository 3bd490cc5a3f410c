//! `torture`: the core on real processors, with everything at once, for as long as one likes.

use crate::{report::Report, seed, step::Step, test};
use anyhow::Result;
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

/// Options of `torture`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Go on for so many minutes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Begin with this seed [default: the time]
    #[arg(long)]
    seed: Option<u64>,
}

/// How long one seed is tried, in seconds.
const ROUND: u64 = 30;

/// First a fence that is too weak, which has to be caught within a minute; then the real one, with seed after seed.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let end = Instant::now() + Duration::from_secs(60 * args.minutes);
    let mut report = Report::new();
    if !report.run(&test::fences()) {
        return Ok(report.finish());
    }
    let mut seed = args.seed.unwrap_or_else(seed::fresh);
    loop {
        let left = end.saturating_duration_since(Instant::now()).as_secs().clamp(1, ROUND);
        let title = format!("everything at once for {left} s, seed {seed}");
        let step = Step::cargo(&title, "test --release -p outlive --test torture -- --nocapture")
            .env("OUTLIVE_TORTURE_SECONDS", left.to_string())
            .env("OUTLIVE_TORTURE_SEED", seed.to_string())
            .tests();
        if !report.run(&step) || Instant::now() >= end {
            return Ok(report.finish());
        }
        seed += 1;
    }
}
