//! The grammar of the command line, and one file a command.

mod client;
mod control;
mod demo;
mod doctor;
mod driver;
mod explore;
mod input;
mod lab;
mod reset;
mod run;
mod screenshot;
mod serve;
mod shell;
mod trace;
mod trial;

pub(crate) use lab::LabArgs;

use crate::terminal::{self, Color, Settings};
use clap::{ArgAction, Parser, Subcommand};
use std::{ffi::OsString, process::ExitCode};

/// Devices whose handles outlive their hardware: run unmodified programs on virtual devices, pull the devices out from
/// under them, and see who copes.
#[derive(Parser)]
#[command(
    name = "outlive",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  outlive demo
  outlive run --device i2c:24c02@0x50,bus=7 -- i2cdump -y 7 0x50 b
  outlive explore --device i2c:24c02@0x50,bus=7 -- i2cdump -y 7 0x50 b
  outlive unplug i2c-7                  (while a lab runs)

Exit status:
  0  it did what it was asked for
  1  it could not, and said why
  2  it was called wrongly
run and trace exit as their program does, and with 125 if we failed; explore and doctor say more."
)]
pub(crate) struct Outlive {
    /// Say nothing but what was asked for; show no progress
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,

    /// Say more: each point as it is explored
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Output")]
    verbose: u8,

    /// Use colour on a terminal, always, or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, help_heading = "Output")]
    color: Color,

    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Serve(serve::Args),
    Trace(trace::Args),
    Explore(explore::Args),
    Driver(driver::Args),
    Demo(demo::Args),
    Ls(control::Ls),
    Unplug(control::Unplug),
    Plug(control::Plug),
    Set(control::Set),
    Reset(reset::Reset),
    Input(input::Input),
    Screenshot(screenshot::Screenshot),
    Events(control::Events),
    Doctor(doctor::Args),
    Completions(shell::Completions),
    Man(shell::Man),
}

impl Outlive {
    pub(crate) fn run(self) -> ExitCode {
        let verbosity = if self.quiet { -1 } else { self.verbose.into() };
        terminal::set(Settings { color: self.color, verbosity, json: self.json });
        match self.command {
            Command::Run(args) => args.run(),
            Command::Serve(args) => args.run(),
            Command::Trace(args) => args.run(),
            Command::Explore(args) => args.run(),
            Command::Driver(args) => args.run(),
            Command::Demo(args) => args.run(),
            Command::Ls(args) => args.run(),
            Command::Unplug(args) => args.run(),
            Command::Plug(args) => args.run(),
            Command::Set(args) => args.run(),
            Command::Reset(args) => args.run(),
            Command::Input(args) => args.run(),
            Command::Screenshot(args) => args.run(),
            Command::Events(args) => args.run(),
            Command::Doctor(args) => args.run(),
            Command::Completions(args) => args.run(),
            Command::Man(args) => args.run(),
        }
    }
}

/// What our own processes call, and the programs of the demo: a grammar of its own, which is not for people and in none
/// of what they read.
#[derive(Parser)]
#[command(name = "outlive")]
pub(crate) enum Own {
    #[command(name = "__client")]
    Client(client::Args),
    #[command(name = crate::trials::COMMAND)]
    Trial(trial::Args),
}

impl Own {
    /// Whether the command line of this process is in this grammar.
    pub(crate) fn is_meant() -> bool {
        std::env::args_os().nth(1).is_some_and(|word| word.as_encoded_bytes().starts_with(b"__"))
    }

    pub(crate) fn run(self) -> ExitCode {
        match self {
            Own::Client(args) => args.run(),
            Own::Trial(args) => args.run(),
        }
    }
}

/// Prints what clap has to say: help, the version, or what is wrong with the command line.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to be told if this fails.
    let _ = error.print();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        // `run` and `trace` exit as their program does, so 2 would be the program's; 125 is ours, as it is for env(1).
        _ if runs_a_program(std::env::args_os().skip(1)) => ExitCode::from(125),
        code => ExitCode::from(u8::try_from(code).unwrap_or(2)),
    }
}

/// Whether the command of a command line that clap did not understand exits as its program does: `run` or `trace`.
fn runs_a_program(mut arguments: impl Iterator<Item = OsString>) -> bool {
    while let Some(argument) = arguments.next() {
        if argument == "--color" {
            arguments.next();
        } else if !argument.as_encoded_bytes().starts_with(b"-") {
            return argument == "run" || argument == "trace";
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Outlive, Own, runs_a_program};
    use clap::CommandFactory;

    #[test]
    fn the_grammar_has_no_contradictions() {
        Outlive::command().debug_assert();
        Own::command().debug_assert();
    }

    #[test]
    fn the_command_is_the_first_word_that_is_no_option() {
        let cases = [
            ("run --nonsense", true),
            ("-v --color always run", true),
            ("--color=never -q run", true),
            ("-q trace", true),
            ("ls run", false),
            ("--color run ls", false),
            ("-v", false),
            ("", false),
        ];
        for (line, run) in cases {
            assert_eq!(runs_a_program(line.split_whitespace().map(Into::into)), run, "{line}");
        }
    }
}
