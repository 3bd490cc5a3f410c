//! The input class on the run front.

#[path = "input_on_run/board.rs"]
mod board;
mod on_front;

use board::{Board, Slot};
use on_front::Class;
use outlive_classes::Hardware;
use outlive_conformance::{Badge, FarEnd};
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    on_front::main_on_run::<Input>()
}

#[derive(Clone, Copy)]
struct Input;

impl Class for Input {
    type Socket = Slot;

    const NAME: &'static str = "input";
    const PREFIX: &'static str = "input/event";
    const CALLS: &'static [&'static str] =
        &["effect", "events", "version", "unknown", "read", "nonblocking", "write", "empty"];
    const FAILED: &'static str = "EIO";
    const ALWAYS_READABLE: bool = false;
    const RECEIVES: &'static str = "events";
    const OBJECTS: Option<[&'static str; 2]> = Some(["effect", "forget"]);

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its effects and has nothing to wait on"),
            18 if on_front::on_plain() => {
                Some("without FUSE poll does not tell whether there is something to read of what has gone")
            }
            32 => Some("what a device owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Slot>, Hardware) {
        let slot = Slot::new(far);
        let board = Board { slot: slot.clone(), _badge: badge };
        (slot, Hardware::Input(Box::new(board)))
    }
}
