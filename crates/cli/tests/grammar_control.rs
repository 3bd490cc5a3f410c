//! `ls`, `unplug`, `plug`, `events` against a lab that runs in this process.

use outlive_host::{
    control::{Removal, Reply, Server},
    lab::{Lab, LabConfig, Lookup, OperationReport, Source},
};
use std::{
    io::{BufRead, BufReader, Write},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr, UnixListener},
        },
    },
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

fn lab(name: &str) -> (Arc<Lab>, Server, String) {
    let name = format!("cli-{name}-{}", std::process::id());
    let source = Source::Spec("i2c:24c02@0x50,bus=7".to_owned());
    let lab = Lab::start(&LabConfig::new(&[source], Some(&name), None).unwrap()).unwrap();
    let server = Server::start(lab.clone()).unwrap();
    (lab, server, name)
}

fn command(lab: &str, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlive"));
    command.env("OUTLIVE_LAB", lab).args(line.split_whitespace());
    command
}

fn outlive(lab: &str, line: &str) -> Output {
    command(lab, line).output().unwrap()
}

/// What a command that succeeds prints.
fn prints(lab: &str, line: &str) -> String {
    let output = outlive(lab, line);
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that fails complains.
fn complains(lab: &str, line: &str) -> String {
    let output = outlive(lab, line);
    assert_eq!(output.status.code(), Some(1), "{line}: {}", text(&output.stdout));
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_device_goes_and_comes_back() {
    let (lab, _server, name) = lab("life");
    let Lookup::Here(device) = lab.find("/dev/i2c-7") else { panic!("no bus 7") };
    let open = outlive_classes::OpenFlags { access: outlive_classes::Access::ReadWrite, nonblock: false };
    let _file = device.open(open).unwrap();
    drop(device);

    let heading = "NAME   CLASS  GENERATION  HANDLES  INSIDE  NUMBER  STATE\n";
    assert_eq!(prints(&name, "ls"), format!("{heading}i2c-7  i2c    1           1        0       7 held  running\n"));
    assert_eq!(prints(&name, "ls --handles i2c-7").lines().last(), Some("    1 handle idle"));

    let gone = prints(&name, "unplug /dev/i2c-7 --deadline 10s");
    assert!(gone.starts_with("i2c-7: gone after ") && gone.ends_with("s, 1 handle left\n"), "{gone}");
    let row = prints(&name, "ls");
    assert!(row.contains("i2c-7  i2c    1           1        0       7 held  gone for "), "{row}");
    assert!(row.ends_with(": pulled\n"), "{row}");
    assert_eq!(prints(&name, "unplug i2c-7"), "i2c-7: was gone before, 1 handle left\n");

    assert_eq!(
        complains(&name, "plug i2c:lm75@0x48,bus=7"),
        "outlive: i2c-7: its number is held by 1 handle to a removed device until closed (EBUSY); take another number, \
         or say `plug i2c-7` for the next generation of the same device\n"
    );
    assert_eq!(prints(&name, "plug i2c-7"), "i2c-7: plugged in\n");
    assert_eq!(prints(&name, "-q plug i2c:lm75@0x48,bus=8"), "");
    assert_eq!(prints(&name, "-q unplug i2c-7 i2c-8"), "");
}

#[test]
fn json_is_for_programs() {
    let (_lab, _server, name) = lab("json");
    let json = |line: &str| -> serde_json::Value { serde_json::from_str(&prints(&name, line)).unwrap() };
    let devices = json("ls --json");
    assert_eq!((&devices[0]["name"], &devices[0]["state"]["is"]), (&"i2c-7".into(), &"running".into()));
    let removals = json("--json unplug i2c-7");
    assert_eq!((&removals[0]["result"], &removals[0]["generation"]), (&"gone".into(), &1.into()));
    assert_eq!(json("ls --json"), serde_json::json!([]));
    assert_eq!(json("plug i2c-7 --json"), serde_json::json!({ "plugged": { "name": "i2c-7" } }));
}

#[test]
fn what_cannot_be_done_exits_1() {
    let (_lab, _server, name) = lab("wrong");
    let unknown = "outlive: i2c-9: no such device; this lab has i2c-7\n";
    for line in ["ls i2c-9", "unplug i2c-9", "plug i2c-9"] {
        assert_eq!(complains(&name, line), unknown, "{line}");
    }
    // One that does not exist keeps no other from going.
    let output = outlive(&name, "unplug i2c-9 i2c-7");
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(1), unknown));
    assert!(text(&output.stdout).starts_with("i2c-7: gone after "));
}

#[test]
fn events_are_printed_as_they_happen() {
    let text = ["i2c-7 unplugged, generation 1: pulled", "i2c-7 plugged, generation 2"];
    let json = [
        r#"{"sequence":2,"name":"i2c-7","generation":1,"change":"unplugged","reason":"pulled"}"#,
        r#"{"sequence":3,"name":"i2c-7","generation":2,"change":"plugged"}"#,
    ];
    for (name, line, wanted) in [("events", "events", text), ("events-json", "events i2c-7 --json", json)] {
        let (lab, _server, name) = lab(name);
        let mut child = command(&name, line).stdout(Stdio::piped()).spawn().unwrap();
        wait_for_a_watcher(&lab);
        prints(&name, "unplug i2c-7");
        prints(&name, "plug i2c-7");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!([(); 2].map(|()| lines.next().unwrap().unwrap()), wanted);
        // What nobody reads any more is not written for ever. A process that another test is just starting holds our
        // end of the pipe for a moment longer.
        drop(lines);
        let ended = loop {
            prints(&name, "unplug i2c-7");
            prints(&name, "plug i2c-7");
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
        };
        assert_eq!(ended.code(), Some(1));
    }
}

fn wait_for_a_watcher(lab: &Lab) {
    while !format!("{:?}", lab.events()).contains("watchers: 1") {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn events_end_with_the_lab() {
    let (lab, server, name) = lab("end");
    let mut child = command(&name, "events").stdout(Stdio::piped()).spawn().unwrap();
    wait_for_a_watcher(&lab);
    drop(server);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A lab of one answer, which says that somebody has not left.
fn busy_lab(name: &str) -> std::thread::JoinHandle<String> {
    // /proc/self is its owner's: the effective user.
    let uid = std::fs::metadata("/proc/self").unwrap().uid();
    let address = SocketAddr::from_abstract_name(format!("outlive/{uid}/{name}")).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        BufReader::new(&stream).read_line(&mut request).unwrap();
        let culprit = OperationReport { handle: 3, number: 17, kind: "i2c transfer".into(), seconds: 1.0 };
        let busy = Removal::Busy {
            name: "i2c-7".into(),
            generation: 1,
            seconds: 0.25,
            culprits: vec![culprit],
            message: "the device is dead, but not everybody has left it: operation 17 of handle 3".into(),
            killed: Vec::new(),
        };
        let reply = serde_json::to_string(&Reply::Removals(vec![busy])).unwrap();
        stream.write_all(format!("{reply}\n").as_bytes()).unwrap();
        request
    })
}

#[test]
fn a_culprit_is_named() {
    let name = format!("cli-busy-{}", std::process::id());
    let served = busy_lab(&name);
    assert_eq!(
        complains(&name, "unplug i2c-7 --orderly --deadline 250ms"),
        "outlive: i2c-7: after 250 ms, the device is dead, but not everybody has left it: operation 17 of handle 3; \
         `outlive unplug i2c-7` waits on\n"
    );
    let request = served.join().unwrap();
    assert_eq!(request, "{\"do\":\"unplug\",\"names\":[\"i2c-7\"],\"orderly\":true,\"deadline\":0.25}\n");
}
