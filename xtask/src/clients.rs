//! The C programs that runs need: clients of a device, and the peers of a bench.

use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles `source` (relative to the root) with gcc, with the flags that pkg-config has for `libraries`. Returns the
/// program.
pub(crate) fn build(source: &str, libraries: &[&str]) -> Result<PathBuf> {
    let folder = workspace::target().join("clients");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name = Path::new(source).file_stem().with_context(|| format!("{source} is not a file"))?;
    let program = folder.join(name);
    // Aside first: another xtask may be running the last one.
    let fresh = folder.join(format!("{}-{}", name.display(), std::process::id()));
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&fresh).arg(workspace::root().join(source));
    if !libraries.is_empty() {
        gcc.args(pkg_config(libraries)?);
    }
    let status = gcc.status().context("cannot run gcc (Debian's package gcc)")?;
    ensure!(status.success(), "gcc could not compile {source}");
    fs::rename(&fresh, &program).with_context(|| format!("cannot put {} in place", program.display()))?;
    Ok(program)
}

/// The binary `outlive` that is to be tried: the one that was `given`, or one in release form, which is built.
pub(crate) fn outlive(given: Option<&Path>) -> Result<PathBuf> {
    match given {
        Some(binary) => fs::canonicalize(binary).with_context(|| format!("no binary {}", binary.display())),
        None => build_outlive(&["-p", "outlive-cli", "--release"], "release"),
    }
}

/// The binary `outlive` as the tests have it, with all that it asserts; it is built. With all tests of the workspace, as
/// `cargo test --workspace` does: cargo would make another binary by itself, and everything below it, since the packages
/// that are built together decide which features their dependencies have.
pub(crate) fn outlive_of_tests() -> Result<PathBuf> {
    build_outlive(&["--workspace", "--bins", "--tests"], "debug")
}

fn build_outlive(options: &[&str], folder: &str) -> Result<PathBuf> {
    let mut cargo = Command::new(workspace::cargo());
    cargo.args(["build", "--quiet"]).args(options).current_dir(workspace::root());
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "outlive-cli does not build");
    Ok(workspace::target().join(folder).join("outlive"))
}

fn pkg_config(libraries: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new("pkg-config");
    let output = command.args(["--cflags", "--libs"]).args(libraries).output().context("cannot run pkg-config")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect())
}
