use crate::{demo, exploration::paint, terminal};
use std::process::ExitCode;

/// Show in under a minute what Outlive does: pull an I2C bus out from under programs, and say which of them cope
#[derive(clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        match demo::show(paint()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                terminal::complain(format_args!("{error:#}"));
                ExitCode::from(125)
            }
        }
    }
}
