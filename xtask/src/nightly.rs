//! `nightly`: the long runs, whose short forms are in the tests.

use crate::{bench, fuse, fuzz, packages, report::Report, seed, soak, step::Step, test, workspace, yardstick};
use anyhow::{Context, Result};
use std::{
    fs,
    process::ExitCode,
    time::{Duration, Instant},
};

/// Options of `nightly`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Spend so many minutes: half at most on the models, half of the rest at most on each of random ones, the
    /// sanitizer and properties, with a quarter of what is left before the last, and ten minutes at most, for flash, and as much for frames of driver servers; a third
    /// of the rest on the soak, what remains on the fuzz
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..))]
    minutes: u64,
}

/// Cases of each property in one run; runs are repeated, with other cases each time, until their share is spent.
const CASES: &str = "20000";

/// Runs of each random model by either scheduler: some five minutes for all on two cores.
const RANDOM_RUNS: u64 = 300_000;
/// So many of them take a second.
const RANDOM_RUNS_A_SECOND: u64 = 1000;

/// Operations on each file system: some two minutes for all on two cores.
const FILE_OPERATIONS: &str = "40000";

/// Calls on flash take no longer than this, and frames between ends of the protocol of driver servers.
const LONGEST: Duration = Duration::from_secs(10 * 60);

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let end = Instant::now() + Duration::from_secs(60 * args.minutes);
    let left = || end.saturating_duration_since(Instant::now());
    packages::require(&packages::FOR_TESTS)?;
    packages::require(&packages::FOR_COMPOSITOR)?;
    fuse::prepare()?;
    let mut report = Report::new();
    let models = test::models("models, without a bound on preemptions");
    report.run(&models.env("OUTLIVE_UNBOUNDED_MODELS", "1").limit(left() / 2));
    let seed = seed::fresh().to_string();
    // Half of what they may take, since a step that does not come to its end has failed.
    let runs = ((left() / 4).as_secs() * RANDOM_RUNS_A_SECOND).clamp(RANDOM_RUNS_A_SECOND, RANDOM_RUNS).to_string();
    let random = test::random_models(&format!("random models, {runs} runs each by either scheduler, seed {seed}"));
    report.run(&random.env("OUTLIVE_RANDOM_RUNS", &runs).env("SHUTTLE_RANDOM_SEED", &seed).limit(left() / 2));
    report.run(&sanitized().limit(left() / 2));
    let long = (left() / 4).min(LONGEST);
    report.run(&file_systems(&seed).limit(left() / 2));
    report.run(&flash_calls(&seed, long).limit(long + left() / 2));
    report.run(&driver_frames(&seed, long).limit(long + left() / 2));
    for road in ["fuse", "plain"] {
        report.run(&servers_on_road(road, &seed));
        report.run(&test::on_road(road, &format!("the run front on the road {road}, all of it"), &[]));
    }
    for road in ["trap", "fuse", "plain"] {
        report.run(&compositor(road));
    }
    report.run(&explored());
    report.run_here("the yardstick on each road", || yardstick::run(&yardstick::ROADS));
    report.run_here("bench of the serve front, a short form that only has to work", bench::serve_short);
    report.run_here("bench of driver servers, a short form that only has to work", bench::driver_short);
    properties(&mut report, Instant::now() + left() / 2)?;
    report.run_here("soak of the run front", || soak::run(Instant::now() + left() / 3));
    report.run_here("fuzz of the run front", || fuzz::until(end));
    Ok(report.finish())
}

/// littlefs on flashes that are pulled under it.
fn file_systems(seed: &str) -> Step {
    let title = format!("littlefs on flash that is pulled, {FILE_OPERATIONS} operations each, seed {seed}");
    Step::cargo(&title, "test --release -p outlive-drivers --test littlefs --no-fail-fast")
        .env("OUTLIVE_SEED", seed)
        .env("OUTLIVE_OPERATIONS", FILE_OPERATIONS)
        .tests()
}

/// Calls of all kinds on flash beside a shadow.
fn flash_calls(seed: &str, long: Duration) -> Step {
    let seconds = long.as_secs().to_string();
    let title = format!("calls of all kinds on flash beside a shadow, {seconds} s, seed {seed}");
    Step::cargo(&title, "test --release -p outlive-drivers --test mtd stress --no-fail-fast")
        .env("OUTLIVE_SEED", seed)
        .env("OUTLIVE_SECONDS", seconds)
        .tests()
}

/// Both ends of the protocol of driver servers, fed with frames that nobody planned.
fn driver_frames(seed: &str, long: Duration) -> Step {
    let seconds = long.as_secs().to_string();
    let title = format!("frames of all kinds at both ends of a driver server's connection, {seconds} s, seed {seed}");
    Step::cargo(&title, "test --release -p outlive-protocol --test fuzz --no-fail-fast")
        .env("OUTLIVE_SEED", seed)
        .env("OUTLIVE_SECONDS", seconds)
        .tests()
}

/// What explore finds of well-known programs, which the tests leave out.
fn explored() -> Step {
    Step::cargo("well-known programs explored", "test --workspace --test explore --no-fail-fast -- --ignored").tests()
}

/// Drivers in servers, also in those that die, on another road than the one that the run front takes by itself.
fn servers_on_road(road: &str, seed: &str) -> Step {
    let title = format!("the removal law with drivers in servers on the road {road}, seed {seed}");
    Step::cargo(&title, "test --workspace --test in_server --test dying_servers --no-fail-fast")
        .env("OUTLIVE_ROAD", road)
        .env("OUTLIVE_SEED", seed)
        .tests()
}

/// A compositor whose card is pulled.
fn compositor(road: &str) -> Step {
    let title = format!("a compositor on the road {road}");
    Step::cargo(&title, "test --workspace --test front drm::compositor --no-fail-fast -- --ignored")
        .env("OUTLIVE_ROAD", road)
        .tests()
}

/// The core's own tests under the address sanitizer: its unsafe code is all in the gate. Sanitizers are not stable, but
/// their runtime comes with the stable toolchain; the variable lets this compiler use it.
fn sanitized() -> Step {
    let flags = format!("{} -Zsanitizer=address", std::env::var("RUSTFLAGS").unwrap_or_default());
    // A target of its own, or build scripts would be sanitized, too.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    Step::cargo(
        "the core under the address sanitizer",
        &format!("test -p outlive --lib --tests --no-fail-fast --target {target}"),
    )
    .env("RUSTC_BOOTSTRAP", "1")
    // Some tests forget guards, and forked children drop nothing.
    .env("ASAN_OPTIONS", "detect_leaks=0")
    .env("RUSTFLAGS", flags.trim_start())
    .env("CARGO_TARGET_DIR", workspace::target().join("sanitized"))
    .tests()
}

/// Runs the tests of the crates that have properties, with many cases, until `end`; once at least.
fn properties(report: &mut Report, end: Instant) -> Result<()> {
    let crates = crates_with_properties()?;
    if crates.is_empty() {
        println!("\nno crate depends on proptest: there are no properties to run");
        return Ok(());
    }
    let packages: Vec<_> = crates.iter().map(|name| format!("-p {name}")).collect();
    let line = format!("test --release --lib --tests --no-fail-fast {}", packages.join(" "));
    loop {
        let step = Step::cargo(&format!("properties, {CASES} cases each"), &line).env("PROPTEST_CASES", CASES).tests();
        if !report.run(&step) || Instant::now() >= end {
            return Ok(());
        }
    }
}

/// The packages whose manifest names proptest.
fn crates_with_properties() -> Result<Vec<String>> {
    let folder = workspace::root().join("crates");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let manifest = entry?.path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        if text.lines().any(|line| line.starts_with("proptest")) {
            let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
            names.push(name.with_context(|| format!("{} names no package", manifest.display()))?.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
