//! What the core costs: entering and leaving beside every alternative, unplugging, memory. `cargo xtask bench gate`,
//! `unplug` and `memory` run it.

mod gate;
mod memory;
mod pairs;
mod unplug;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Only see that it works: the figures mean nothing
    #[arg(long, global = true)]
    short: bool,
}

#[derive(Subcommand, Clone, Copy)]
enum What {
    /// Entering and leaving, beside the alternatives, from one run
    Gate,
    /// Unplugging: with idle handles, with somebody stuck elsewhere, many at once
    Unplug,
    /// Bytes for each handle, device and thread
    Memory,
    /// One measurement of `memory`
    #[command(hide = true, subcommand)]
    Resident(memory::Part),
}

fn main() -> anyhow::Result<()> {
    // While there is one thread: it is cheap now.
    let at_its_best = outlive::prepare();
    let arguments = Arguments::parse();
    if !at_its_best {
        eprintln!("note: there is no membarrier(2) here, so every guard is counted");
    }
    match arguments.what {
        What::Gate => gate::run(arguments.short, arguments.json),
        What::Unplug => unplug::run(arguments.short, arguments.json),
        What::Memory => memory::run(arguments.short, arguments.json),
        What::Resident(part) => memory::part(part),
    }
}
