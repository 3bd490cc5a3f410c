//! The grammar of the command line, and one file a command.

mod control;
mod demo;
mod doctor;
mod explore;
mod run;
mod shell;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Devices whose handles outlive their hardware: run unmodified programs on virtual devices, pull the devices out from
/// under them, and see who copes.
#[derive(Parser)]
#[command(name = "outlive", version, max_term_width = 100)]
pub(crate) struct Outlive {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Explore(explore::Args),
    Demo(demo::Args),
    Doctor(doctor::Args),
}

impl Outlive {
    pub(crate) fn run(self) -> ExitCode {
        match self.command {
            Command::Run(args) => args.run(),
            Command::Explore(args) => args.run(),
            Command::Demo(args) => args.run(),
            Command::Doctor(args) => args.run(),
        }
    }
}
