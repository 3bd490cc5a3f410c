//! `reset`: a card, or a flash with partitions, pulls what hangs on it and brings it back.

use super::control::{In, finish};
use crate::terminal;
use outlive_host::lab::value::parse_duration;
use std::{process::ExitCode, time::Duration};

/// Reset a device: all that hangs on it goes, and comes back in its next generation
#[derive(clap::Args)]
#[command(after_help = "\
What hangs on it is a card's flash and the partitions of a flash. It is pulled from under its users, who are not waited \
for: their open files fail from now on (ENODEV). The content stays, and who opens it again finds the next generation.

Examples:
  outlive reset gpu0
  outlive reset mtd0 --deadline 5s")]
pub(crate) struct Reset {
    /// The device, such as gpu0
    #[arg(value_name = "NAME")]
    name: String,

    /// Wait so long for operations that are inside; what is still busy then stays behind
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    deadline: Duration,

    #[command(flatten)]
    lab: In,
}

impl Reset {
    pub(crate) fn run(self) -> ExitCode {
        finish(self.reset())
    }

    fn reset(&self) -> anyhow::Result<ExitCode> {
        let (back, failed) = self.lab.connect()?.reset(&self.name, self.deadline)?;
        if terminal::json() {
            let reset = serde_json::json!({ "name": self.name, "back": back, "failed": failed });
            terminal::line_json(&serde_json::json!({ "reset": reset }));
        } else {
            if terminal::verbosity() >= 0 {
                let list = if back.is_empty() { "nothing".to_owned() } else { back.join(", ") };
                terminal::line(format_args!("{}: reset; back: {list}", self.name));
            }
            failed.iter().for_each(terminal::complain);
        }
        Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
