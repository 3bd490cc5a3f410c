//! User-mode Linux: Debian's package user-mode-linux.

use super::boot::{Machine, Scratch};
use crate::workspace;
use anyhow::{Context, Result};
use std::time::Duration;

/// How it is started. The console is standard error, the channel a serial line on standard output, on which linux.uml
/// itself says something before the kernel is up only.
pub(super) fn machine(scratch: &Scratch) -> Result<Machine> {
    let program = workspace::find_program("linux.uml")
        .context("there is no linux.uml: install Debian's package user-mode-linux, or let `cargo xtask test` do it")?;
    let arguments = [
        "rootfstype=hostfs".to_owned(),
        "ro".to_owned(),
        format!("init={}", scratch.path("init").display()),
        "mem=512M".to_owned(),
        "con=null".to_owned(),
        "con0=null,fd:2".to_owned(),
        "ssl0=null,fd:1".to_owned(),
        // Otherwise it leaves a folder in the user's home.
        format!("uml_dir={}/", scratch.path("").display()),
        "umid=guest".to_owned(),
        "quiet".to_owned(),
    ];
    let results = super::script::quoted(&scratch.path("results").display().to_string());
    Ok(Machine {
        program,
        arguments: arguments.into(),
        modules_in: "/usr/lib/uml/modules",
        channel: "/dev/ttyS0",
        mount_results: format!("mount -t hostfs -o {results} results /run/results"),
        boot_limit: Duration::from_secs(60),
    })
}
