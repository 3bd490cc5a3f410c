//! The soak of the run front: hostile clients, a fresh seed each time, and nothing left behind after any.

use crate::{clients, leftovers::Traces, seed};
use anyhow::{Context, Result, ensure};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Calls of one run of a client.
const CALLS: &str = "20000";
/// Maps of one run of a client.
const MAPS: &str = "5000";
/// What the clients use.
const BUS: &str = "i2c:24c02@0x50,bus=7";
const BOARD: &str = "uio:timer,num=0,size=8KiB,ram=4KiB,period=1ms";

/// Runs clients under `outlive run` until `end`. Prints the seed of each run, so that one that fails can be run again.
///
/// # Errors
/// The first run that fails, or that leaves something behind.
pub(crate) fn run(end: Instant) -> Result<()> {
    let outlive = clients::outlive(None)?;
    let hostile = clients::build("tests/clients/hostile.c", &[])?;
    let uio = clients::build("tests/clients/uio.c", &[])?;
    let first = seed::fresh();
    let mut runs: u32 = 0;
    while runs == 0 || Instant::now() < end {
        let seed = (first + u64::from(runs)).to_string();
        println!("seed {seed}");
        client(&outlive, BUS, &hostile, &["random", &seed, CALLS])?;
        client(&outlive, BUS, &hostile, &["race", CALLS])?;
        for maps in [&["storm", "8", MAPS][..], &["churn", MAPS], &["forks", MAPS], &["execs", "200"]] {
            client(&outlive, BOARD, &uio, maps)?;
        }
        runs += 1;
    }
    println!("{runs} times two clients of {CALLS} calls and three of {MAPS} maps");
    Ok(())
}

/// How long one client may take before it counts as hung.
const LIMIT: Duration = Duration::from_secs(300);

fn client(outlive: &Path, device: &str, program: &Path, arguments: &[&str]) -> Result<()> {
    let traces = Traces::new("soak", None)?;
    let mut command = Command::new("timeout");
    traces.mark(&mut command);
    command.arg(LIMIT.as_secs().to_string()).arg(outlive).args([
        "run",
        "--name",
        &traces.name,
        "--device",
        device,
        "--",
    ]);
    let output = command.arg(program).args(arguments).output().context("cannot run timeout")?;
    let said = || [&output.stdout[..], &output.stderr[..]].concat();
    let name = program.file_name().unwrap_or_default().display();
    let (what, said) = (format!("{name} {}", arguments.join(" ")), String::from_utf8_lossy(&said()).into_owned());
    ensure!(output.status.code() != Some(124), "{what} hung for {} s:\n{said}", LIMIT.as_secs());
    ensure!(output.status.success(), "{what} failed ({}):\n{said}", output.status);
    traces.expect_none().with_context(|| format!("after {what}"))
}
