//! The tpm class on the run front.

mod on_front;
#[path = "witness/tpm.rs"]
mod tpm;

use std::process::ExitCode;

fn main() -> ExitCode {
    on_front::main_on_run::<tpm::Tpm>()
}
