//! The i2c class on the serve front.

#[path = "witness/i2c.rs"]
mod i2c;
mod on_front;

use std::process::ExitCode;

fn main() -> ExitCode {
    on_front::main_on_serve::<i2c::I2c>()
}
