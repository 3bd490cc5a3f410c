//! One host after the other, and how each of them leaves.

use crate::{
    Server,
    calls::{got, read, write},
    ended,
    host::Other,
    started,
};
use outlive_classes::mtd::{Command, Done, Mode, Region};
use outlive_protocol::{Class, Reply, Request};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;

fn first() -> Request {
    Request::Mtd(Command::Read { at: 0, length: 4, spare: Region::default(), mode: Mode::Place })
}

fn program(data: &[u8]) -> Request {
    let (data, spare) = (data.to_vec(), Vec::new());
    Request::Mtd(Command::Program { at: 0, data, spare_from: 0, spare, mode: Mode::Place })
}

fn data(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Mtd(Ok(Done::Read(found))) => found.data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hosts_come_one_after_the_other_and_find_what_the_last_one_left() {
    let server = Server::listening("i2c:24c02@0x50");
    let mut host = server.greet(Class::I2c);
    let mode = server.path().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "whoever may connect has the device");
    host.carry_out(Request::I2c(vec![write(0x50, &[0, 1, 2])]));
    host.part();
    let mut host = server.greet(Class::I2c);
    assert_eq!(got(host.carry_out(Request::I2c(vec![write(0x50, &[0]), read(0x50, 2)]))), [1, 2]);
    drop(host);
    let mut host = server.greet(Class::I2c);
    assert_eq!(got(host.carry_out(Request::I2c(vec![read(0x50, 1)]))), [0xff], "the chip has kept its position");
    drop(host);
    // It has said of one what became of it before it greets the next.
    let _last = server.greet(Class::I2c);
    let (status, said) = server.stop();
    let lines: Vec<_> = said.lines().skip(1).take(3).collect();
    let closed = "outlive: the host closed the connection";
    assert_eq!(lines, ["outlive: the host removed the device in good order", closed, closed]);
    assert!(status.success());
}

/// What was under way is left half done, as by a pull: of this flash, nothing of a unit that is not finished.
#[test]
fn a_connection_that_is_lost_is_a_pull() {
    let server = Server::listening("mtd:nor,size=64KiB,erase=4KiB,tprog=1h");
    let mut host = server.greet(Class::Mtd);
    host.ask(program(&[1, 2, 3, 4]));
    host.ask(first());
    drop(host);
    let mut host = server.greet(Class::Mtd);
    assert_eq!(data(host.carry_out(first())), [0xff; 4]);
    drop(host);
    assert!(server.stop().0.success());
}

#[test]
fn another_life_begins_on_the_same_connection() {
    let (mut child, mut host) = started("mtd:nor,size=64KiB,erase=4KiB,tbers=1h", Class::Mtd);
    host.carry_out(program(&[1, 2, 3, 4]));
    host.ask(Request::Mtd(Command::Erase { at: 0, length: 4096 }));
    host.session.again();
    host.flush();
    let hello = host.hello.clone();
    assert_eq!(host.other(), Other::Hello(hello));
    host.session.welcome_again(2);
    assert_eq!(data(host.carry_out(first())), [1, 2, 3, 4], "the erase was stopped by the pull");
    host.part();
    assert!(ended(&mut child).0.success());
}

/// What cannot be finished is answered, the host is told, and the driver has had its last word.
#[test]
fn a_signal_ends_it_in_good_order() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut server = Server::listening("i2c:24c02@0x50,slow=1h");
        let mut host = server.greet(Class::I2c);
        let number = host.ask(Request::I2c(vec![read(0x50, 1)]));
        // It has it, since it hears in order: a second one is cancelled and answered.
        let second = host.ask(Request::I2c(vec![read(0x50, 1)]));
        host.session.cancel(second);
        host.flush();
        assert_eq!(host.hear_now(), None);
        server.signal(signal);
        assert!(matches!(host.reply(number), Reply::I2c(Err(_))));
        let told = Other::Log("it leaves: a signal asked for the end".into());
        assert_eq!([host.other(), host.other(), host.other()], [told, Other::Goodbye, Other::End]);
        assert!(ended(&mut server.child).0.success());
        assert!(!server.path().exists());
    }
}

#[test]
fn a_signal_ends_it_while_nobody_is_there() {
    let server = Server::listening("i2c:24c02@0x50");
    server.greet(Class::I2c).part();
    assert!(server.stop().0.success());
}

/// The content of a file is as good as if the device were in the lab.
#[test]
fn a_file_keeps_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flash.bin");
    let spec = format!("mtd:nor,size=64KiB,erase=4KiB,file={}", file.display());
    let (mut child, mut host) = started(&spec, Class::Mtd);
    host.carry_out(program(&[9, 8]));
    host.part();
    assert!(ended(&mut child).0.success());
    assert_eq!(std::fs::read(file).unwrap()[..3], [9, 8, 0xff]);
}
