use super::run::{Program, ProgramArgs, exit_code};
use crate::{
    command::LabArgs,
    terminal,
    trace::{Form, Output, Printer, Subject},
};
use anyhow::{Context, bail};
use clap::ValueHint;
use outlive_explore::signal;
use outlive_host::{
    lab::Lab,
    trace::{Tracer, Wanted},
    trial::End,
};
use std::{fs::File, io::ErrorKind, path::PathBuf, process::ExitCode, sync::Arc};

const SHORT: &str = "\
Examples:
  outlive trace --device i2c:24c02@0x50,bus=7 -- i2cget -y 7 0x50 3
  outlive trace --device i2c:24c02@0x50,bus=7 --summary-only -- i2cdump -y 7 0x50 b

Exits as CMD does; --help tells what stands in a line, and the fields of --json.";

const LONG: &str = "\
A line:
  0.001234 pid 4711 (i2cget) /dev/i2c-7 handle 3 ioctl I2C_SMBUS read_byte 0x50 = 0x2a <0.000012>

When the call arrived, in seconds since the start; the thread and its name; the device; the open file, as in `outlive ls \
--handles`; the call in the words of its class, with the data that was sent; what came of it: the value that the device \
gave, or what the call returned with the data that was read, or the error; and the seconds from arrival to answer. Data \
is in hexadecimal, each piece in brackets, cut to --string-limit.

Lines come as calls are answered. A call that takes longer than a second is told before, `<unfinished ...>`, and is \
`resumed` when it is answered; one that is never answered ends with `= ?`. `cut by the removal` stands after a call that \
was on its way when its device was unplugged, and failed. A poll that waits says so, and is a line again when it wakes.

Nobody who uses a device waits for whoever reads the trace: 16 MiB of it may wait to be read, then lines are lost, and a \
line says how many. Each line is written as soon as it is known, so that it is there whatever becomes of CMD.

JSON Lines:
  With --json each line is an object with a type, a time in seconds, and these fields; null if one does not apply:
  start      unix_time, lab, devices, command
  operation  time (of arrival), number (in the lab, from 1), device, pid, comm, handle, call, what,
             sent, brought, value (returned) or errno (its name), duration, cut (by the removal)
  begun      as operation: it has taken a second and has no answer yet
  close      device, handle
  poll       device, handle, pid, comm, events (what it was told), waits
  device     device, generation, change (plugged, unplugged, running, blocked, ...), reason
  lost       lines
  end        exit (status) or signal (number) of CMD
  summary    operations: an array with operation, calls, errors, seconds, longest
  sent and brought are a number, or an array of pieces: bytes (how many) and hex (their beginning).

Examples:
  outlive trace --device i2c:24c02@0x50,bus=7 -- i2cget -y 7 0x50 3
  outlive trace --device i2c:24c02@0x50,bus=7 --json -o trace.jsonl -- i2cdump -y 7 0x50 b
  outlive trace --device i2c:24c02@0x50,bus=7 --summary-only -- i2cdump -y 7 0x50 b

Exit status:
  that of CMD; 128+N if signal N ended it
  125  we failed, or not all of the trace could be written
  126  CMD cannot be executed
  127  CMD was not found";

/// Run a program on virtual devices, and print its operations on them in the words of their class
///
/// What strace(1) would print if it knew the devices: CMD runs as under `outlive run`, and each open, read, write, ioctl,
/// poll and last close on a device of the lab is a line on standard error, or in FILE. So is what becomes of the devices:
/// `--- generation 1 unplugged: pulled ---`.
#[derive(clap::Args)]
#[command(after_help = SHORT, after_long_help = LONG)]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArgs,

    /// Write the trace into this file instead of standard error
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// Show at most so many bytes of each piece of data
    #[arg(short, long, value_name = "N", default_value_t = 32)]
    string_limit: usize,

    /// Print how often each operation came, how often it failed, and how long it took, when CMD has ended
    #[arg(short = 'C', long)]
    summary: bool,

    /// Print that and nothing else
    #[arg(short = 'c', long, conflicts_with = "summary")]
    summary_only: bool,

    #[command(flatten)]
    program: ProgramArgs,
}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        exit_code(self.carry_out())
    }

    fn carry_out(self) -> anyhow::Result<End> {
        let lab = Lab::start(&self.lab.config()?)?;
        let output = match &self.output {
            None => Output::Errors,
            Some(path) => {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                Output::File(file, path.clone())
            }
        };
        let summary = self.summary || self.summary_only;
        let tracer = Arc::new(Tracer::new(Wanted { records: !self.summary_only, tallies: summary }));
        let observed = lab.observe(tracer.clone());
        debug_assert!(observed.is_ok(), "a lab that was just made has no observer");
        let subject = Subject {
            lab: lab.name().to_owned(),
            devices: lab.names(),
            command: self.program.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        };
        let form = Form { json: terminal::json(), limit: self.string_limit };
        let program = Program::start(&lab, self.program)?;
        let printer = Printer::start(&tracer, output, form, subject).context("cannot start a thread")?;
        let end = program.wait();
        let (output, printed) = printer.finish((!self.summary_only).then_some(end), summary);
        match printed {
            // Whoever read the trace has had enough of it, as `head` has.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(end),
            Err(error) => bail!("{}: {error}; not all of the trace is there. CMD {}", output.name(), described(end)),
            Ok(()) => Ok(end),
        }
    }
}

fn described(end: End) -> String {
    match end {
        End::Exit(code) => format!("exited with {code}"),
        End::Signal(signal) => format!("was killed by {}", signal::name(signal)),
    }
}
