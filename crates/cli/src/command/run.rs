use std::process::ExitCode;

/// run
#[derive(clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        ExitCode::FAILURE
    }
}
