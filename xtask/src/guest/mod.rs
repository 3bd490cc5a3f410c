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

use anyhow::{Result, bail, ensure};
use std::{
    fs,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
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
    /// Instead of a command: see that both guests boot and do what they are for
    #[arg(long, conflicts_with_all = ["command", "module", "with"])]
    check: bool,
    /// What to run in it, as root, in the root of the repository
    #[arg(last = true, required_unless_present = "check", value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs a command in a guest; its output is ours, and its exit status too.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.check {
        check()?;
        return Ok(ExitCode::SUCCESS);
    }
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
        ended.keep_results()?.display()
    );
    Ok(ExitCode::from(ended.status))
}

/// Sees that both guests boot, give output and exit status back, have the machine's files to read only, and give back what
/// is left for us; and that one that cannot boot is found out.
///
/// # Errors
/// Which of that does not hold.
pub(crate) fn check() -> Result<()> {
    for kind in [Kind::Uml, Kind::Qemu] {
        let began = Instant::now();
        let mut output = Vec::new();
        let ended = Guest::new(kind).run(&["sh", "-c", CHECKS], &mut |part| output.extend_from_slice(part))?;
        let output = String::from_utf8_lossy(&output);
        ensure!(ended.status == 7, "{kind:?}: the exit status is {} and not 7:\n{output}", ended.status);
        ensure!(output == "name = \"xtask\"\nread-only\nempty\nit's the last", "{kind:?}: the output is {output:?}");
        let left = fs::read_to_string(ended.results().join("left"))?;
        ensure!(left == "for you\n", "{kind:?}: what it left is {left:?}");
        println!("{kind:?}: Linux {} in {:.1} s", ended.kernel, began.elapsed().as_secs_f64());
    }
    let unbootable = Guest::new(Kind::Uml).options(["rootfstype=none-such"]);
    let Err(error) = unbootable.run(&["true"], &mut |_| {}) else { bail!("a guest without a root booted") };
    let error = format!("{error:#}");
    ensure!(error.contains("panic"), "the console of a guest that does not boot is not told of: {error}");
    Ok(())
}

const CHECKS: &str = "grep '^name' xtask/Cargo.toml; touch xtask/touched 2>/dev/null || echo read-only; \
     ls /run/results | grep -q . || echo empty; echo 'for you' >/run/results/left; printf %s \"it's the last\"; exit 7";
