//! `completions` and `man`: what a shell and `man(1)` know about us.

use super::Outlive;
use crate::{manual::Page, terminal};
use anyhow::Context;
use clap::{Command, CommandFactory, ValueHint};
use std::{fs, io::Write, path::PathBuf, process::ExitCode};

/// The grammar without `help`, which would repeat all of it.
fn grammar() -> Command {
    Outlive::command().disable_help_subcommand(true)
}

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  outlive completions bash > ~/.local/share/bash-completion/completions/outlive
  outlive completions zsh > /usr/local/share/zsh/site-functions/_outlive
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
    #[arg(value_name = "COMMAND")]
    command: Option<String>,

    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = ValueHint::DirPath)]
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
        let pages = Page::all(grammar());
        if let Some(folder) = &self.dir {
            for page in pages {
                let path = folder.join(page.file_name());
                fs::write(&path, page.render()?).with_context(|| path.display().to_string())?;
            }
            return Ok(Vec::new());
        }
        let name = self.command.as_deref().unwrap_or_default();
        let page = pages.iter().find(|page| page.name() == name);
        Ok(page.with_context(|| format!("there is no command {name}; outlive --help lists them"))?.render()?)
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
