//! `check`: what a developer runs before each commit.

use crate::{packages, report::Report, step::Step};
use std::process::ExitCode;

/// Format, clippy and docs; warnings are errors.
pub(crate) fn lints() -> [Step; 4] {
    [
        Step::cargo("format (cargo fmt --all fixes it)", "fmt --all --check"),
        Step::cargo("clippy", "clippy --workspace --all-targets --quiet -- -D warnings"),
        Step::cargo(
            "clippy of the core without std",
            "clippy -p outlive --no-default-features --all-targets --quiet -- -D warnings",
        ),
        Step::cargo("docs", "doc --workspace --no-deps --quiet").env("RUSTDOCFLAGS", "-D warnings"),
    ]
}

/// Lints and unit tests.
pub(crate) fn run() -> ExitCode {
    let mut report = Report::new();
    if !report.run_here("Debian packages", || packages::require(&packages::for_compiling())) {
        return report.finish();
    }
    for step in lints() {
        report.run(&step);
    }
    report.run(&Step::cargo("unit tests", "test --workspace --lib --bins --no-fail-fast --quiet").tests());
    report.finish()
}
