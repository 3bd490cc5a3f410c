//! Devices whose drivers are in processes of their own, through several lives of both.

use crate::{
    servers::server,
    stage::{Live, PATIENCE, Run, kill, not_on_plain, source},
};
use std::time::{Duration, Instant};

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
    let spec = server("i2c", "reads and says nothing", "").replace("=5s,", "=50s,");
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
    let mut told = Told::with(&[&server("i2c", "is good", "misses=1,").replace("=5s,", "=1s,")], "/dev/i2c-7");
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
        let mut told = Told::with(&[&server("i2c", behaviour, "").replace("=5s,", "=1s,")], "/dev/i2c-7");
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
    let spec = server("i2c", "is good", "").replace("=5s,", "=60s,");
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

/// What is too large for frames goes by the area, to the server and back.
#[test]
fn large_reads_and_writes_arrive_whole() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    let script = "head -c 900001 /dev/urandom > $0/it && dd if=$0/it of=/dev/mtd0 bs=1M status=none && \
                  dd if=/dev/mtd0 bs=1M count=1 status=none | head -c 900001 | cmp - $0/it && \
                  dd if=/dev/mtd0 bs=1000 count=901 status=none | head -c 900001 | cmp - $0/it && echo same";
    let folder = tempfile::tempdir().unwrap();
    let spec = server("mtd", "is good", "").replace("=5s,", "=50s,");
    let said = Run::with(&[&spec]).expect(0, ["sh", "-c", script, folder.path().to_str().unwrap()]);
    assert_eq!(said, "same\n");
}

/// More than a server may have, and more than a socket holds: each has an end in time, though nothing is ever read.
#[test]
fn many_users_of_a_server_that_never_reads_are_all_told() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    let spec = server("i2c", "never reads", "misses=1000000,").replace("=5s,", "=3s,");
    let mut told = Told::with(&[&spec], "/dev/i2c-7");
    assert_eq!(told.says("open"), "opened");
    for _ in 0..300 {
        assert_eq!(told.says("begin 0"), "begun");
    }
    for _ in 0..300 {
        assert_eq!(told.says("end"), "ETIMEDOUT");
    }
    told.ends();
}

/// However the lab ends.
#[test]
fn a_lab_that_is_killed_takes_its_servers_along() {
    if not_on_plain("what is here is about servers, not about roads") {
        return;
    }
    for behaviour in ["is good", "a child holds the socket"] {
        let told = Told::with(&[&server("i2c", behaviour, "")], "/dev/i2c-7");
        told.server();
        kill(told.0.child.id(), "KILL");
        told.0.expect_nothing_left();
    }
}
