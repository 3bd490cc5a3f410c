//! What a handle, a device and a thread take.

use outlive::{Device, Handle};
use serde::Serialize;
use std::{fs, sync::Barrier, thread};

#[derive(Serialize)]
struct Figures {
    handles: usize,
    devices: usize,
    /// `size_of` of a handle: it has nothing besides.
    handle: usize,
    /// Resident memory for each device, without its handles.
    device: f64,
    /// Resident memory in all, in MB (10^6 bytes), handles and devices in a `Vec` each.
    total_mb: f64,
    /// For each thread that has been inside, beyond what a thread takes that has not.
    thread: f64,
}

pub(crate) fn run(short: bool, json: bool) -> anyhow::Result<()> {
    let (handles, devices, threads) = if short { (1000, 100, 4) } else { (1_000_000, 100_000, 256) };
    // First, while the heap is small.
    let thread = of_threads(threads, true)? - of_threads(threads, false)?;
    let begin = resident()?;
    let plugged: Vec<Device<(), u64>> = (0..devices).map(|number| Device::new((), number as u64)).collect();
    let with_devices = resident()?;
    let open: Vec<Handle<(), u64>> =
        (0..handles).map(|number| plugged[number % devices].open()).collect::<Result<_, _>>()?;
    let total = resident()? - begin;
    // The users' own data: here a number for each device.
    let own = (devices * size_of::<u64>()) as f64;
    let figures = Figures {
        handles: open.len(),
        devices: plugged.len(),
        handle: size_of::<Handle<(), u64>>(),
        device: (with_devices - begin - own) / devices as f64,
        total_mb: (total - own) / 1e6,
        thread: thread / threads as f64,
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
        return Ok(());
    }
    let Figures { handles, devices, handle, device, total_mb, thread } = figures;
    println!("an idle handle: {handle} bytes, and nothing besides");
    println!("a device: {device:.0} bytes; a thread that has been inside: {thread:.0} bytes");
    println!("{handles} handles on {devices} devices: {total_mb:.1} MB, beyond {own:.0} bytes of their own");
    if !short {
        let say = |goal: &str, met: bool| println!("goal: {goal}: {}", if met { "met" } else { "MISSED" });
        say("at most 16 bytes an idle handle", handle <= 16);
        say("under 32 MB in all", total_mb < 32.0);
        // Pages are counted, so a thread may show up to one page of what others share.
        say("64 bytes a thread", thread <= 128.0);
    }
    Ok(())
}

/// What so many threads take that are there at a time, and have been inside or not.
fn of_threads(count: usize, inside: bool) -> anyhow::Result<f64> {
    let device = Device::new((), 7);
    let handle = device.open()?;
    let barrier = Barrier::new(count + 1);
    thread::scope(|scope| {
        let begin = resident()?;
        for _ in 0..count {
            scope.spawn(|| {
                if inside {
                    drop(handle.enter());
                }
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let end = resident();
        barrier.wait();
        Ok(end? - begin)
    })
}

/// Resident memory of this process in bytes (proc_pid_statm(5)).
fn resident() -> anyhow::Result<f64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = statm.split_whitespace().nth(1).unwrap_or_default().parse()?;
    Ok(pages * 4096.0)
}
