//! `ls`, `events`, `plug`, `unplug`: talking to a lab that runs.

use crate::terminal::{self, Stream, Style};
use outlive_host::{
    control::{self, Client, EventReport, Heard, Removal},
    lab::{ConfigError, DeviceReport, State, parse_spec, value::parse_duration},
};
use std::{process::ExitCode, time::Duration};

/// Which lab is meant.
#[derive(clap::Args)]
struct In {
    /// Talk to this lab; not needed if only one runs
    #[arg(long = "in", value_name = "LAB", env = "OUTLIVE_LAB", hide_env_values = true)]
    lab: Option<String>,
}

impl In {
    fn connect(&self) -> anyhow::Result<Client> {
        // OUTLIVE_LAB= is how a shell takes a variable back for one command.
        Ok(control::connect(self.lab.as_deref().filter(|lab| !lab.is_empty()))?)
    }
}

fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        let code = terminal::fail(&error);
        // What was typed is wrong, whoever noticed.
        if error.is::<ConfigError>() { ExitCode::from(2) } else { code }
    })
}

/// List devices: each life that is there, or still has handles
#[derive(clap::Args)]
#[command(after_help = "\
HANDLES are open files, those of removed devices (zombies) too; INSIDE are operations on their way; a NUMBER is held \
until the last handle is closed.

Examples:
  outlive ls
  outlive ls i2c-7 --handles
  outlive ls --json")]
pub(crate) struct Ls {
    /// The devices, such as i2c-7; all if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// List the operations that are inside, by handle
    #[arg(long)]
    handles: bool,

    #[command(flatten)]
    lab: In,
}

impl Ls {
    pub(crate) fn run(self) -> ExitCode {
        finish(self.list())
    }

    fn list(&self) -> anyhow::Result<ExitCode> {
        let devices = self.lab.connect()?.list(&self.names)?;
        if terminal::json() {
            terminal::line_json(&devices);
        } else if devices.is_empty() && terminal::verbosity() >= 0 {
            terminal::complain("nothing is plugged in, and no removed device has handles");
        } else if !devices.is_empty() {
            self.print(&devices);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, devices: &[DeviceReport]) {
        let mut rows =
            vec![["NAME", "CLASS", "GENERATION", "HANDLES", "INSIDE", "NUMBER", "STATE"].map(str::to_owned).to_vec()];
        rows.extend(devices.iter().map(row));
        let mut lines = terminal::columns(&rows).into_iter();
        if let Some(heading) = lines.next() {
            terminal::line(terminal::paint(Stream::Out, Style::Heading, &heading));
        }
        for (line, device) in lines.zip(devices) {
            terminal::line(line);
            if self.handles {
                print_operations(device);
            }
        }
    }
}

fn row(device: &DeviceReport) -> Vec<String> {
    let number = if device.holds_number { format!("{} held", device.number) } else { device.number.to_string() };
    vec![
        device.name.clone(),
        device.class.clone(),
        device.generation.to_string(),
        device.handles.to_string(),
        device.inside.to_string(),
        number,
        state(&device.state),
    ]
}

fn state(state: &State) -> String {
    match state {
        State::Running => "running".to_owned(),
        State::Gone { reason, seconds, fenced } => {
            let rest = if *fenced { "" } else { ", not everybody has left it" };
            format!("gone for {}: {reason}{rest}", terminal::time(*seconds))
        }
    }
}

fn print_operations(device: &DeviceReport) {
    for operation in &device.operations {
        let age = terminal::time(operation.seconds);
        terminal::line(format_args!(
            "    handle {}: operation {} ({}), inside for {age}",
            operation.handle, operation.number, operation.kind
        ));
    }
    let more = device.inside.saturating_sub(device.operations.len());
    if more > 0 {
        terminal::line(format_args!("    and {} more", counted(more, "operation")));
    }
    let mut busy: Vec<_> = device.operations.iter().map(|operation| operation.handle).collect();
    busy.sort_unstable();
    busy.dedup();
    let idle = device.handles.saturating_sub(busy.len());
    if idle > 0 && more == 0 {
        terminal::line(format_args!("    {} idle", counted(idle, "handle")));
    }
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Remove devices while programs use them
#[derive(clap::Args)]
#[command(after_help = "\
Open files stay open: every call on one fails from now on (ENODEV), sleepers are woken, and poll reports HUP and ERR. \
The command returns when nothing of the driver runs any more. If somebody has not left by the deadline it says who, \
and exits 1; the device is dead all the same, and the same command waits on.

Examples:
  outlive unplug i2c-7
  outlive unplug i2c-7 i2c-8 --orderly
  outlive unplug i2c-7 --deadline 5s")]
pub(crate) struct Unplug {
    /// The devices, such as i2c-7
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// Take the device away in good order, so that its driver has the last word; else it is pulled
    #[arg(long)]
    orderly: bool,

    /// Wait so long until everybody has left it
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    deadline: Duration,

    #[command(flatten)]
    lab: In,
}

impl Unplug {
    pub(crate) fn run(self) -> ExitCode {
        finish(self.unplug())
    }

    fn unplug(&self) -> anyhow::Result<ExitCode> {
        let removals = self.lab.connect()?.unplug(&self.names, self.orderly, Some(self.deadline))?;
        if terminal::json() {
            terminal::line_json(&removals);
        } else {
            removals.iter().for_each(print_removal);
        }
        let gone = removals.iter().all(|removal| matches!(removal, Removal::Gone { .. }));
        Ok(if gone { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print_removal(removal: &Removal) {
    match removal {
        Removal::Gone { .. } if terminal::verbosity() < 0 => {}
        Removal::Gone { name, handles, already: true, .. } => {
            terminal::line(format_args!("{name}: was gone before, {} left", counted(*handles, "handle")));
        }
        Removal::Gone { name, seconds, handles, .. } => {
            let after = terminal::time(*seconds);
            terminal::line(format_args!("{name}: gone after {after}, {} left", counted(*handles, "handle")));
        }
        Removal::Busy { name, seconds, message, .. } => {
            let after = terminal::time(*seconds);
            terminal::complain(format_args!("{name}: after {after}, {message}; `outlive unplug {name}` waits on"));
        }
        Removal::Unknown { message, .. } => terminal::complain(message),
    }
}

/// Plug in a new device, or the next generation of one that was removed
#[derive(clap::Args)]
#[command(after_help = "\
A new device is refused its number (EBUSY) while handles to its former owner are open. By name, the same hardware \
comes back in the same place; old handles stay dead.

Examples:
  outlive plug i2c:24c02@0x50,bus=8
  outlive plug i2c-7")]
pub(crate) struct Plug {
    /// SPEC (i2c:24c02@0x50,bus=8) of a new device, or NAME (i2c-7) of one that was removed
    #[arg(value_name = "SPEC|NAME")]
    what: String,

    #[command(flatten)]
    lab: In,
}

impl Plug {
    pub(crate) fn run(self) -> ExitCode {
        finish(self.plug())
    }

    fn plug(&self) -> anyhow::Result<ExitCode> {
        // A name has no colon, and a SPEC is understood here, since its paths are relative to where we are.
        let name = if self.what.contains(':') {
            let device = parse_spec(&self.what, &self.what)?;
            self.lab.connect()?.plug(&device)?
        } else {
            self.lab.connect()?.plug_name(&self.what)?
        };
        if terminal::json() {
            terminal::line_json(&serde_json::json!({ "plugged": { "name": name } }));
        } else if terminal::verbosity() >= 0 {
            terminal::line(format_args!("{name}: plugged in"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Print devices coming and going, from now on until the lab ends
#[derive(clap::Args)]
#[command(after_help = "\
A removal is told when it begins, at the mark, and not when the last user has left.

Examples:
  outlive events
  outlive events i2c-7 --json")]
pub(crate) struct Events {
    /// The devices, such as i2c-7; all if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    #[command(flatten)]
    lab: In,
}

impl Events {
    pub(crate) fn run(self) -> ExitCode {
        finish(self.watch())
    }

    fn watch(&self) -> anyhow::Result<ExitCode> {
        for heard in self.lab.connect()?.events(&self.names)? {
            match heard? {
                Heard::Event(event) if terminal::json() => terminal::line_json(&event),
                Heard::Event(event) => terminal::line(described(&event)),
                Heard::Lost(count) if terminal::json() => terminal::line_json(&serde_json::json!({ "lost": count })),
                Heard::Lost(count) => {
                    terminal::complain(format_args!("{} lost; they came too fast", counted(count as usize, "event")))
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn described(event: &EventReport) -> String {
    let reason = event.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} {}, generation {}{reason}", event.name, event.change, event.generation)
}
