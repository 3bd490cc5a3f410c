//! `guest`: a Linux kernel of Debian's beside the machine's own, with the machine's files as its root, read-only.
//!
//! It is for what the machine's kernel does not have, may not load, or must not lose: drivers to compare ours with, and
//! removals of devices that Linux does not survive well.

mod boot;
mod channel;
mod initramfs;
mod modules;
mod qemu;
mod script;
mod uml;

pub(crate) use boot::{Ended, Guest};

use anyhow::Result;
use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

/// Which guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Kind {
    /// User-mode Linux: boots in 2 s, one processor, no hardware but what modules make
    Uml,
    /// Debian's stock kernel in qemu: boots in 10 s without KVM, and has a machine around it
    Qemu,
}

/// Options of `guest`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which kernel
    #[arg(value_enum, default_value = "uml")]
    kind: Kind,
    /// Load a module first, with its parameters: --module "i2c-stub chip_addr=0x50". Can be given more than once
    #[arg(long, value_name = "NAME")]
    module: Vec<String>,
    /// Give the guest something besides, as an option of linux.uml or of qemu: --with "-device ati-vga". Split at spaces
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true, default_value = "")]
    with: String,
    /// Stop the command after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    limit: u64,
    /// What to run in it, as root, in the root of the repository
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs a command in a guest; its output is ours, and its exit status too.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let guest = Guest::new(args.kind)
        .modules(&args.module)
        .options(args.with.split_whitespace())
        .limit(Duration::from_secs(args.limit));
    let command: Vec<&str> = args.command.iter().map(String::as_str).collect();
    let ended = guest.run(&command, &mut |output| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(output).and_then(|()| stdout.flush()).ok();
    })?;
    eprintln!(
        "guest: Linux {}, exit status {}, files of /run/results in {}",
        ended.kernel,
        ended.status,
        ended.results.display()
    );
    Ok(ExitCode::from(ended.status))
}
