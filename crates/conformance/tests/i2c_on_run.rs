//! The i2c class on the run front.

#[path = "i2c_on_run/bus.rs"]
mod bus;
#[path = "i2c_on_run/class.rs"]
mod class;
mod on_front;

use std::process::ExitCode;

fn main() -> ExitCode {
    on_front::main_on_run::<class::I2c>()
}
