//! The `outlive` command: parses, prints, exits.

mod command;
mod copies;
mod demo;
mod exploration;
mod progress;
mod terminal;
mod trials;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match command::Outlive::try_parse() {
        Ok(outlive) => outlive.run(),
        Err(error) => command::usage(&error),
    }
}
