//! Drivers in processes of their own that die, hang and lie: their clients hear what is documented, other devices go on, and
//! the log says what a server did.

use crate::stage::{Live, PATIENCE, Run, kill, not_on_plain, source};
use std::time::{Duration, Instant};

/// What a case expects of the reads: these, or that the device has gone by the end, whenever that was.
#[derive(Clone, Copy)]
enum Reads {
    Are(&'static [&'static str]),
    EndGone,
}
use Reads::{Are, EndGone};

const LOST: Reads = Are(&["ENOTCONN"]);
const LATE: Reads = Are(&["ETIMEDOUT", "ETIMEDOUT", "ENOTCONN"]);
const FINE: Reads = Are(&["read", "read", "read", "read", "read"]);

fn server(class: &str, behaviour: &str, keys: &str) -> String {
    let number = if class == "i2c" { 7 } else { 0 };
    let program = source("liar.py");
    format!(
        "{class}:server,num={number},deadline=300ms,{keys}command=python3 '{}' {class} '{behaviour}'",
        program.display()
    )
}

/// Runs the watcher with that server and a neighbour; what it wrote to both.
fn watched(class: &str, behaviour: &str) -> (i32, String, String) {
    let watcher = source("watcher.py");
    let run = Run::with(&[&server(class, behaviour, ""), "i2c:24c02@0x50,bus=8"]);
    let output = run.output(["python3", watcher.to_str().unwrap(), class]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn check(class: &str, behaviour: &str, reads: Reads, log: &str) {
    let (code, out, err) = watched(class, behaviour);
    let told = format!("{class}, {behaviour}:\n{out}{err}");
    assert_eq!(code, 0, "{told}");
    let said = |start: &str| {
        out.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{told}")).trim().to_owned()
    };
    assert_eq!(said("other"), "answers", "{told}");
    match reads {
        Are(wanted) => {
            assert_eq!(said("reads").split_whitespace().collect::<Vec<_>>(), wanted, "{told}");
            let gone = wanted.last().is_some_and(|last| ["ENOTCONN", "ENODEV"].contains(last));
            assert_eq!(said("open"), if gone { "ENOENT" } else { "works" }, "{told}");
        }
        EndGone => assert_eq!(said("open"), "ENOENT", "{told}"),
    }
    let name = if class == "i2c" { "i2c-7" } else { "mtd0" };
    match log {
        "" => assert!(!err.contains("its server"), "{told}"),
        log => {
            let mut lines = err.lines().filter(|line| line.starts_with(&format!("outlive: {name}: its server")));
            assert!(lines.any(|line| line.contains(log)), "not '{log}': {told}");
        }
    }
}

fn check_all(cases: &[(&str, &str, Reads, &str)]) {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    for (class, behaviour, reads, log) in cases {
        check(class, behaviour, *reads, log);
    }
}

#[test]
fn servers_that_do_no_harm() {
    check_all(&[
        ("i2c", "is good", FINE, ""),
        ("mtd", "is good", FINE, ""),
        ("mtd", "shrinks the area", FINE, ""),
        ("mtd", "scribbles over the area", FINE, ""),
        ("i2c", "keeps its goodbye to itself", FINE, ""),
    ]);
}

#[test]
fn servers_that_go() {
    check_all(&[
        ("i2c", "dies in the middle", LOST, "has ended (exit status: 7)"),
        ("mtd", "dies in the middle", LOST, "has ended (exit status: 7)"),
        ("i2c", "is killed in the middle", LOST, "has ended (signal: 9 (SIGKILL))"),
        ("i2c", "closes", LOST, "closed its connection"),
        ("i2c", "closes half", LOST, "closed its connection"),
        ("i2c", "a child holds the socket", LOST, "has ended (exit status: 0)"),
        ("i2c", "a child goes on answering", LOST, "has ended (exit status: 0)"),
        ("mtd", "says goodbye in the middle", LOST, "takes its leave"),
        ("mtd", "says that its hardware has gone", Are(&["ENODEV"]), "says that its hardware has gone"),
    ]);
}

#[test]
fn servers_that_are_late() {
    let missed = "missed 3 deadlines in a row of 300ms";
    check_all(&[
        ("i2c", "hangs", LATE, missed),
        ("mtd", "hangs", LATE, missed),
        ("i2c", "burns", LATE, missed),
        ("i2c", "stops itself", LATE, missed),
        ("i2c", "never reads", LATE, missed),
        ("mtd", "never reads", LATE, missed),
        ("mtd", "reads and says nothing", LATE, missed),
        ("i2c", "answers each time late", LATE, missed),
    ]);
}

#[test]
fn servers_that_answer_what_was_not_asked() {
    let size = "bytes, where";
    check_all(&[
        ("i2c", "answers twice", Are(&["read", "ENOTCONN"]), "answered operation 1 twice"),
        ("mtd", "answers twice", Are(&["read", "ENOTCONN"]), "answered operation 1 twice"),
        ("i2c", "floods answers", Are(&["EIO", "ENOTCONN"]), "answered operation 1 twice"),
        ("i2c", "answers for another", LOST, "answered operation 1001, which it was not given"),
        ("i2c", "answers for number 0", LOST, "answered operation 0, which it was not given"),
        ("mtd", "answers for the last number there is", LOST, "which it was not given"),
        ("i2c", "answers before it is asked", EndGone, "which it was not given"),
        ("i2c", "answers too short", LOST, size),
        ("mtd", "answers too short", LOST, size),
        ("i2c", "answers too long", LOST, size),
        ("mtd", "answers too long", LOST, size),
        ("i2c", "answers more than fits", LOST, size),
        ("mtd", "answers more than fits", LOST, size),
        ("i2c", "counts other messages", LOST, "a value that cannot be"),
        ("i2c", "answers with another type", LOST, "which is a Transfer, with a ReadAnswer"),
        ("mtd", "answers with another type", LOST, "which is a Read, with a TransferAnswer"),
        ("i2c", "says a negative status", LOST, "with status 4294967291, which its class does not have"),
        ("mtd", "says a status of another class", LOST, "with status 5, which its class does not have"),
    ]);
}

#[test]
fn servers_that_send_what_is_no_frame() {
    check_all(&[
        ("i2c", "says that it has more data than it has", LOST, "cut short"),
        ("mtd", "answers with an operation", LOST, "where none may come"),
        ("i2c", "says an unknown type", LOST, "type 0x7777, which there is not"),
        ("i2c", "sends garbage", LOST, "its device has gone"),
        ("i2c", "sends nothing but zeroes", LOST, "version 0"),
        ("i2c", "sends a byte", LOST, "cut short"),
        ("i2c", "sends half a header", LOST, "cut short"),
        ("i2c", "sends half a frame", LOST, "bytes that says that it has"),
        ("i2c", "lies about the length", LOST, "bytes that says that it has 4294967295"),
        ("i2c", "sends a frame too long", LOST, "too long for a frame"),
        ("i2c", "speaks another version", LOST, "speaks version 2"),
        ("i2c", "sets reserved bytes", LOST, "reserved bytes are not 0"),
    ]);
}

#[test]
fn servers_that_say_more_than_they_may() {
    check_all(&[
        ("i2c", "says hello again", LOST, "type Hello where none may come"),
        ("i2c", "says hello twice", EndGone, "type Hello where none may come"),
        ("i2c", "says welcome", LOST, "type Welcome where none may come"),
        ("i2c", "floods events", LOST, "sends more events than it may"),
        ("mtd", "floods events", LOST, "sends more events than it may"),
        ("i2c", "logs control characters", LOST, "has control characters"),
        ("i2c", "sends a descriptor", LOST, "sent descriptors, which nobody asked for"),
        ("mtd", "sends many descriptors", LOST, "sent descriptors, which nobody asked for"),
    ]);
}

/// The lab does not begin, and says why: soon, whatever the server does.
#[test]
fn servers_that_are_none_from_the_beginning() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    for (class, behaviour, why) in [
        ("i2c", "dies before hello", "has ended (exit status: 3) before its hello"),
        ("i2c", "hangs before hello", "did not say hello within 1.5s"),
        ("i2c", "wrong class", "says that it is of class tpm, where i2c was asked for"),
        ("mtd", "no class", "says that it is of class number 9"),
        ("i2c", "name of control characters", "control characters"),
        ("i2c", "too many claims", "too many chips"),
        ("mtd", "size 0", "its size is not made of erase blocks"),
        ("mtd", "erase size 0", "its size is not made of erase blocks"),
        ("mtd", "write size 0", "not made of write units"),
        ("mtd", "size no multiple", "its size is not made of erase blocks"),
        ("mtd", "size overflows", "no position in a file"),
        ("mtd", "too many blocks", "too many erase blocks"),
        ("mtd", "regions outside", "spare bytes"),
        ("i2c", "says an operation before hello", "type Transfer where none may come"),
        ("i2c", "says garbage before hello", "speaks version"),
        ("mtd", "sends a descriptor with hello", "sent descriptors"),
        ("i2c", "cuts its hello short", "bytes that says that it has"),
        ("i2c", "greets in another version", "speaks version 9"),
    ] {
        let begin = Instant::now();
        let (code, out, err) = watched(class, behaviour);
        assert_eq!((code, out.as_str()), (125, ""), "{behaviour}: {err}");
        assert!(err.contains(&format!("--device {class}:server")) && err.contains(why), "{behaviour}: {err}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{behaviour}");
    }
}

/// A program that does what it is told, one line at a time.
struct Told(Live);

impl Told {
    fn with(devices: &[&str], path: &str) -> Told {
        let run = Run::with(devices).start(["python3", source("lives.py").to_str().unwrap(), path]);
        run.line("ready");
        Told(run)
    }

    fn says(&mut self, word: &str) -> String {
        self.0.say(&format!("{word}\n"));
        self.0.line("")
    }

    fn outlive(&self, words: &[&str]) -> String {
        let (code, text) = self.0.command(words);
        assert_eq!(code, 0, "{words:?}: {text}");
        text
    }

    /// The server's process.
    fn server(&self) -> u32 {
        let of = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let is = |pid: &u32| String::from_utf8_lossy(&of(*pid)).contains("liar.py\0");
        let found: Vec<u32> = self.0.processes().into_iter().map(|(pid, _)| pid).filter(is).collect();
        // The lab's own command line names it as well, in one word with others.
        let [server] = found[..] else { panic!("{found:?}") };
        server
    }

    /// Waits until an operation is under way in some life of the device.
    fn until_inside(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.outlive(&["ls", "--handles", "--json"]);
            let lives: serde_json::Value = serde_json::from_str(&text).unwrap();
            if lives.as_array().unwrap().iter().any(|life| life["inside"] == 1) {
                return;
            }
            assert!(Instant::now() < deadline, "nothing inside: {text}");
        }
    }

    fn until_opened(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.says("open") != "opened" {
            assert!(Instant::now() < deadline, "the device does not come back");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn ends(mut self) {
        self.0.end_of_input();
        assert_eq!(self.0.exit_code(), 0);
        self.0.expect_nothing_left();
    }
}

/// The client hears at once, the unplug does not wait for the server, and the server, which is told, is the one of the next
/// life, too. What it answers then to what was pulled is dropped.
#[test]
fn a_pull_in_the_middle_of_an_operation_waits_for_no_server() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    let spec = server("i2c", "reads and says nothing", "").replace("300ms", "50s");
    let mut told = Told::with(&[&spec], "/dev/i2c-7");
    assert_eq!(told.says("open"), "opened");
    assert_eq!(told.says("begin 0"), "begun");
    told.until_inside();
    let before = told.server();
    let begin = Instant::now();
    told.outlive(&["unplug", "i2c-7"]);
    assert!(begin.elapsed() < Duration::from_secs(20), "it waited for the server");
    assert_eq!(told.says("end"), "ENODEV");
    told.outlive(&["plug", "i2c-7"]);
    assert_eq!(told.server(), before, "it is there and behaves");
    assert_eq!(told.says("open"), "opened");
    assert_eq!(told.says("read 0"), "ENODEV", "old handles stay dead");
    assert_eq!(told.says("begin 1"), "begun");
    told.until_inside();
    told.outlive(&["unplug", "i2c-7"]);
    assert_eq!(told.says("end"), "ENODEV");
    told.ends();
}

#[test]
fn a_server_that_is_killed_or_stopped_comes_back_as_another_when_it_is_plugged_in() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    let mut told = Told::with(&[&server("i2c", "is good", "misses=1,")], "/dev/i2c-7");
    assert_eq!((told.says("open"), told.says("read 0")), ("opened".into(), "read".into()));
    for (life, signal) in ["KILL", "STOP"].into_iter().enumerate() {
        let before = told.server();
        kill(before, signal);
        if signal == "STOP" {
            assert_eq!(told.says(&format!("read {life}")), "ENOTCONN");
        }
        let deadline = Instant::now() + PATIENCE;
        while told.says(&format!("read {life}")) != "ENOTCONN" {
            assert!(Instant::now() < deadline, "it is not lost");
        }
        assert_eq!(told.says("open"), "ENOENT");
        told.outlive(&["plug", "i2c-7"]);
        assert_ne!(told.server(), before);
        assert_eq!((told.says("open"), told.says(&format!("read {}", life + 1))), ("opened".into(), "read".into()));
        assert_eq!(told.says(&format!("read {life}")), "ENOTCONN", "old handles stay dead");
    }
    told.ends();
}

#[test]
fn a_lost_device_comes_back_by_itself_where_that_is_asked_for() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    for (class, path) in [("i2c", "/dev/i2c-7"), ("mtd", "/dev/mtd0")] {
        let mut told = Told::with(&[&server(class, "is good", "restart=new-generation,back-off=10ms,")], path);
        for life in 0..3 {
            told.until_opened();
            assert_eq!(told.says(&format!("read {life}")), "read");
            let before = told.server();
            kill(before, "KILL");
            let deadline = Instant::now() + PATIENCE;
            while told.says(&format!("read {life}")) != "ENOTCONN" {
                assert!(Instant::now() < deadline, "it is not lost");
            }
        }
        told.until_opened();
        assert_eq!((told.says("read 0"), told.says("read 3")), ("ENOTCONN".into(), "read".into()));
        told.ends();
    }
}

/// What was pulled stays away, even if its server ends meanwhile.
#[test]
fn a_device_that_somebody_removed_does_not_come_back_by_itself() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    let mut told = Told::with(&[&server("i2c", "is good", "restart=new-generation,back-off=1ms,")], "/dev/i2c-7");
    told.outlive(&["unplug", "i2c-7"]);
    kill(told.server(), "KILL");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(told.says("open"), "ENOENT");
    told.outlive(&["plug", "i2c-7"]);
    assert_eq!((told.says("open"), told.says("read 0")), ("opened".into(), "read".into()));
    told.ends();
}

/// In good order the server has its last word and ends; the next life has another.
#[test]
fn an_orderly_removal_takes_leave_of_the_server() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    for behaviour in ["is good", "keeps its goodbye to itself", "does not greet again"] {
        let mut told = Told::with(&[&server("i2c", behaviour, "")], "/dev/i2c-7");
        let before = told.server();
        told.outlive(&["unplug", "--orderly", "i2c-7"]);
        told.outlive(&["plug", "i2c-7"]);
        assert_ne!(told.server(), before, "{behaviour}");
        assert_eq!(told.says("open"), "opened", "{behaviour}");
        if behaviour == "does not greet again" {
            let before = told.server();
            told.outlive(&["unplug", "i2c-7"]);
            told.outlive(&["plug", "i2c-7"]);
            assert_ne!(told.server(), before, "one that does not greet is replaced");
        }
        told.ends();
    }
}

/// One that listens by itself is connected to again for each life, unless it is there still.
#[test]
fn a_server_that_listens_is_connected_to() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("flash.sock");
    let listen = || {
        let _ = std::fs::remove_file(&socket);
        let program = source("liar.py");
        let words = [program.to_str().unwrap(), "mtd", "is good", socket.to_str().unwrap()];
        std::process::Command::new("python3").args(words).spawn().unwrap()
    };
    let mut first = listen();
    let spec = format!("mtd:server,num=0,deadline=2s,socket={}", socket.display());
    let mut told = Told::with(&[&spec], "/dev/mtd0");
    assert_eq!((told.says("open"), told.says("read 0")), ("opened".into(), "read".into()));
    told.outlive(&["unplug", "--orderly", "mtd0"]);
    told.outlive(&["plug", "mtd0"]);
    assert_eq!((told.says("open"), told.says("read 1")), ("opened".into(), "read".into()));
    first.kill().unwrap();
    first.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while told.says("read 1") != "ENOTCONN" {
        assert!(Instant::now() < deadline, "it is not lost");
    }
    let mut second = listen();
    told.outlive(&["plug", "mtd0"]);
    assert_eq!((told.says("open"), told.says("read 2")), ("opened".into(), "read".into()));
    told.ends();
    second.kill().unwrap();
    second.wait().unwrap();
}

/// A response has to be whole.
#[test]
fn a_tpm_may_be_in_a_server() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    let mut told = Told::with(&[&server("tpm", "is good", "")], "/dev/tpm0");
    assert_eq!(told.says("open"), "opened");
    assert_eq!(told.says("tpm 0"), "80010000000a00000000");
    told.ends();
    let mut told = Told::with(&[&server("tpm", "answers too short", "")], "/dev/tpm0");
    assert_eq!((told.says("open"), told.says("tpm 0")), ("opened".into(), "ENOTCONN".into()));
    told.ends();
}

/// Three hundred readers at once, more than a server may have operations; it gets them as it answers.
#[test]
fn many_users_of_one_server_all_get_their_answers() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    let spec = server("i2c", "is good", "").replace("300ms", "60s");
    let mut told = Told::with(&[&spec], "/dev/i2c-7");
    assert_eq!(told.says("open"), "opened");
    for _ in 0..300 {
        assert_eq!(told.says("begin 0"), "begun");
    }
    for _ in 0..300 {
        assert_eq!(told.says("end"), "read");
    }
    told.ends();
}
