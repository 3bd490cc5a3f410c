//! drm, i2c, input, mtd, tpm and uio on the run front, with their drivers in the same process.

#[path = "witness/drm.rs"]
mod drm;
#[path = "witness/i2c.rs"]
mod i2c;
#[path = "witness/input.rs"]
mod input;
#[path = "witness/mtd.rs"]
mod mtd;
mod on_front;
#[path = "witness/tpm.rs"]
mod tpm;
#[path = "witness/uio.rs"]
mod uio;

use on_front::agent::Agent;
use outlive_classes::Contract;
use outlive_conformance::run_all;
use outlive_host::lab::{Lab, LabConfig};
use std::process::ExitCode;

fn main() -> ExitCode {
    let lab =
        Lab::start(&LabConfig { contract: Some(Contract::Strict), ..LabConfig::default() }).expect("an empty lab");
    let agent = Agent::start_on_run(&lab);
    let run = ("run", "on run");
    let code = run_all(&[
        on_front::claimed::<drm::Drm>(run, &lab, &agent),
        on_front::claimed::<i2c::I2c>(run, &lab, &agent),
        on_front::claimed::<input::Input>(run, &lab, &agent),
        on_front::claimed::<mtd::Mtd>(run, &lab, &agent),
        on_front::claimed::<tpm::Tpm>(run, &lab, &agent),
        on_front::claimed::<uio::Uio>(run, &lab, &agent),
    ]);
    agent.end();
    code
}
