//! What a handle, a device and a thread take.

use outlive::{Device, Handle};
use serde::Serialize;
use std::{fs, hint::black_box, process::Command, sync::Barrier, thread};

#[derive(Serialize)]
struct Figures {
    handles: usize,
    devices: usize,
    /// `size_of` of a handle: it has nothing besides.
    handle: usize,
    /// Resident memory for each device, without its handles.
    device: f64,
    /// Resident memory in all, in MB (10^6 bytes).
    total_mb: f64,
    /// For each thread that has been inside, beyond what a thread takes that has not.
    thread: f64,
}

pub(crate) fn run(short: bool, json: bool) -> anyhow::Result<()> {
    let (handles, devices, threads) = if short { (1000, 100, 4) } else { (1_000_000, 100_000, 1024) };
    let total = in_a_process(Part::Handles { devices, handles })?;
    let plain = in_a_process(Part::Handles { devices, handles: 0 })?;
    let thread = in_a_process(Part::Threads { threads, inside: true })?
        - in_a_process(Part::Threads { threads, inside: false })?;
    // The users' own data: here a number for each device.
    let own = (devices * size_of::<u64>()) as f64;
    let figures = Figures {
        handles,
        devices,
        handle: size_of::<Handle<(), u64>>(),
        device: (plain - own) / devices as f64,
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
        // Pages are what the kernel counts: over a thousand threads some of them say more about the allocator.
        say("64 bytes a thread, to the page of a few threads", thread <= 128.0);
    }
    Ok(())
}

/// One measurement, each in a process of its own: what another one has freed is not given back to the kernel.
#[derive(clap::Subcommand, Clone, Copy)]
pub(crate) enum Part {
    /// Devices with handles, each kind in a `Vec`.
    Handles {
        /// How many devices
        devices: usize,
        /// How many handles
        handles: usize,
    },
    /// Threads that are there at a time, and have been inside or not.
    Threads {
        /// How many
        threads: usize,
        /// Whether each has been inside a gate
        #[arg(long)]
        inside: bool,
    },
}

fn in_a_process(part: Part) -> anyhow::Result<f64> {
    let words = match part {
        Part::Handles { devices, handles } => vec!["handles".to_owned(), devices.to_string(), handles.to_string()],
        Part::Threads { threads, inside } => {
            let flag = inside.then(|| "--inside".to_owned());
            ["threads".to_owned(), threads.to_string()].into_iter().chain(flag).collect()
        }
    };
    let output = Command::new(std::env::current_exe()?).arg("resident").args(words).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Prints what a part takes, in bytes.
pub(crate) fn part(part: Part) -> anyhow::Result<()> {
    let taken = match part {
        Part::Handles { devices, handles } => of_handles(devices, handles)?,
        Part::Threads { threads, inside } => of_threads(threads, inside)?,
    };
    println!("{taken}");
    Ok(())
}

fn of_handles(devices: usize, handles: usize) -> anyhow::Result<f64> {
    let begin = resident()?;
    let plugged: Vec<Device<(), u64>> = (0..devices).map(|number| Device::new((), number as u64)).collect();
    let open: Vec<Handle<(), u64>> =
        (0..handles).map(|number| plugged[number % devices].open()).collect::<Result<_, _>>()?;
    let taken = resident()? - begin;
    drop((plugged, open));
    Ok(taken)
}

fn of_threads(count: usize, inside: bool) -> anyhow::Result<f64> {
    let device = Device::new((), 7);
    let handle = device.open()?;
    let barrier = Barrier::new(count + 1);
    thread::scope(|scope| {
        let begin = resident()?;
        for _ in 0..count {
            scope.spawn(|| {
                // As any thread does something: its first allocation and the depth of its stack are not the gate's.
                let own = black_box(Box::new([7_u8; 256]));
                black_box([7_u8; 32 << 10]);
                if inside {
                    drop(handle.enter());
                }
                barrier.wait();
                barrier.wait();
                drop(own);
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
    Ok(pages * rustix::param::page_size() as f64)
}
