//! `ls`, `events`, `plug`, `unplug`, `set`: talking to a lab that runs (`reset` as well, in `reset.rs`).

use crate::terminal::{self, Stream, Style};
use outlive_host::{
    control::{self, Client, EventReport, Heard, How, Removal},
    lab::{ConfigError, ConnectorReport, DeviceReport, DeviceState, Policy, State, parse_spec, value::parse_duration},
};
use std::{process::ExitCode, time::Duration};

/// Which lab is meant.
#[derive(clap::Args)]
pub(super) struct In {
    /// Talk to this lab; not needed if only one runs
    #[arg(long = "in", value_name = "LAB", env = "OUTLIVE_LAB", hide_env_values = true)]
    lab: Option<String>,
}

impl In {
    pub(super) fn connect(&self) -> anyhow::Result<Client> {
        // OUTLIVE_LAB= is how a shell takes a variable back for one command.
        Ok(control::connect(self.lab.as_deref().filter(|lab| !lab.is_empty()))?)
    }
}

pub(super) fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
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
        rows.extend(devices.iter().flat_map(|device| rows_of(device, depth(device, devices))));
        let mut lines = terminal::columns(&rows).into_iter();
        if let Some(heading) = lines.next() {
            terminal::line(terminal::paint(Stream::Out, Style::Heading, &heading));
        }
        for device in devices {
            lines.by_ref().take(1 + device.connectors.len()).for_each(terminal::line);
            if self.handles {
                print_operations(device);
            }
        }
    }
}

/// How many devices it hangs on, one on the other.
fn depth(device: &DeviceReport, devices: &[DeviceReport]) -> usize {
    let above = |it: &&DeviceReport| {
        let parent = it.parent.as_ref()?;
        devices.iter().find(|other| other.name == *parent)
    };
    std::iter::successors(Some(device), above).take(devices.len()).count() - 1
}

/// A device, and below it the connectors that it has.
fn rows_of(device: &DeviceReport, depth: usize) -> Vec<Vec<String>> {
    let connector = |connector: &ConnectorReport| {
        let name = format!("{:indent$}{}", "", connector.name, indent = 2 * depth + 2);
        [&name, "connector", "-", "-", "-", "-", connector.status()].map(str::to_owned).to_vec()
    };
    [row(device, depth)].into_iter().chain(device.connectors.iter().map(connector)).collect()
}

/// What hangs on another is set in below it.
fn row(device: &DeviceReport, depth: usize) -> Vec<String> {
    let number = match device.class.as_str() {
        // A card has none.
        "gpu" => "-".to_owned(),
        _ if device.holds_number => format!("{} held", device.number),
        _ => device.number.to_string(),
    };
    vec![
        format!("{:indent$}{}", "", device.name, indent = 2 * depth),
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
        State::Closing => "closing".to_owned(),
        State::Quiesced => "quiesced".to_owned(),
        State::Blocked => "blocked".to_owned(),
        State::Offline => "offline".to_owned(),
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
  outlive unplug i2c-7 --prepare 10s
  outlive unplug i2c-7 --policy drain --deadline 5s
  outlive unplug card0-Virtual-1        (the cable of a connector; its card stays)
  outlive unplug i2c-7 --deadline 5s")]
pub(crate) struct Unplug {
    /// The devices, such as i2c-7, or connectors of cards, such as card0-Virtual-1
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// Take the device away in good order, so that its driver has the last word; else it is pulled
    #[arg(long)]
    orderly: bool,

    /// Ask its users to leave first, and wait so long until nobody has it open; then take it away in good order
    ///
    /// Meanwhile new users are refused (ENODEV), and `outlive events` says `closing`.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    prepare: Option<Duration>,

    /// What becomes of its users [default: what the lab says, or detach]
    #[arg(long, value_enum)]
    policy: Option<PolicyName>,

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
        let Unplug { orderly, prepare, .. } = *self;
        let policy = self.policy.map(Policy::from);
        let how = How { orderly, prepare, policy, deadline: Some(self.deadline) };
        let removals = self.lab.connect()?.unplug(&self.names, &how)?;
        if terminal::json() {
            terminal::line_json(&removals);
        } else {
            removals.iter().for_each(print_removal);
        }
        let is_gone = |removal: &Removal| matches!(removal, Removal::Gone { .. } | Removal::Disconnected { .. });
        let gone = removals.iter().all(is_gone);
        Ok(if gone { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What becomes of those who use a device as it is removed. Their open files stay open, and fail, in any case.
#[derive(Clone, Copy, clap::ValueEnum)]
enum PolicyName {
    /// What is under way is cancelled at once
    Detach,
    /// What is under way may come to its end until the deadline, and is cancelled then
    Drain,
    /// The processes of the lab that have it open are killed
    Kill,
}

impl From<PolicyName> for Policy {
    fn from(name: PolicyName) -> Policy {
        match name {
            PolicyName::Detach => Policy::Detach,
            PolicyName::Drain => Policy::Drain,
            PolicyName::Kill => Policy::Kill,
        }
    }
}

fn print_removal(removal: &Removal) {
    if let Removal::Gone { name, killed, .. } | Removal::Busy { name, killed, .. } = removal
        && terminal::verbosity() >= 0
    {
        killed.iter().for_each(|process| terminal::line(format_args!("{name}: killed process {process}")));
    }
    match removal {
        Removal::Gone { .. } | Removal::Disconnected { .. } if terminal::verbosity() < 0 => {}
        Removal::Disconnected { name, already: true } => {
            terminal::line(format_args!("{name}: was disconnected before"));
        }
        Removal::Disconnected { name, .. } => terminal::line(format_args!("{name}: disconnected")),
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

/// Set what a device is doing
#[derive(clap::Args)]
#[command(after_help = "\
quiesced and blocked devices let their callers wait, who go on when it runs again; an offline device fails new work \
(EIO, and ENXIO for an open) and is not gone. All of them can be unplugged: who waits gets ENODEV at once.

Examples:
  outlive set i2c-7 blocked
  outlive set i2c-7 running")]
pub(crate) struct Set {
    /// The device, such as i2c-7
    #[arg(value_name = "NAME")]
    name: String,

    /// What it shall do
    #[arg(value_enum, value_name = "STATE")]
    state: StateName,

    #[command(flatten)]
    lab: In,
}

/// What a device can be set to.
#[derive(Clone, Copy, clap::ValueEnum)]
enum StateName {
    /// It works
    Running,
    /// Its clients wait; what is its own goes on
    Quiesced,
    /// Who comes waits
    Blocked,
    /// New work fails
    Offline,
}

impl Set {
    pub(crate) fn run(self) -> ExitCode {
        finish(self.set())
    }

    fn set(&self) -> anyhow::Result<ExitCode> {
        let state = match self.state {
            StateName::Running => DeviceState::Running,
            StateName::Quiesced => DeviceState::Quiesced,
            StateName::Blocked => DeviceState::Blocked,
            StateName::Offline => DeviceState::Offline,
        };
        self.lab.connect()?.set(&self.name, state)?;
        if terminal::json() {
            terminal::line_json(&serde_json::json!({ "set": { "name": self.name, "state": state.name() } }));
        } else if terminal::verbosity() >= 0 {
            terminal::line(format_args!("{}: {state}", self.name));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Plug in a new device, or the next generation of one that was removed
#[derive(clap::Args)]
#[command(after_help = "\
A new device is refused its number (EBUSY) while handles to its former owner are open. By name, the same hardware \
comes back in the same place; old handles stay dead.

Examples:
  outlive plug i2c:24c02@0x50,bus=8
  outlive plug i2c-7
  outlive plug card0-Virtual-1          (the cable of a connector)")]
pub(crate) struct Plug {
    /// SPEC (i2c:24c02@0x50,bus=8) of a new device, or NAME (i2c-7) of one that was removed, or of a connector
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

/// Print devices and cables coming and going, from now on until the lab ends
#[derive(clap::Args)]
#[command(after_help = "\
A removal is told when it begins, at the mark, and not when the last user has left. The cables of a card are told by the names
of its connectors.

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
