//! Hosts that do what they must not, and command lines that cannot be.

use crate::{
    Server, ended,
    host::{Host, area, packet, pair, reach, send_with, start},
    outlive, started,
};
use outlive_classes::{i2c::Message, mtd::Command as Flash};
use outlive_protocol::{Class, Header, Kind, Request, host::Session};
use rustix::net::{SendFlags, send};
use std::{
    os::fd::{AsRawFd, OwnedFd},
    process::Output,
};

/// A frame of the protocol, of whatever it is said to be made of.
fn frame(kind: u16, number: u64, data: u32, rest: &[u8]) -> Vec<u8> {
    let mut frame = [kind.to_le_bytes(), 1_u16.to_le_bytes()].concat();
    frame.extend((24 + rest.len() as u32).to_le_bytes());
    frame.extend(number.to_le_bytes());
    frame.extend(0_u32.to_le_bytes());
    frame.extend(data.to_le_bytes());
    frame.extend(rest);
    frame
}

/// An operation's rest: its terms, and what it is.
fn terms(limit: u32, place: (u32, u32), words: &[u32]) -> Vec<u8> {
    let mut rest = 1_000_000_000_u64.to_le_bytes().to_vec();
    [limit, place.0, place.1, 0].iter().chain(words).for_each(|word| rest.extend(word.to_le_bytes()));
    rest
}

/// A server that has been told something that cannot be says so to its host and on its standard error, and exits with 1.
fn check(what: &str, spec: &str, class: Class, bad: impl FnOnce(&mut Host)) {
    let (mut child, mut host) = started(spec, class);
    bad(&mut host);
    let mut last = None;
    loop {
        // Not by the session, which has not sent all of this.
        let packet = packet(&host.socket).expect("an end");
        match Header::parse(&packet).map(|(header, text)| (header.kind, text)) {
            _ if packet.is_empty() => break,
            Ok((Kind::Log, text)) => last = Some(String::from_utf8_lossy(text).into_owned()),
            Ok((kind, _)) => assert!(kind == Kind::Goodbye || kind.is_answer(), "{kind:?}"),
            Err(violation) => panic!("{violation}"),
        }
    }
    let (status, said) = ended(&mut child);
    assert_eq!(status.code(), Some(1), "{said}");
    let expected = format!("outlive: the host {what}; its connection is closed\n");
    assert_eq!(said, expected);
    // Where the rest of what the host has sent was thrown away unread, the kernel may take these along.
    if let Some(log) = last {
        assert_eq!(log, format!("it leaves: the host {what}"));
    }
}

fn check_frame(what: &str, frame: Vec<u8>) {
    check(what, "mtd:nor,size=1MiB,erase=64KiB", Class::Mtd, |host| {
        send(&host.socket, &frame, SendFlags::NOSIGNAL).unwrap();
    });
}

#[test]
fn frames_that_are_none_end_it() {
    check_frame("sent a frame that is cut short", vec![1, 2, 3]);
    check_frame("sent a packet that is too long for a frame", vec![0; 70_000]);
    check_frame("sent a frame of type 0x77, which there is not", frame(0x77, 0, 0, &[]));
    check_frame("sent a frame of type Hello where none may come", frame(1, 0, 0, &[]));
    check_frame("sent a frame of type ReadAnswer where none may come", frame(0x8020, 1, 0, &[]));
    let mut version = frame(3, 0, 0, &[]);
    version[2] = 9;
    check_frame("speaks version 9 of the protocol; this is version 1", version);
    let mut length = frame(3, 0, 0, &[]);
    length[4] = 99;
    check_frame("sent a frame of 24 bytes that says that it has 99", length);
    check_frame("answered operation 7, which it was not given", frame(4, 7, 0, &[]));
}

#[test]
fn operations_that_cannot_be_end_it() {
    let read = |words: &[u32], place| frame(0x20, 1, 0, &terms(4096, place, words));
    let length = |length: u32| [0, 0, length, 0, 0, 0];
    check_frame("sent operation 1 with a place that is not in the area", read(&length(4096), (u32::MAX - 10, 4096)));
    check_frame("sent operation 1, which cannot be", read(&length(5000), (0, 0)));
    check_frame("sent operation 1, which cannot be", frame(0x20, 1, 0, &terms(u32::MAX, (0, 0), &length(u32::MAX))));
    check_frame(
        "sent a frame of type Transfer where none may come",
        frame(0x10, 1, 0, &terms(0, (0, 0), &[1, 0, 0, 0])),
    );
    // Beyond the end; not in erase blocks; more than a number has room for.
    check_frame("sent operation 1, which cannot be", frame(0x20, 1, 0, &terms(16, (0, 0), &[1 << 20, 0, 16, 0, 0, 0])));
    check_frame("sent operation 1, which cannot be", frame(0x22, 1, 0, &terms(0, (0, 0), &[1, 0, 65_536, 0])));
    check_frame(
        "sent operation 1, which cannot be",
        frame(0x22, 1, 0, &terms(0, (0, 0), &[u32::MAX, u32::MAX, 65_536, 0])),
    );
}

#[test]
fn more_than_the_window_ends_it() {
    check("sent more operations than it said that it would", "mtd:nor,tr=1h", Class::Mtd, |host| {
        for number in 1..=65 {
            let read = frame(0x20, number, 0, &terms(16, (0, 0), &[0, 0, 16, 0, 0, 0]));
            // It may have left already.
            let _ = send(&host.socket, &read, SendFlags::NOSIGNAL);
        }
    });
}

#[test]
fn descriptors_that_nobody_asked_for_end_it() {
    check("sent descriptors, which nobody asked for", "i2c:24c02@0x50", Class::I2c, |host| {
        send_with(&host.socket, &frame(4, 1, 0, &[]), &[&area(4096)]);
    });
}

#[test]
fn operations_after_a_goodbye_end_it() {
    check("goes on after its goodbye", "i2c:24c02@0x50,slow=1h", Class::I2c, |host| {
        host.ask(Request::I2c(vec![Message { address: 0x50, flags: 1, data: vec![0] }]));
        host.session.goodbye();
        host.flush();
        send(&host.socket, &frame(3, 0, 0, &[]), SendFlags::NOSIGNAL).unwrap();
    });
}

/// What a welcome brings has to be memory that cannot become less.
#[test]
fn an_area_that_is_none_ends_it() {
    let (_, welcome) = Session::<()>::new(Class::I2c, 1);
    let file = || OwnedFd::from(std::fs::File::open("/dev/zero").unwrap());
    let (_other, socket) = pair();
    let none = "sent a welcome without the descriptor of the area";
    let cases: [(&str, Vec<OwnedFd>); 5] = [
        (none, vec![]),
        (none, vec![file()]),
        (none, vec![socket]),
        (none, vec![area(4096)]),
        ("sent descriptors, which nobody asked for", vec![area(4 << 20), area(4 << 20)]),
    ];
    for (what, descriptors) in cases {
        let (mut child, socket) = start(outlive("i2c:24c02@0x50"));
        packet(&socket).unwrap();
        send_with(&socket, &welcome, &descriptors.iter().collect::<Vec<_>>());
        let (status, said) = ended(&mut child);
        let expected = format!("outlive: the host {what}; its connection is closed\n");
        assert_eq!((status.code(), said), (Some(1), expected));
    }
}

/// A host that does not read is cut off, and the next one finds the driver as it should be.
#[test]
fn a_host_that_does_not_read_loses_its_connection_and_nobody_else() {
    let server = Server::listening("mtd:nor,size=1MiB,erase=64KiB");
    let host = server.greet(Class::Mtd);
    let mut number = 0;
    let mut sent = |size: u32| {
        number += 1;
        let read = frame(0x20, number, 0, &terms(size, (0, 0), &[0, 0, size, 0, 0, 0]));
        send(&host.socket, &read, SendFlags::NOSIGNAL).is_ok()
    };
    while sent(16_384) {}
    let mut next = server.greet(Class::Mtd);
    let locked = Flash::IsLocked { at: 0, length: 65_536 };
    next.carry_out(Request::Mtd(locked));
    next.part();
    assert!(server.stop().0.success());
}

#[test]
fn hosts_that_are_confused_do_not_keep_the_next_one_out() {
    let server = Server::listening("i2c:24c02@0x50");
    for bad in [vec![0; 24], vec![1], frame(2, 0, 0, &[0; 32])] {
        let socket = reach(&server.path());
        send(&socket, &bad, SendFlags::NOSIGNAL).unwrap();
    }
    drop(reach(&server.path()));
    server.greet(Class::I2c).part();
    let (status, said) = server.stop();
    assert!(status.success() && said.matches("its connection is closed").count() == 3, "{said}");
}

fn refused(arguments: &str) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = outlive(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn what_cannot_be_served_says_why() {
    let cases = [
        ("i2c:24c02@0x50", 2, "where is the host? --socket PATH listens there; --fd N, or OUTLIVE_DRIVER_FD, is"),
        ("--fd 3", 2, "the following required arguments were not provided:"),
        ("i2c:24c02@0x50 --fd 3 --socket x", 2, "the argument '--fd <N>' cannot be used with '--socket <PATH>'"),
        ("uio:timer --fd 3", 1, "uio cannot be served to a host; i2c, mtd and tpm can"),
        ("input:keyboard --fd 3", 1, "input cannot be served to a host; i2c, mtd and tpm can"),
        ("i2c:24c99@0x50 --fd 3", 1, "--device i2c:24c99@0x50: there is no chip \"24c99\""),
        (
            "i2c:24c02@0x50 mtd:nor --fd 3",
            1,
            "a server has one device, and these are 2; chips of one bus have the same",
        ),
        ("mtd:nor,parts=64KiB --fd 3", 1, "`parts` is said where the device is plugged in: to the host"),
        ("i2c:24c02@0x50,mode=0660 --fd 3", 1, "`mode` is said where the device is plugged in: to the host"),
        ("i2c:24c02@0x50 --fd 77", 1, "descriptor 77 is not open; a host that starts a server gives it a socket"),
        ("i2c:24c02@0x50 --fd 0", 1, "descriptor 0 is not open"),
        ("i2c:24c02@0x50 --socket /no/such/folder/socket", 1, "cannot listen at /no/such/folder/socket: No such file"),
        (
            "i2c:24c02@0x50 --socket /etc/passwd",
            1,
            "cannot listen at /etc/passwd: there is something else; remove it, or",
        ),
    ];
    for (line, code, what) in cases {
        let (status, said) = refused(line);
        assert_eq!(status, Some(code), "{line}: {said}");
        assert!(said.contains(what), "{line}: {said}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let (status, said) = refused(&format!("i2c:24c02@0x50 --socket {}", file.path().display()));
    assert!(status == Some(1) && said.contains("there is something else; remove it, or choose another path"), "{said}");
    assert!(file.path().metadata().unwrap().is_file());
    let mut command = outlive("i2c:24c02@0x50");
    let output = command.env("OUTLIVE_DRIVER_FD", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "outlive: OUTLIVE_DRIVER_FD=x is no number of a descriptor\n");
}

#[test]
fn a_descriptor_to_no_host_says_what_it_should_be() {
    let (_ours, theirs) = rustix::pipe::pipe().unwrap();
    rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty()).unwrap();
    let (status, said) = refused(&format!("i2c:24c02@0x50 --fd {}", theirs.as_raw_fd()));
    assert_eq!(status, Some(1));
    assert!(
        said.contains("is no socket; a host that starts a server gives it a socket of type SOCK_SEQPACKET"),
        "{said}"
    );
}

#[test]
fn a_socket_that_was_left_behind_is_no_obstacle_and_one_in_use_is() {
    let mut server = Server::listening("i2c:24c02@0x50");
    server.greet(Class::I2c).part();
    let (status, said) = refused(&format!("i2c:24c02@0x50 --socket {}", server.path().display()));
    assert!(status == Some(1) && said.contains("another server listens there; choose another path"), "{said}");
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(server.path().exists(), "it was killed");
    let mut command = outlive("i2c:24c02@0x50");
    server.child = command.arg("--socket").arg(server.path()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    server.greet(Class::I2c).part();
    assert!(server.stop().0.success());
}
