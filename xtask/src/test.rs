//! `test`: everything, from a fresh clone.

use crate::{bench, check, fuse, fuzz, guest, packages, report::Report, served, step::Step, workspace, yardstick};
use anyhow::Result;
use std::{env, process::ExitCode, time::Duration};

/// Options of `test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fail if a Debian package is missing, instead of installing it
    #[arg(long)]
    no_install: bool,
}

/// Prepares the machine, then lints, builds, and runs every test and the short forms of the long runs.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut report = Report::new();
    let prepared = report.run_here("Debian packages", || match args.no_install {
        true => packages::require(&packages::FOR_TESTS),
        false => packages::install(&packages::FOR_TESTS),
    }) & report.run_here("/dev/fuse", fuse::prepare);
    if !prepared {
        return Ok(report.finish());
    }
    for step in check::lints() {
        report.run(&step);
    }
    report
        .run(&Step::cargo("tests and doc tests", "test --workspace --no-fail-fast").env(THREADS.0, THREADS.1).tests());
    report.run(&without_std());
    for road in ["fuse", "plain"] {
        report.run(&on_road(road, &format!("the run front on the road {road}"), &SAME_ON_EACH_ROAD));
    }
    report.run_here("guests boot", guest::check);
    report.run_here("the yardstick: our devices beside Linux' own", || yardstick::run(&yardstick::SHORT));
    let mut in_guests = Vec::new();
    report.run_here("the tests of the serve front are built", || served::steps().map(|steps| in_guests = steps));
    // A guest has one processor.
    report.beside(&in_guests);
    report.run(&fences());
    report.run(&models("models, each with its bound on preemptions"));
    report.run_here("benches of the core, short forms that only have to work", bench::core_short);
    report.run(&random_models("random models, 5,000 runs each").env("OUTLIVE_RANDOM_RUNS", "5000"));
    report.run_here("bench of the run front, a short form that only has to work", bench::run_front_short);
    report.run_here("bench of mtd, a short form that only has to work", bench::mtd_short);
    report.run_here("bench of input devices, a short form that only has to work", bench::input_short);
    report.run_here("bench of cards, a short form that only has to work", bench::drm_short);
    report.run_here("fuzz of the run front, a round on each road as each user", fuzz::short);
    report.run_here("bench of the explorer, a short form that only has to work", bench::explore_short);
    Ok(report.finish())
}

/// The core without std. By itself: any package beside it that wants std would turn it on for this one, too.
fn without_std() -> Step {
    Step::cargo("the core without std", "test -p outlive --no-default-features --no-fail-fast").tests()
}

/// More threads than CI has processors: much of what tests do is waiting.
const THREADS: (&str, &str) = ("RUST_TEST_THREADS", "4");

/// Tests of the run front, by what their names have in common, that are long and are about what is behind the front: that is
/// the same on each road, so that `nightly` alone has them on the others.
const SAME_ON_EACH_ROAD: [&str; 6] = [
    "servers::",
    "server_lives::",
    "tpm::liar::",
    "tpm::the_process_dies_or_hangs",
    "a_hundred_devices_come_and_go",
    "a_million_random_ioctls",
];

/// The run front on another road than the one that it takes by itself, but for the tests that `without` names.
pub(crate) fn on_road(road: &str, title: &str, without: &[&str]) -> Step {
    let skipped: String = without.iter().map(|name| format!(" --skip {name}")).collect();
    Step::cargo(title, &format!("test --workspace --test front --test on_run --no-fail-fast --{skipped}"))
        .env("OUTLIVE_ROAD", road)
        .env(THREADS.0, THREADS.1)
        .limit(Duration::from_secs(10 * 60))
        .tests()
}

/// The gate on real processors, also with a fence that is too weak, which they have to find.
pub(crate) fn fences() -> Step {
    Step::cargo("the gate's fence, and one that is too weak", "test --release -p outlive --test fences --test guards")
        .limit(Duration::from_secs(5 * 60))
        .tests()
}

/// The loom models.
pub(crate) fn models(title: &str) -> Step {
    core_under("loom", title)
}

/// The random models, by shuttle.
pub(crate) fn random_models(title: &str) -> Step {
    core_under("shuttle", title)
}

/// The models of the core that `checker` runs, in a target folder of their own: `--cfg` would rebuild everything else.
fn core_under(checker: &str, title: &str) -> Step {
    let flags = format!("{} --cfg {checker}", env::var("RUSTFLAGS").unwrap_or_default());
    Step::cargo(title, &format!("test --release -p outlive --test {checker} --no-fail-fast"))
        .env("RUSTFLAGS", flags.trim_start())
        .env("CARGO_TARGET_DIR", workspace::target().join(checker))
        // What is built for these alone is small and fast enough without.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .limit(Duration::from_secs(10 * 60))
        .tests()
}
