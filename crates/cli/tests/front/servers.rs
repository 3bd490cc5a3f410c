//! Drivers in processes of their own that die, hang and lie: their clients hear what is documented, other devices go on, and
//! the log says what a server did.

use crate::stage::{PATIENCE, Run, not_on_plain, source};
use std::time::Instant;

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

pub(crate) fn server(class: &str, behaviour: &str, keys: &str) -> String {
    let number = if class == "i2c" { 7 } else { 0 };
    let program = source("liar.py");
    format!(
        "{class}:server,num={number},deadline=5s,{keys}command=python3 '{}' {class} '{behaviour}'",
        program.display()
    )
}

/// Runs the watcher with that server and a neighbour; what it wrote to both.
fn watched(class: &str, behaviour: &str, deadline: &str) -> (i32, String, String) {
    let watcher = source("watcher.py");
    let run =
        Run::with(&[&server(class, behaviour, "").replace("=5s,", &format!("={deadline},")), "i2c:24c02@0x50,bus=8"]);
    let output = run.output(["python3", watcher.to_str().unwrap(), class]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn check(class: &str, behaviour: &str, reads: Reads, log: &str) {
    // Only who is to be late has little time: the machine may have much to do.
    let late = matches!(reads, Are(["ETIMEDOUT", ..]));
    let (code, out, err) = watched(class, behaviour, if late { "300ms" } else { "5s" });
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
        ("i2c", "hangs before hello", "did not say hello within 10s"),
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
        let (code, out, err) = watched(class, behaviour, "100ms");
        assert_eq!((code, out.as_str()), (125, ""), "{behaviour}: {err}");
        assert!(err.contains(&format!("--device {class}:server")) && err.contains(why), "{behaviour}: {err}");
        assert!(begin.elapsed() < PATIENCE, "{behaviour}");
    }
}
