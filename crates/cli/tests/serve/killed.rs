//! Sudden and less sudden ends: of clients, and of the one who serves.

use crate::stage::{Client, Serve, bus, eeprom, node, slow, tool, until};
use rustix::process::Signal;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_client_that_is_killed_inside_a_call_is_let_go() {
    let (bus, other) = (bus(), bus());
    let serve = Serve::with(&[slow(bus), eeprom(bus), eeprom(other)]);
    for script in [
        "fd = os.open(path, os.O_RDWR); fcntl.ioctl(fd, I2C_SLAVE, 0x48); say('ready'); os.read(fd, 1)",
        "from smbus2 import SMBus\nbus = SMBus(path); say('ready'); bus.read_byte_data(0x48, 0)",
    ] {
        let mut client = Client::start(bus, script);
        client.says("ready");
        serve.is_entered();
        let begin = Instant::now();
        client.child.kill().unwrap();
        client.child.wait().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        until("its handle is closed", || {
            let listed = String::from_utf8(serve.control(&["ls", "--json"]).stdout).unwrap();
            !listed.contains("\"handles\":1")
        });
    }
    assert_eq!(tool(&format!("i2cget -y {bus} 0x50 0")), "0xff\n");
    assert_eq!(tool(&format!("i2cget -y {other} 0x50 0")), "0xff\n");
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn after_a_kill_of_the_broker_another_takes_its_place() {
    let bus = bus();
    let folder = Path::new("/dev/input/event28");
    let mut serve = Serve::with(&[eeprom(bus), "input:mouse,num=28".to_owned()]);
    let script = "
fd = os.open(path, os.O_RDWR)
say('ready'); wait()
say(call(fcntl.ioctl, fd, I2C_SLAVE, 0x50), polled(fd))
wait()
say(call(fcntl.ioctl, fd, I2C_SLAVE, 0x50))
again = os.open(path, os.O_RDWR)
say(call(fcntl.ioctl, again, I2C_SLAVE, 0x50))
";
    let mut client = Client::start(bus, script);
    client.says("ready");
    let former = fs::read_link(node(bus)).unwrap();
    serve.child.kill().unwrap();
    serve.child.wait().unwrap();
    client.go_on();
    // What the kernel says of a connection without a server.
    client.says("ENOTCONN [8]");
    for link in [Path::new(&node(bus)), folder] {
        assert!(fs::symlink_metadata(link).is_ok() && fs::metadata(link).is_err(), "{link:?} leads nowhere");
    }
    let other = crate::stage::bus();
    // Any lab that starts removes it.
    let beside = Serve::with(&[eeprom(other)]);
    assert!(fs::symlink_metadata(node(bus)).is_err() && fs::symlink_metadata(folder).is_err());
    let again = Serve::with(&[eeprom(bus)]);
    assert_ne!(fs::read_link(node(bus)).unwrap(), former);
    client.go_on();
    client.says("ENOTCONN");
    client.says("0");
    client.ends();
    assert_eq!(tool(&format!("i2cget -y {bus} 0x50 0")), "0xff\n");
    beside.stop();
    again.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn sigterm_and_sigint_take_everything_away() {
    for signal in [Signal::TERM, Signal::INT] {
        let (bus, other) = (bus(), bus());
        let mut serve = Serve::with(&[eeprom(bus), eeprom(other)]);
        let target = fs::canonicalize(node(bus)).unwrap();
        assert!(target.exists());
        serve.signal(signal);
        let (status, said) = serve.wait();
        assert!(status.success() && said.is_empty(), "{status:?} {said}");
        assert!(fs::symlink_metadata(node(bus)).is_err() && fs::symlink_metadata(node(other)).is_err());
        assert!(!target.exists());
    }
}

/// Somebody has to answer for what is open; until nothing is, or a second signal.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn zombies_are_answered_for_until_they_are_closed() {
    for patient in [true, false] {
        let bus = bus();
        let mut serve = Serve::with(&[eeprom(bus)]);
        let script = "
fd = os.open(path, os.O_RDWR)
say('ready'); wait()
say(call(fcntl.ioctl, fd, I2C_SLAVE, 0x50), polled(fd)); wait()
say(call(fcntl.ioctl, fd, I2C_SLAVE, 0x50))
";
        let mut client = Client::start(bus, script);
        client.says("ready");
        serve.signal(Signal::TERM);
        until("the name goes", || fs::symlink_metadata(node(bus)).is_err());
        client.go_on();
        client.says("ENODEV [24]");
        assert!(serve.child.try_wait().unwrap().is_none(), "it waits");
        let abandoned = if patient {
            client.go_on();
            client.says("ENODEV");
            client.ends();
            None
        } else {
            serve.signal(Signal::TERM);
            Some(client)
        };
        let (status, said) = serve.wait();
        assert!(status.success(), "{status:?}: {said}");
        assert_eq!(said.contains("left 1 open behind"), abandoned.is_some(), "{said}");
        if let Some(mut client) = abandoned {
            client.go_on();
            client.says("ENOTCONN");
            client.ends();
        }
    }
}
