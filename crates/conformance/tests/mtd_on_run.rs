//! The mtd class on the run front.

#[path = "witness/mtd.rs"]
mod mtd;
mod on_front;

use std::process::ExitCode;

fn main() -> ExitCode {
    on_front::main_on_run::<mtd::Mtd>()
}
