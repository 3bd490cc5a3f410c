use crate::{demo, exploration::paint, terminal};
use std::process::ExitCode;

/// Show in under a minute what Outlive does: pull an I2C bus out from under programs, and say which of them cope
#[derive(clap::Args)]
#[command(after_help = "\
Exit status:
  0    it was shown, whatever became of the programs
  2    it was called wrongly
  125  it could not be shown")]
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
