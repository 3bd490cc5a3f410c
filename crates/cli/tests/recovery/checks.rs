//! When a check runs, what it finds, and what becomes of one that does not end well.

use crate::stage::{CHECK, OUTLIVE, output, planted, points, program, report};
use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The check finds every device, also without --replug, and in the same life of the lab: with what it kept.
#[test]
fn the_check_finds_all_devices_in_the_state_that_they_kept() {
    let check = format!("test -e /dev/i2c-8 && test -e /dev/i2c-7 && test $OUTLIVE_LAB && {CHECK}");
    let other = ["--device", "i2c:24c02@0x51,bus=8", "--check", &check];
    for road in ["fuse", "trap", "plain"] {
        let options = [&other[..], &["--road", road, "--points", "1-3"]].concat();
        planted(&options, "tries(1)", &["clean"; 3], 0);
    }
    // None of the bus's chips was pulled from the lab for good: the address that the pull interrupted answers.
    planted(&[&other[..], &["--points", "4"]].concat(), "tries(1)", &["corrupt"], 1);
}

#[test]
fn the_check_is_told_how_the_program_ended() {
    for (then, told) in [("sys.exit(7)", "7"), ("os.kill(os.getpid(), signal.SIGTERM)", "143"), ("pass", "0")] {
        let then = format!("try: store()\nexcept OSError: {then}");
        let check = format!("test $OUTLIVE_EXIT = 0 || test $OUTLIVE_EXIT = {told}");
        let options = ["--check", &check, "--at", "2", "--allow", "crash"];
        let program = program(&then);
        let (report, code) = report(&options, &program.each_ref().map(String::as_str));
        assert_eq!((code, points(&report)[0]["check"]["end"]["exit"].as_i64()), (0, Some(0)), "{told}: {report:#}");
        if told != "0" {
            let check = "test $OUTLIVE_EXIT = 0";
            planted(&["--check", check, "--at", "2"], &then, &["corrupt"], 1);
        }
    }
}

/// Everything of the program has ended, daemons too, when the check begins; so it is alone with the devices.
#[test]
fn the_check_comes_after_the_whole_tree() {
    let then = "if not os.fork():
    os.setsid()
    time.sleep(0.3)
    tries(1)
    os._exit(0)";
    // Pulled in the daemon, long after CMD has exited with 0.
    let report = planted(&["--check", CHECK, "--at", "4"], then, &["corrupt"], 1);
    assert_eq!(points(&report)[0]["end"]["exit"], 0);
}

/// A run that was stopped at a limit is judged all the same.
#[test]
fn a_program_that_is_stopped_is_judged() {
    for (then, verdict) in [
        ("try: store()\nexcept OSError: time.sleep(60)", "hang"),
        ("try: store()\nexcept OSError:\n  while True: pass", "spin"),
        ("try: store()\nexcept OSError:\n  while True: print('lost')", "flood"),
        (
            "bus = os.open('/dev/i2c-7', os.O_RDWR)\nwhile True:\n  try:\n    store()\n    break\n  except OSError:
    while True:\n      try: os.read(bus, 1)\n      except OSError: pass",
            "spin",
        ),
    ] {
        let report = planted(&["--check", CHECK, "--timeout", "4s", "--at", "3"], then, &[verdict], 1);
        assert_eq!(points(&report)[0]["check"]["end"]["exit"], 0, "{report:#}");
    }
}

/// Against the state after a pull only: the first two runs are without one, and let it pass.
fn only_after_a_pull(command: &str) -> String {
    format!("[ $OUTLIVE_EXIT = 0 ] || {{ echo looking; {command}; }}")
}

#[test]
fn a_check_that_hangs_is_stopped_and_has_not_agreed() {
    for command in ["sleep 60", "setsid sleep 60 & wait", "while :; do :; done", "yes"] {
        let check = only_after_a_pull(command);
        let report = planted(&["--check", &check, "--timeout", "3s", "--at", "2"], "tries(1)", &["corrupt"], 1);
        let check = &points(&report)[0]["check"];
        assert_eq!(check["stopped"], true, "{check:#}");
        assert!(check["output"].as_str().unwrap().len() <= 16 << 10);
        assert!(command == "yes" || check["output"] == "looking\n", "{check:#}");
    }
    let left = "setsid sleep 60 & true";
    let report =
        planted(&["--check", &only_after_a_pull(left), "--timeout", "3s", "--at", "2"], "tries(1)", &["corrupt"], 1);
    assert_eq!(points(&report)[0]["check"]["stopped"], true, "what it leaves behind belongs to it");
}

#[test]
fn a_check_that_crashes_has_not_agreed() {
    let check = only_after_a_pull("kill -SEGV $$");
    let report = planted(&["--check", &check, "--at", "2"], "tries(1)", &["corrupt"], 1);
    assert_eq!(points(&report)[0]["check"]["end"]["signal"], 11);
    let output = output(&["--check", &check, "--at", "2"], &program("tries(1)").each_ref().map(String::as_str));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains(
            "corrupt: exit 1, 1 of its operations failed, under the contract linux; then the check died of SIGSEGV"
        ),
        "{text}"
    );
    assert!(text.ends_with("\nthe check died of SIGSEGV, and wrote\n  | looking\n"), "{text}");
}

#[track_caller]
fn refused(check: &str, code: i32, message: &str) {
    let output = output(&["--check", check, "--timeout", "4s"], &program("tries(1)").each_ref().map(String::as_str));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(code), true), "{errors}");
    assert!(errors.contains(message), "{errors}");
}

#[test]
fn a_check_that_is_against_a_run_without_a_pull_is_refused() {
    refused("echo first; echo never; exit 4", 3, "without a pull the check exited with 4");
    refused("echo first; echo never; exit 4", 3, "  | first\n  | never");
    refused("sleep 60", 3, "without a pull the check had not ended after 4.");
    refused("kill -ABRT $$", 3, "without a pull the check died of SIGABRT");
    refused("/nonexistent/check", 3, "exited with 127 (a shell's code for a command that is not found)");
    refused("", 2, "--check");
}

/// The check's own operations are nobody's points, and nothing is pulled under it.
#[test]
fn what_the_check_does_is_not_counted_and_not_pulled() {
    let plain = planted(&[], "tries(1)", &["clean"; 4], 0);
    let judged =
        planted(&["--check", CHECK, "--allow", "corrupt"], "tries(1)", &["clean", "clean", "clean", "corrupt"], 0);
    assert_eq!((&plain["plain"]["operations"], &judged["plain"]["operations"]), (&4.into(), &4.into()));
    // A program that does not come to its operation in this run leaves its pull unused; the check does the same one.
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("memory");
    let then = format!("if not os.path.exists({memory:?}): tries(1)\nopen({memory:?}, 'w')");
    let report = planted(&["--check", CHECK, "--at", "1"], &then, &["unaffected"], 0);
    assert_eq!(
        (&points(&report)[0]["pulled"], &points(&report)[0]["check"]["end"]["exit"]),
        (&false.into(), &0.into())
    );
}

/// A program that kills the process that looks after it: there is nobody left to start the check, and no process left.
#[test]
fn a_check_that_cannot_be_started_is_our_failure() {
    let marker = format!("outlive-orphan-{}", std::process::id());
    let then =
        format!("try: store()\nexcept OSError:\n  os.kill(os.getppid(), signal.SIGKILL)\n  time.sleep(60) # {marker}");
    let program = program(&then);
    let output = output(&["--check", "true", "--points", "2"], &program.each_ref().map(String::as_str));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(125), "{text}");
    assert!(text.contains("given up at point 2, 1 point left: starting a program: the process that"), "{text}");
    until("the last process to end", || processes(&marker) == 0);
}

/// Processes whose command line contains `word`.
fn processes(word: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(word)).count()
}

#[track_caller]
fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// kill -9 of the explorer in the middle of a check, and in the middle of a program that a check waits for.
#[test]
fn a_killed_explorer_leaves_no_check_behind() {
    for (number, then, check) in [(1, "tries(1)", "sleep 60; :"), (2, "tries(1); time.sleep(60)", ":")] {
        let marker = format!("outlive-check-{}-{number}", std::process::id());
        let program = program(&format!("{then} # {marker}"));
        let mut explore = Command::new(OUTLIVE);
        explore.args(["explore", "--device", "i2c:24c02@0x50,bus=7", "--check", &format!("{check} {marker}"), "--"]);
        let mut explorer = explore.args(program).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The explorer itself, and the program or the check, whichever runs.
        until("a client", || processes(&marker) == 2);
        thread::sleep(Duration::from_millis(500));
        explorer.kill().unwrap();
        explorer.wait().unwrap();
        until("the last process to end", || processes(&marker) == 0);
    }
}
