use std::process::ExitCode;

/// doctor
#[derive(clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        ExitCode::FAILURE
    }
}
