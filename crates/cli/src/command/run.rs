use crate::{command::LabArgs, terminal};
use clap::ValueHint;
use outlive_host::{
    control::{Server, Socket},
    front::run::{self, Command, Running, StartError},
    lab::Lab,
    trial::End,
};
use std::{ffi::OsString, process::ExitCode, sync::Arc};

/// What is our own failure, as in env(1) and its like.
pub(super) const OUR_FAILURE: u8 = 125;

/// Run an unmodified program on virtual devices
///
/// CMD and all that it starts see the devices as nodes in /dev; nobody else does. No privileges are needed, no module,
/// no hardware. While it runs, `outlive ls`, `unplug`, `plug` and `events` work on its lab from any terminal.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  outlive run --device i2c:24c02@0x50,bus=7 -- i2cdump -y 7 0x50 b
  outlive run --lab lab.toml -- sh

Exit status: that of CMD; 128+N if signal N ended it; 127 if it was not found, 126 if it cannot be executed;
125 if we failed.")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArgs,

    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        exit_code(self.carry_out())
    }

    fn carry_out(self) -> anyhow::Result<End> {
        let lab = Lab::start(&self.lab.config()?)?;
        Ok(Program::start(&lab, self.command)?.wait())
    }
}

/// How `run` and its like say how CMD ended, or why it did not begin.
pub(super) fn exit_code(end: anyhow::Result<End>) -> ExitCode {
    match end {
        Ok(End::Exit(code)) => ExitCode::from(code as u8),
        Ok(End::Signal(signal)) => ExitCode::from(128_u8.wrapping_add(signal as u8)),
        Err(error) => {
            terminal::complain(format_args!("{error:#}"));
            let code = error.downcast_ref().map_or(OUR_FAILURE, StartError::exit_code);
            ExitCode::from(code)
        }
    }
}

/// CMD with the devices of a lab, which can be talked to meanwhile.
pub(super) struct Program {
    running: Running,
    control: Server,
}

impl Program {
    /// To be called while the process has one thread; it has some afterwards.
    pub(super) fn start(lab: &Arc<Lab>, words: Vec<OsString>) -> anyhow::Result<Program> {
        // The name must be ours before CMD runs; the thread that serves it must come after the fork.
        let socket = Socket::bind(lab)?;
        let environment = vec![("OUTLIVE_LAB".into(), lab.name().into())];
        let running = run::start(lab, Command { words, environment, ..Command::default() })?;
        Ok(Program { running, control: socket.serve(lab.clone())? })
    }

    /// Waits until CMD and all that it started have ended.
    pub(super) fn wait(self) -> End {
        let end = self.running.wait();
        drop(self.control);
        end
    }
}
