//! Programs by how they are written and started: Go, asyncio, threads, tracers, daemons, namespaces.

use crate::stage::{EEPROM, Run, Who, client, everybody, go_client, not_on_plain, source};

const SLOW: &str = "i2c:lm75@0x48,bus=7,slow=1h";

fn slow_run(who: Who) -> Run {
    Run::with(&[EEPROM, SLOW]).by(who).env("OUTLIVE_CLIENT_SLOW", "0x48")
}

#[test]
fn a_static_go_program_works_and_its_goroutines_wake() {
    let program = go_client("goroutines");
    for who in everybody() {
        Run::with(&[EEPROM]).by(who).expect(0, [program.to_str().unwrap(), "alive"]);
        slow_run(who).start([program.to_str().unwrap(), "pulled"]).pulled(16);
    }
}

#[test]
fn an_asyncio_program_works_and_its_loop_wakes() {
    let script = source("asyncio_client.py");
    for who in everybody() {
        let words = ["/usr/bin/python3", script.to_str().unwrap()];
        Run::with(&[EEPROM]).by(who).expect(0, [words[0], words[1], "alive"]);
        slow_run(who).start([words[0], words[1], "pulled"]).pulled(8);
    }
}

#[test]
fn sixteen_threads_in_slow_calls_wake() {
    let crowd = client("crowd", "static");
    for who in everybody() {
        slow_run(who).start([crowd.to_str().unwrap(), "threads", "16"]).pulled(16);
    }
}

/// No user of one open file waits for another's call: each is inside, and can be killed there. (Writes wait for each
/// other before Linux 6.2.)
#[test]
fn processes_in_slow_calls_on_one_open_file_wake() {
    let crowd = client("crowd", "shared");
    for who in everybody() {
        slow_run(who).start([crowd.to_str().unwrap(), "users", "6"]).pulled(6);
    }
}

/// strace in the tree: around a program, and on one that runs. Linux lets a traced program have a supervisor, too.
#[test]
fn a_program_is_traced() {
    if not_on_plain("it runs `answers`, whose bits and calls on files are FUSE's") {
        return;
    }
    for who in everybody() {
        for (program, linked) in [("handles", "static"), ("answers", "shared")] {
            let program = client(program, linked);
            let strace = ["strace", "-f", "-o", "/dev/null", program.to_str().unwrap()];
            Run::with(&[EEPROM]).by(who).expect(0, [&strace[..], &["alive"]].concat());
            Run::with(&[EEPROM]).by(who).start([&strace[..], &["pulled"]].concat()).pulled(0);
        }
        let text = Run::with(&[EEPROM]).by(who).expect(0, ["strace", "-yy", "i2cget", "-y", "7", "0x50", "0"]);
        assert!(text.contains("/dev/i2c-7<char 89:7>") && text.ends_with("+++ exited with 0 +++\n"), "{text}");
    }
}

#[test]
fn a_program_attaches_strace_to_its_child() {
    let sleeper = client("sleeper", "static");
    let script = "$0 poll-hup & strace -f -p $! -o /dev/null 2>/dev/null & wait $!; wait";
    // Root, since a process may keep others from tracing it (Yama).
    let mut live = Run::with(&[EEPROM]).start(["sh", "-c", script, sleeper.to_str().unwrap()]);
    live.line("ready");
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
    assert_eq!(live.line("note poll woke"), "note poll woke with ERR HUP (0x18)");
    let failed: Vec<_> = live.rest().into_iter().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!((live.exit_code(), failed), (0, vec![]));
}

/// A daemon that has forked twice, in a session of its own, is in the tree all the same.
#[test]
fn a_daemon_works_and_hears_of_the_removal() {
    let handles = client("handles", "shared");
    let script = "exec 9<&0; setsid -f sh -c 'setsid -f \"$0\" pulled <&9' \"$0\"; echo the first one ends";
    for who in everybody() {
        let live = Run::with(&[EEPROM]).by(who).start(["sh", "-c", script, handles.to_str().unwrap()]);
        let lines = live.pulled(0);
        assert!(lines.iter().any(|line| line.ends_with(" ok, 0 failed")), "{lines:#?}");
    }
}

/// In namespaces of users, network, processes and mounts.
#[test]
fn a_program_in_namespaces_of_its_own_works() {
    if not_on_plain("it runs `answers`, whose bits and calls on files are FUSE's") {
        return;
    }
    for who in everybody() {
        for flags in ["-Urn", "-Urnpfm"] {
            for (program, linked) in [("handles", "shared"), ("answers", "static")] {
                let program = client(program, linked);
                let mut words = vec!["unshare", flags];
                words.extend((flags == "-Urnpfm").then_some("--mount-proc"));
                words.push(program.to_str().unwrap());
                Run::with(&[EEPROM]).by(who).expect(0, [&words[..], &["alive"]].concat());
                Run::with(&[EEPROM]).by(who).start([&words[..], &["pulled"]].concat()).pulled(0);
            }
        }
    }
}
