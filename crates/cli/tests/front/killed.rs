use crate::stage::{EEPROM, Live, Run, client, everybody, kill};

const SLOW: &str = "i2c:24c02@0x50,bus=7,slow=1h";

fn in_a_transfer(who: crate::stage::Who) -> (Live, String) {
    let sleeper = client("sleeper", "static");
    let live = Run::with(&[SLOW]).by(who).start([sleeper.to_str().unwrap(), "transfer"]);
    live.line("ready");
    live.until_ls_says("I2C_SMBUS");
    (live, sleeper.file_name().unwrap().to_str().unwrap().to_owned())
}

#[test]
fn a_client_in_the_middle_of_a_call_can_be_killed() {
    for who in everybody() {
        let (mut live, sleeper) = in_a_transfer(who);
        kill(live.process(&sleeper), "KILL");
        assert_eq!(live.exit_code(), 137, "{who:?}");
        live.expect_nothing_left();
    }
}

/// The kernel tells of one signal only; the second, deadly one is found out all the same.
#[test]
fn a_client_that_got_another_signal_first_can_be_killed() {
    let (mut live, sleeper) = in_a_transfer(everybody()[0]);
    let pid = live.process(&sleeper);
    kill(pid, "STOP");
    kill(pid, "CONT");
    std::thread::sleep(std::time::Duration::from_millis(200));
    kill(pid, "TERM");
    assert_eq!(live.exit_code(), 143);
    live.expect_nothing_left();
}

#[test]
fn the_tree_goes_with_its_supervisor() {
    for who in everybody() {
        let (mut live, _) = in_a_transfer(who);
        kill(live.child.id(), "KILL");
        assert_eq!(live.exit_code(), 137, "{who:?}");
        live.expect_nothing_left();
    }
}

#[test]
fn so_do_daemons_stopped_and_forking_processes() {
    let script = "exec 3<>/dev/i2c-7; setsid sh -c 'kill -STOP $$' & \
                  setsid sh -c 'trap \"\" TERM HUP INT; while :; do sleep 0.01 & done' & \
                  (setsid sleep 1h &) ; echo ready; sleep 1h";
    let mut live = Run::with(&[EEPROM]).start(["sh", "-c", script]);
    live.line("ready");
    kill(live.child.id(), "KILL");
    live.exit_code();
    live.expect_nothing_left();
}

#[test]
fn the_tree_goes_with_its_guardian() {
    let mut live = Run::with(&[EEPROM]).start(["sh", "-c", "exec 3<>/dev/i2c-7; echo ready; sleep 1h"]);
    live.line("ready");
    let supervisor = live.child.id();
    let children = std::fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    kill(children.trim().parse().unwrap(), "KILL");
    assert_eq!(live.exit_code(), 137);
    live.expect_nothing_left();
}

#[test]
fn signals_for_the_supervisor_reach_the_program() {
    let script = "trap 'echo got TERM; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut live = Run::with(&[EEPROM]).start(["sh", "-c", script]);
    live.line("ready");
    kill(live.child.id(), "TERM");
    live.line("got TERM");
    assert_eq!(live.exit_code(), 9);
    live.expect_nothing_left();
}

/// Memory that never comes (userfaultfd) stalls whoever touches it: neighbours get on, and its owner can be killed.
#[test]
fn a_client_that_stalls_us_stalls_only_itself() {
    for mode in ["20", "path"] {
        let stall = client("stall", "static");
        let mut live = Run::with(&[EEPROM]).start([stall.to_str().unwrap(), mode]);
        live.line("ready");
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        kill(live.process("stall-static"), "KILL");
        assert_eq!(live.exit_code(), 137, "{mode}");
        live.expect_nothing_left();
    }
}

/// In the middle of an open we wait for an answer of our own: that must not keep us from dying.
#[test]
fn a_supervisor_in_the_middle_of_opens_can_be_killed() {
    let storm = client("openers", "static");
    let script = format!("for i in 1 2 3; do {} storm & done; echo ready; wait", storm.display());
    for _ in 0..15 {
        let mut live = Run::with(&[EEPROM]).start(["sh", "-c", &script]);
        live.line("ready");
        std::thread::sleep(std::time::Duration::from_millis(50));
        kill(live.child.id(), "KILL");
        live.exit_code();
        live.expect_nothing_left();
    }
}
