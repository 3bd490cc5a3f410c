//! The `outlive` command: parses, prints, exits.

mod command;
mod copies;
mod demo;
mod exploration;
mod manual;
mod progress;
mod terminal;
mod trace;
mod trials;
mod worker;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    if command::Own::is_meant() {
        return match command::Own::try_parse() {
            Ok(own) => own.run(),
            Err(error) => command::usage(&error),
        };
    }
    match command::Outlive::try_parse() {
        Ok(outlive) => outlive.run(),
        Err(error) => command::usage(&error),
    }
}
