//! The tpm class on the run front.

#[path = "tpm_on_run/chip.rs"]
mod chip;
mod on_front;

use chip::{Chip, Pins};
use on_front::Class;
use outlive_classes::Hardware;
use outlive_conformance::{Badge, FarEnd};
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    on_front::main_on_run::<Tpm>()
}

#[derive(Clone, Copy)]
struct Tpm;

impl Class for Tpm {
    type Socket = Pins;

    const NAME: &'static str = "tpm";
    const PREFIX: &'static str = "tpm";
    const CALLS: &'static [&'static str] = &["order", "unknown", "read", "nonblocking", "write", "empty"];
    const FAILED: &'static str = "ETIME";
    const ALWAYS_READABLE: bool = false;
    const ONE_CALL_AT_A_TIME: bool = true;
    const ASKS: Option<&'static str> = Some("asks");
    const RECEIVES: &'static str = "response";

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its commands and has nothing to wait on"),
            18 if on_front::on_plain() => {
                Some("without FUSE poll does not tell whether there is something to read of what has gone")
            }
            23 => Some("a user of a TPM has no objects of its own but those in it, which go with it"),
            32 => Some("what a TPM owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Pins>, Hardware) {
        let pins = Pins::new(far);
        let chip = Chip { pins: pins.clone(), _badge: badge };
        (pins, Hardware::Tpm(Box::new(chip)))
    }
}
