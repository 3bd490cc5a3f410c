//! i2c and input on the serve front.

#[path = "witness/i2c.rs"]
mod i2c;
#[path = "witness/input.rs"]
mod input;
mod on_front;

use on_front::{agent::Agent, served};
use outlive_conformance::run_all_if_asked;
use outlive_host::{
    front::serve,
    lab::{Lab, LabConfig},
};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut serving = None;
    let subjects = || {
        let lab = Lab::start(&LabConfig::default()).expect("an empty lab");
        // Before our signals are blocked, which children inherit.
        let agent = Agent::start_beside(&lab);
        serving = Some((serve::start(&lab).unwrap_or_else(|error| panic!("{error}")), agent.clone()));
        vec![served::<i2c::I2c>(&lab, &agent), served::<input::Input>(&lab, &agent)]
    };
    let code = run_all_if_asked("on serve", "needs root and /dev/cuse: cargo xtask guest", subjects);
    if let Some((serving, agent)) = serving {
        agent.end();
        drop(serving);
    }
    code
}
