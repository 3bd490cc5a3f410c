//! The control socket, from the outside: what is asked is done, and no client keeps another waiting.

use outlive_host::{
    control::{self, ConnectError, Heard, How, LONGEST_REQUEST, Removal, RequestError, Server, StartError},
    lab::{Lab, LabConfig, Lookup, Source, State, parse_spec},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixStream},
    },
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// A lab with an EEPROM on bus 7, under a name of its own.
fn lab() -> (Arc<Lab>, Server) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let source = Source::Spec("i2c:24c02@0x50,bus=7".to_owned());
    let lab = Lab::start(&LabConfig::new(&[source], Some(&name), None).unwrap()).unwrap();
    let server = Server::start(lab.clone()).unwrap();
    (lab, server)
}

fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn raw(lab: &Lab) -> UnixStream {
    let name = format!("outlive/{}/{}", uid(), lab.name());
    let stream = UnixStream::connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// That the lab still answers, and at once.
fn answers(lab: &Lab) {
    let begin = Instant::now();
    let devices = control::connect(Some(lab.name())).unwrap().list(&[]).unwrap();
    assert_eq!(devices.len(), 1);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn a_lab_is_listed_unplugged_and_plugged() {
    let (lab, _server) = lab();
    let mut client = control::connect(Some(lab.name())).unwrap();
    let devices = client.list(&names(&["/dev/i2c-7"])).unwrap();
    assert_eq!((devices[0].name.as_str(), devices[0].generation, &devices[0].state), ("i2c-7", 1, &State::Running));

    let removals = client.unplug(&names(&["i2c-7", "i2c-8"]), &How::default()).unwrap();
    assert!(matches!(&removals[0], Removal::Gone { generation: 1, handles: 0, already: false, .. }), "{removals:?}");
    assert!(matches!(&removals[1], Removal::Unknown { name, .. } if name == "i2c-8"), "{removals:?}");
    assert!(matches!(lab.find("/dev/i2c-7"), Lookup::Gone));
    assert_eq!(client.list(&names(&["i2c-7"])).unwrap(), [], "known, but nothing of it is left");

    assert_eq!(client.plug_name("i2c-7").unwrap(), "i2c-7");
    assert_eq!(client.plug(&parse_spec("i2c:lm75@0x48,bus=8", "here").unwrap()).unwrap(), "i2c-8");
    assert_eq!(client.list(&[]).unwrap().iter().map(|device| device.generation).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn what_cannot_be_done_is_said() {
    let (lab, _server) = lab();
    let mut client = control::connect(Some(lab.name())).unwrap();
    let spec = |text| parse_spec(text, text).unwrap();
    let refused = [
        client.list(&names(&["i2c-9"])).map(drop),
        client.plug_name("i2c-9").map(drop),
        client.plug_name("i2c-7").map(drop),
        client.plug(&spec("i2c:24c02@0x51,bus=7")).map(drop),
        client.plug(&spec("i2c:24c99@0x51")).map(drop),
    ];
    let wanted = [
        "i2c-9: no such device; this lab has i2c-7",
        "i2c-9: no such device; this lab has i2c-7",
        "i2c-7 is plugged in; unplug it first (a chip cannot be added to a bus that is in use)",
        "i2c-7 is plugged in; unplug it first (a chip cannot be added to a bus that is in use)",
        "i2c:24c99@0x51: there is no chip \"24c99\"; known chips: ",
    ];
    for (result, wanted) in refused.into_iter().zip(wanted) {
        let Err(RequestError::Refused(message)) = result else { panic!("{result:?}, not {wanted}") };
        assert!(message.starts_with(wanted), "{message}");
    }
}

#[test]
fn events_are_heard_as_they_happen() {
    let (lab, server) = lab();
    let mut all = control::connect(Some(lab.name())).unwrap().events(&[]).unwrap();
    let mut other = control::connect(Some(lab.name())).unwrap().events(&names(&["i2c-8"])).unwrap();
    let mut client = control::connect(Some(lab.name())).unwrap();
    client.unplug(&names(&["i2c-7"]), &How { orderly: true, ..How::default() }).unwrap();
    client.plug_name("i2c-7").unwrap();
    client.plug(&parse_spec("i2c:lm75@0x48,bus=8", "here").unwrap()).unwrap();
    let heard = |stream: &mut control::EventStream| match stream.next() {
        Some(Ok(Heard::Event(event))) => {
            format!("{} {} {} {}", event.name, event.generation, event.change, event.reason.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(heard(&mut all), "i2c-7 1 unplugged removed in good order");
    assert_eq!(heard(&mut all), "i2c-7 2 plugged ");
    assert_eq!(heard(&mut all), "i2c-8 1 plugged ");
    assert_eq!(heard(&mut other), "i2c-8 1 plugged ", "the others are not asked for");
    drop(server);
    assert!(all.next().is_none() && other.next().is_none(), "the lab has ended");
}

#[test]
fn a_name_is_taken_as_long_as_its_lab_runs() {
    let (lab, server) = lab();
    let second = Server::start(lab.clone());
    assert!(matches!(&second, Err(StartError::NameTaken(name)) if name == lab.name()), "{second:?}");
    assert!(control::running(uid()).unwrap().contains(&lab.name().to_owned()));
    drop(server);
    assert!(!control::running(uid()).unwrap().contains(&lab.name().to_owned()));
    let error = control::connect(Some(lab.name())).unwrap_err();
    assert!(matches!(error, ConnectError::NotFound { .. }), "{error}");
    drop(Server::start(lab).expect("the name is free again"));
}

#[test]
fn without_a_name_several_labs_are_listed() {
    // Other tests have their labs at the same time; two at least are ours.
    let (first, _first) = lab();
    let (second, _second) = lab();
    let Err(ConnectError::Several(labs)) = control::connect(None) else { panic!("there are several") };
    assert!(labs.contains(&first.name().to_owned()) && labs.contains(&second.name().to_owned()), "{labs:?}");
}

/// Sends `bytes` and reads what comes until the lab hangs up.
fn told(lab: &Lab, bytes: &[u8]) -> String {
    let mut stream = raw(lab);
    // A lab that has heard enough hangs up before everything is written.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn nonsense_is_answered_and_hung_up_on() {
    let (lab, _server) = lab();
    let deep = [b"{\"x\":".to_vec(), b"[".repeat(LONGEST_REQUEST / 2), b"\n".to_vec()].concat();
    let cases: [(&[u8], &str); 9] = [
        (b"\n", "not a request"),
        (b"hello\n", "not a request"),
        (b"{\"do\":\"dance\"}\n", "unknown variant `dance`"),
        (b"{\"do\":\"list\",\"name\":\"i2c-7\"}\n", "unknown field `name`"),
        (b"\xff\xfe\x00\x01\n", "not a request"),
        (&deep, "recursion limit"),
        (b"{\"do\":\"unplug\",\"names\":[\"i2c-7\"],\"deadline\":-1}\n", "not a time"),
        (b"{\"do\":\"unplug\",\"names\":[\"i2c-7\"],\"deadline\":1e300}\n", "not a time"),
        (b"{\"do\":\"list\"", ""),
    ];
    for (bytes, wanted) in cases {
        let answer = told(&lab, bytes);
        assert!(answer.contains(wanted) && answer.is_empty() == wanted.is_empty(), "{answer:?}, not {wanted:?}");
        answers(&lab);
    }
}

#[test]
fn a_request_without_end_is_not_kept() {
    let (lab, _server) = lab();
    let mut stream = raw(&lab);
    let begin = Instant::now();
    let mut sent = 0;
    // Far more than a lab should ever hold of one line.
    while sent < 64 * LONGEST_REQUEST {
        match stream.write(&[b' '; 4096]) {
            Ok(n) => sent += n,
            Err(_) => break,
        }
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
    assert!(sent < 64 * LONGEST_REQUEST, "the lab took {sent} bytes");
    answers(&lab);
}

#[test]
fn silent_clients_stop_nobody() {
    let (lab, _server) = lab();
    let mut silent: Vec<_> = (0..200).map(|_| raw(&lab)).collect();
    answers(&lab);
    for stream in &mut silent {
        // Those that were hung up on are no loss; the others have begun a request, and do not go on.
        let _ = stream.write_all(b"{\"do\":");
    }
    answers(&lab);
    let before = threads();
    assert!(before < 200, "{before} threads serve clients that say nothing");
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn clients_that_do_not_read_stop_nobody() {
    let (lab, _server) = lab();
    let _streams: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = raw(&lab);
            stream.set_nonblocking(true).unwrap();
            let request = b"{\"do\":\"list\"}\n".repeat(1000);
            // Until the queues in both directions are full.
            while stream.write(&request).is_ok() {}
            stream
        })
        .collect();
    answers(&lab);
}

#[test]
fn one_connection_takes_many_requests() {
    let (lab, _server) = lab();
    let mut stream = raw(&lab);
    // In pieces, and two in one write.
    stream.write_all(b"{\"do\":").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    stream.write_all(b"\"list\"}\n{\"do\":\"list\",\"names\":[\"i2c-7\"]}\n").unwrap();
    let lines: Vec<_> = BufReader::new(stream).lines().take(2).map(Result::unwrap).collect();
    assert_eq!(lines[0], lines[1]);
    assert!(lines[0].starts_with("{\"devices\":[{\"name\":\"i2c-7\""), "{}", lines[0]);
}

#[test]
fn nothing_is_left_when_the_lab_ends() {
    let (lab, server) = lab();
    let weak = Arc::downgrade(&lab);
    let _silent: Vec<_> = (0..10).map(|_| raw(&lab)).collect();
    let stream = control::connect(Some(lab.name())).unwrap().events(&[]).unwrap();
    answers(&lab);
    drop(lab);
    let begin = Instant::now();
    drop(server);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(weak.upgrade().is_none(), "a thread holds the lab");
    drop(stream);
}
