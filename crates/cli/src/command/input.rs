//! `input`: what people do to an input device.

use super::control::{In, finish};
use crate::terminal;
use outlive_host::lab::Deeds;
use std::{
    path::{PathBuf, absolute},
    process::ExitCode,
};

/// Type, move, touch: have an input device do something
#[derive(clap::Args)]
#[command(after_help = "\
EVENT, in a script or on the command line; a # begins a remark:
  key NAME down|up|tap|repeat     a key or a button: a, leftshift, btn_left, 0x1e
  rel AXIS N                      a movement: x, y, wheel (with its fine steps)
  abs AXIS N                      where an axis is: x, hat0x
  touch SLOT X Y, lift SLOT       a finger comes or moves, and goes
  sw NAME on|off, led NAME on|off, msc NAME N, event TYPE CODE N
  sync                            the end of a packet: also at each wait, and at the end
  wait TIME                       a pause, such as 10ms
--script also takes what evemu-record has written, of which it plays the events. The command returns when all has been \
sent, and exits 1 if the device went before.

Examples:
  outlive input input/event0 key a tap
  outlive input input/event0 key leftshift down key a tap key leftshift up
  outlive input input/event1 touch 0 100 200 wait 50ms lift 0
  outlive input input/event0 --script recording.evemu")]
pub(crate) struct Input {
    /// The device, such as input/event0
    #[arg(value_name = "NAME")]
    name: String,

    /// What it shall do
    #[arg(
        value_name = "EVENT",
        required_unless_present = "script",
        conflicts_with = "script",
        allow_negative_numbers = true
    )]
    events: Vec<String>,

    /// Do what stands in this file: a script, or an evemu recording
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    script: Option<PathBuf>,

    #[command(flatten)]
    lab: In,
}

impl Input {
    pub(crate) fn run(self) -> ExitCode {
        finish(self.input())
    }

    fn input(&self) -> anyhow::Result<ExitCode> {
        let mut lab = self.lab.connect()?;
        match &self.script {
            // The lab reads it, in a working directory of its own.
            Some(script) => lab.input(&self.name, Deeds::File(&absolute(script)?))?,
            None => lab.input(&self.name, Deeds::Words(&self.events.join(" ")))?,
        }
        if terminal::json() {
            terminal::line_json(&serde_json::json!({ "input": { "name": self.name } }));
        }
        Ok(ExitCode::SUCCESS)
    }
}
