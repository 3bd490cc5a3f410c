use crate::{
    command::LabArgs,
    terminal::{self, json, line, line_json},
};
use outlive_host::{
    control::Socket,
    front::serve::{self, Ended, ServedNode, Serving},
    lab::Lab,
};
use std::process::ExitCode;

/// Give virtual devices to the whole machine, as nodes in /dev
///
/// Runs in the foreground until SIGINT (Ctrl-C), SIGTERM or SIGHUP; then it unplugs everything. Takes root and the kernel's module
/// cuse. Meanwhile `outlive ls`, `unplug`, `plug`, `set` and `events` work on its lab from any terminal of root.
#[derive(clap::Args)]
#[command(
    after_help = "\
Examples:
  outlive serve --device i2c:24c02@0x50,bus=7,mode=0660,group=i2c
  outlive serve --lab lab.toml

--help tells more; `outlive run --help` tells all about SPEC, the models and the lab file.",
    after_long_help = "\
Nodes:
  /dev/i2c-7 is a symbolic link to the node of the device's present life. A node has the number that
  Linux gives such a device (89:7), or another major where that is taken: by Linux' own driver, or
  by open descriptors of a former life.
  mode=0660, group=i2c   in a SPEC or the lab file: who may open the node; root alone unless told

Removed devices:
What is open when a device is unplugged stays open, and answers as its contract says (strict: ENODEV, and HUP and ERR from \
poll) until it is closed. So after SIGTERM this process waits for the last descriptor to be closed; a second signal ends it at \
once, and calls on what is still open say ENOTCONN.

What is not carried:
Devices that are mapped (uio), since the kernel maps no device of CUSE. 32-bit programs get ENOTTY from ioctls. lseek and \
pread do not fail, and change nothing. In /sys a device is one of the class cuse, so `i2cdetect -l` does not list it.

Examples:
  outlive serve --device i2c:24c02@0x50,bus=7 &
  i2cdump -y 7 0x50 b
  outlive unplug i2c-7
  outlive plug i2c-7

Exit status:
  0  it was told to end, and has unplugged everything
  1  it could not begin, or a device was still busy, and it said why
  2  it was called wrongly"
)]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArgs,
}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        match self.carry_out() {
            Ok(code) => code,
            Err(error) => terminal::fail(&error),
        }
    }

    fn carry_out(self) -> anyhow::Result<ExitCode> {
        let lab = Lab::start(&self.lab.config()?)?;
        // The name first: of two labs that are the same the second makes no nodes.
        let socket = Socket::bind(&lab)?;
        let serving = serve::start(&lab)?;
        let control = socket.serve(lab.clone())?;
        print(&serving.nodes());
        terminal::note(format_args!("serving lab {}; Ctrl-C unplugs everything", lab.name()));
        serving.wait_for_signal();
        // Nothing is plugged in any more.
        drop(control);
        Ok(finish(serving))
    }
}

fn print(nodes: &[ServedNode]) {
    if json() {
        return line_json(&nodes);
    }
    for ServedNode { path, major, minor, node, .. } in nodes {
        line(format_args!("{}  {major}:{minor}  {}", path.display(), node.display()));
    }
}

fn finish(serving: Serving) -> ExitCode {
    let waits = |handles| {
        let open = if handles == 1 { "1 descriptor is".to_owned() } else { format!("{handles} descriptors are") };
        terminal::note(format_args!("{open} still open on removed devices: waiting; another signal ends this at once"));
    };
    let Ended { busy, abandoned } = serving.end(waits);
    busy.iter().for_each(terminal::complain);
    if abandoned > 0 {
        terminal::complain(format_args!("left {abandoned} open behind: calls on them say ENOTCONN now"));
    }
    if busy.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
