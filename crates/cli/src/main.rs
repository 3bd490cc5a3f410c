//! The `outlive` command: parses, prints, exits.

mod command;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    command::Outlive::parse().run()
}
