//! The server in Python, which knows the document and nothing else.

use crate::{
    calls::{got, read, write},
    ended,
    host::{Host, Other, reach, start},
    root,
};
use outlive_classes::i2c::Error;
use outlive_protocol::{Class, Reply, Request};
use std::process::{Child, Command};

fn python() -> Command {
    let mut command = Command::new("python3");
    command.arg(root().join("examples/driver_servers/eeprom.py"));
    command
}

/// All that a host asks, and what it should hear.
fn check(host: &mut Host) {
    assert_eq!(host.hello.name, "EEPROM in Python");
    let mut ask = |messages| host.carry_out(Request::I2c(messages));
    assert_eq!(got(ask(vec![write(0x50, &[0]), read(0x50, 256)])), [0xff; 256]);
    ask(vec![write(0x50, &[6, 1, 2, 3])]);
    assert_eq!(got(ask(vec![write(0x50, &[0]), read(0x50, 9)])), [3, 255, 255, 255, 255, 255, 1, 2, 255], "its page");
    assert_eq!(ask(vec![read(0x51, 1)]), Reply::I2c(Err(Error::NoAcknowledge)));
    assert_eq!(got(ask(vec![write(0x50, &[255]), read(0x50, 2)])), [255, 3], "it goes round");
    // Some of these are in the area.
    for length in [1, 8192] {
        let messages = (0..42).map(|_| read(0x50, length)).collect();
        assert_eq!(got(ask(messages)).len(), length);
    }
    let writes = (0..42).map(|_| write(0x50, &[9; 8192])).collect();
    assert!(matches!(ask(writes), Reply::I2c(Ok(_))));
    assert_eq!(got(ask(vec![write(0x50, &[8]), read(0x50, 8)])), [9; 8]);
}

fn end(mut child: Child) {
    let (status, said) = ended(&mut child);
    assert!(status.success() && said.is_empty(), "{status}: {said}");
}

#[test]
fn it_keeps_to_the_protocol() {
    let (child, socket) = start(python());
    let mut host = Host::greet(socket, Class::I2c);
    check(&mut host);
    host.session.again();
    host.flush();
    let hello = host.hello.clone();
    assert_eq!(host.other(), Other::Hello(hello));
    host.session.welcome_again(2);
    assert_eq!(got(host.carry_out(Request::I2c(vec![write(0x50, &[8]), read(0x50, 8)]))), [9; 8]);
    host.part();
    end(child);
}

#[test]
fn it_ends_with_its_host() {
    let (child, socket) = start(python());
    drop(Host::greet(socket, Class::I2c));
    end(child);
}

#[test]
fn it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut command = python();
    let mut child = command.arg(&path).stderr(std::process::Stdio::piped()).spawn().unwrap();
    check(&mut Host::greet(reach(&path), Class::I2c));
    let mut host = Host::greet(reach(&path), Class::I2c);
    assert_eq!(got(host.carry_out(Request::I2c(vec![write(0x50, &[8]), read(0x50, 8)]))), [9; 8]);
    host.part();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    assert!(ended(&mut child).0.success());
}

#[test]
fn it_is_as_short_as_it_is_said_to_be() {
    let text = std::fs::read_to_string(root().join("examples/driver_servers/eeprom.py")).unwrap();
    assert!(text.lines().count() < 100);
}
