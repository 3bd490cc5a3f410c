//! `/dev/fuse` as the run front needs it.

use crate::packages;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

const NODE: &str = "/dev/fuse";

/// Sees to it that `/dev/fuse` is there and that everybody may open it: what udev's rules (50-udev-default.rules) do on
/// a full Debian, and nobody in a container or a minimal guest. Says what it changes.
///
/// # Errors
/// If that cannot be done here, with the command to type.
pub(crate) fn prepare() -> Result<()> {
    if !Path::new(NODE).exists() {
        println!("there is no {NODE}: loading the kernel's module fuse");
        as_root(&["modprobe", "fuse"])?;
        ensure!(
            Path::new(NODE).exists(),
            "there is still no {NODE}: this kernel has no FUSE, or this container hides it"
        );
    }
    let mode = fs::metadata(NODE).with_context(|| format!("cannot stat {NODE}"))?.permissions().mode() & 0o777;
    if mode & 0o666 == 0o666 {
        println!("{NODE} is there, and everybody may open it");
        return Ok(());
    }
    println!("{NODE} has mode {mode:04o}: making it 0666, as udev does on a full Debian");
    as_root(&["chmod", "0666", NODE])
}

fn as_root(command: &[&str]) -> Result<()> {
    let advice = || format!("Do it yourself, then run this again:\n    sudo {}", command.join(" "));
    let elevated = packages::elevation().map_err(|error| anyhow!("cannot: {error}. {}", advice()))?;
    let line: Vec<_> = elevated.iter().chain(command).collect();
    match Command::new(line[0]).args(&line[1..]).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("{} failed ({status}). {}", command[0], advice()),
        Err(error) => bail!("cannot run {}: {error}. {}", line[0], advice()),
    }
}
