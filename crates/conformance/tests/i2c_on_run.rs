//! The i2c class on the run front.

#[path = "witness/i2c.rs"]
mod i2c;
mod on_front;

use std::process::ExitCode;

fn main() -> ExitCode {
    on_front::main_on_run::<i2c::I2c>()
}
