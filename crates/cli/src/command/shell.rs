//! `completions` and `man`: what a shell and `man(1)` know about us.

use super::Outlive;
use crate::terminal;
use anyhow::Context;
use clap::{Command, CommandFactory};
use std::{io::Write, path::PathBuf, process::ExitCode};

/// The grammar without `help`, which would repeat all of it.
fn grammar() -> Command {
    Outlive::command().disable_help_subcommand(true)
}

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  outlive completions bash > ~/.local/share/bash-completion/completions/outlive
  outlive completions fish > ~/.config/fish/completions/outlive.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(self) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut grammar(), "outlive", &mut script);
        print(&script)
    }
}

/// Print a manual page
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  outlive man | man -l -
  outlive man unplug | man -l -
  outlive man --dir /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// The command whose page is printed; without one, that of outlive itself
    command: Option<String>,

    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self) -> ExitCode {
        match self.render() {
            Ok(page) => print(&page),
            Err(error) => terminal::fail(&error),
        }
    }

    fn render(&self) -> anyhow::Result<Vec<u8>> {
        let mut command = grammar();
        if let Some(folder) = &self.dir {
            clap_mangen::generate_to(command, folder).with_context(|| folder.display().to_string())?;
            return Ok(Vec::new());
        }
        // Gives the commands their full names: `outlive unplug`.
        command.build();
        let command = match &self.command {
            None => command,
            Some(name) => {
                let found = command.find_subcommand(name).cloned();
                found.with_context(|| format!("there is no command {name}; outlive --help lists them"))?
            }
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        Ok(page)
    }
}

fn print(text: &[u8]) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => terminal::fail(&anyhow::Error::new(error).context("standard output")),
    }
}
