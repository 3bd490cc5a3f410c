//! `driver`: serves a driver to a host, which may be anybody who speaks the protocol.

use crate::terminal::{self, line_json};
use clap::ValueHint;
use outlive_host::{
    driving::{Driving, Ended},
    lab::{DeviceConfig, LabConfig, Source},
};
use std::{path::PathBuf, process::ExitCode};

/// Serve a driver to a host: put a device's driver in a process of its own
///
/// The host has the device and its users; this process has its driver, and nothing that happens to this process hurts them.
/// They speak the protocol that docs/driver-protocol.md describes.
#[derive(clap::Args)]
#[command(
    after_help = "\
Examples:
  outlive driver i2c:24c02@0x50 --socket /run/eeprom.sock
  outlive run --device i2c:server,command='outlive driver i2c:24c02@0x50' -- i2cdetect -l

--help tells more; `outlive run --help` tells all models and keys.",
    after_long_help = "\
What can be served:
  i2c, mtd    every model, as in --device. Several SPECs are chips on one bus.
  policy=, mode=, group= and parts= are said where the device is plugged in: to the host.

Where the host is:
  --socket PATH          hosts connect there, one after the other; the content stays from one to the next
  --fd N                 one host, at a descriptor that this process was started with: a Unix socket of
                         type SOCK_SEQPACKET. OUTLIVE_DRIVER_FD says it as well, and a host that starts
                         a server sets that.

How a host's time ends:
If the host removes the device in good order, the driver does its last I/O; so it does after SIGTERM, SIGINT or SIGHUP. If \
the connection is closed the hardware was pulled, and there is no last I/O. A host that breaks the protocol, or does not read \
its answers, is told so and cut off.

Examples:
  outlive driver i2c:24c02@0x50,bus=1 i2c:lm75@0x48,bus=1 --socket /run/bus.sock &
  outlive run --device i2c:server,socket=/run/bus.sock,num=7 -- i2cdump -y 7 0x50 b
  outlive driver mtd:nor,size=8MiB,erase=64KiB,file=flash.bin --socket /run/flash.sock

Exit status:
  0  a signal, or with --fd the host, has ended it
  1  it could not begin, its driver was stuck, or with --fd the host broke the protocol, and it said why
  2  it was called wrongly"
)]
pub(crate) struct Args {
    /// What to serve: CLASS:MODEL[@ADDR][,KEY=VALUE]..., such as i2c:24c02@0x50
    #[arg(value_name = "SPEC", required = true)]
    specs: Vec<String>,

    /// Listen here
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath, conflicts_with = "fd")]
    socket: Option<PathBuf>,

    /// Serve the host at the other end of this descriptor [default: what OUTLIVE_DRIVER_FD says]
    #[arg(long, value_name = "N")]
    fd: Option<i32>,
}

/// Says the descriptor of the host, if it was not said otherwise.
const VARIABLE: &str = "OUTLIVE_DRIVER_FD";

/// Where the host is.
enum Place {
    Path(PathBuf),
    Descriptor(i32),
}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        let place = match self.place() {
            Ok(place) => place,
            Err(why) => {
                terminal::complain(why);
                return ExitCode::from(2);
            }
        };
        match self.serve(place) {
            Ok(code) => code,
            Err(error) => terminal::fail(&error),
        }
    }

    fn serve(&self, place: Place) -> anyhow::Result<ExitCode> {
        let driving = Driving::new(&self.device()?)?;
        match place {
            Place::Descriptor(number) => {
                let ended = driving.serve_descriptor(number)?;
                // The host knows all but that.
                let broke = matches!(ended, Ended::Broke(_));
                if broke {
                    report(&ended);
                }
                Ok(if broke { ExitCode::FAILURE } else { ExitCode::SUCCESS })
            }
            Place::Path(path) => {
                let ready = || terminal::note(format_args!("serving {} at {}", self.specs.join(" "), path.display()));
                driving.serve_socket(&path, ready, report)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    /// An option wins over the environment, which may be meant for whoever started us.
    fn place(&self) -> Result<Place, String> {
        match (&self.socket, self.fd, std::env::var(VARIABLE)) {
            (Some(path), ..) => Ok(Place::Path(path.clone())),
            (None, Some(number), _) => Ok(Place::Descriptor(number)),
            (None, None, Ok(text)) => match text.parse() {
                Ok(number) => Ok(Place::Descriptor(number)),
                Err(_) => Err(format!("{VARIABLE}={text} is no number of a descriptor")),
            },
            (None, None, Err(_)) => Err(
                "where is the host? --socket PATH listens there; --fd N, or OUTLIVE_DRIVER_FD, is for one that has \
                     started us"
                    .into(),
            ),
        }
    }

    /// The one device that is to be served.
    fn device(&self) -> anyhow::Result<DeviceConfig> {
        let sources: Vec<_> = self.specs.iter().cloned().map(Source::Spec).collect();
        let mut lab = LabConfig::new(&sources, None, None)?;
        match (lab.devices.pop(), lab.devices.len()) {
            (Some(device), 0) => Ok(device),
            (_, more) => anyhow::bail!(
                "a server has one device, and these are {}; chips of one bus have the same bus=NUMBER",
                more + 1
            ),
        }
    }
}

/// Tells how a host's time ended.
fn report(ended: &Ended) {
    match ended {
        _ if terminal::json() => line_json(&serde_json::json!({ "ended": ended.to_string() })),
        Ended::Broke(_) => terminal::complain(format_args!("{ended}; its connection is closed")),
        _ => terminal::note(ended),
    }
}
