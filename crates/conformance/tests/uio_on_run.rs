//! The uio class on the run front.

#[path = "uio_on_run/board.rs"]
mod board;
mod on_front;

use board::{Board, Slot};
use on_front::Class;
use outlive_classes::Hardware;
use outlive_conformance::{Badge, FarEnd};
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    on_front::main_on_run::<Uio>()
}

#[derive(Clone, Copy)]
struct Uio;

impl Class for Uio {
    type Socket = Slot;

    const NAME: &'static str = "uio";
    const PREFIX: &'static str = "uio";
    const CALLS: &'static [&'static str] = &["irq", "count", "unknown", "read", "nonblocking", "write", "empty"];
    const FAILED: &'static str = "EIO";
    const ALWAYS_READABLE: bool = false;

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its calls and has nothing to wait on"),
            18 if on_front::on_plain() => {
                Some("without FUSE poll does not tell whether there is something to read of what has gone")
            }
            23 => Some("a user of a board has no objects of its own but its mappings, which the kernel unmaps"),
            32 => Some("what a board owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Slot>, Hardware) {
        let slot = Slot::new(far);
        let board = Board { slot: slot.clone(), _badge: badge };
        (slot, Hardware::Uio(Box::new(board)))
    }
}
