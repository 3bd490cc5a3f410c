//! i2c, mtd and tpm on the run front, with their drivers in servers: the far end of each is here, as if the driver were, by a
//! line of its own from the server (`on_front/line.rs`).
//!
//! For a class the driver is the proxy, and the fence is around that: behind it nothing is asked of the server any more but
//! to let go, and nothing that it says reaches a user. What the server itself still does is outside, and no removal waits for
//! it; so two statements cannot be checked at the far end, which is the server's, and say so. A server that is killed in
//! the middle of it all is what `dying_servers.rs` is about.

#[path = "in_server/far.rs"]
mod far;
#[path = "witness/i2c.rs"]
mod i2c;
#[path = "witness/mtd.rs"]
mod mtd;
mod on_front;
#[path = "in_server/served.rs"]
mod served;
#[path = "witness/tpm.rs"]
mod tpm;

use on_front::{Class, agent::Agent, line::Line, wires::Wires};
use outlive_classes::Hardware;
use outlive_conformance::{Badge, run_all};
use outlive_host::{
    driving::Driving,
    lab::{Lab, LabConfig},
};
use served::InServer;
use std::{env, path::Path, process::ExitCode, sync::Arc, thread};

/// The first word of a server's command.
const SERVER: &str = "--server";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match &words[..] {
        [word, class, path, place] if word == SERVER => serve(class, Path::new(path), place),
        _ => check(),
    }
}

fn check() -> ExitCode {
    let lab = Lab::start(&LabConfig::default()).expect("an empty lab");
    let agent = Agent::start_on_run(&lab);
    let server = ("server", "in a server");
    let subjects = [
        on_front::claimed::<InServer<i2c::I2c>>(server, &lab, &agent),
        on_front::claimed::<InServer<mtd::Mtd>>(server, &lab, &agent),
        on_front::claimed::<InServer<tpm::Tpm>>(server, &lab, &agent),
    ];
    let code = run_all(&subjects);
    agent.end();
    far::leave();
    code
}

fn witness(class: &str, wires: Arc<Wires>) -> Hardware {
    // It goes with this process.
    let badge = Badge::new();
    match class {
        i2c::I2c::NAME => i2c::I2c::witness(wires, badge),
        mtd::Mtd::NAME => mtd::Mtd::witness(wires, badge),
        tpm::Tpm::NAME => tpm::Tpm::witness(wires, badge),
        _ => unreachable!("a class that can be served"),
    }
}

/// Is the server of the device in that place.
fn serve(class: &str, path: &Path, place: &str) -> ExitCode {
    let line = Line::new(path, place);
    let wires = Wires::along(&line);
    let witness = witness(class, wires.clone());
    let driving = Driving::of(witness).expect("a driver that can be served");
    thread::spawn(move || line.obey(|| on_front::Socket::notice(&*wires)));
    let ended = driving.serve_descriptor(3);
    ended.map_or_else(|why| panic!("{why}"), |_| ExitCode::SUCCESS)
}
