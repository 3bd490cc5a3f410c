//! The mtd class on the run front.

#[path = "mtd_on_run/chip.rs"]
mod chip;
mod on_front;

use chip::Chip;
use on_front::{Class, wires::Wires};
use outlive_classes::Hardware;
use outlive_conformance::{Badge, FarEnd};
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    on_front::main_on_run::<Mtd>()
}

#[derive(Clone, Copy)]
struct Mtd;

impl Class for Mtd {
    type Socket = Wires;

    const NAME: &'static str = "mtd";
    const PREFIX: &'static str = "mtd";
    const CALLS: &'static [&'static str] =
        &["erase", "info", "unknown", "read", "nonblocking", "write", "empty", "pread", "pwrite", "beyond"];
    const FAILED: &'static str = "ETIMEDOUT";
    const ALWAYS_READABLE: bool = true;

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its commands and has nothing to wait on"),
            18 => Some("a flash receives nothing that was not asked for"),
            23 => Some("a user of a flash has no objects of its own but partitions, which are devices"),
            32 => Some("what a flash owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Wires>, Hardware) {
        let wires = Wires::new(far);
        let chip = Chip { wires: wires.clone(), _badge: badge };
        (wires, Hardware::Mtd(Box::new(chip)))
    }
}
