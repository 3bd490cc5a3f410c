//! Many clients, and many removals.

use crate::stage::{EEPROM, Live, PATIENCE, Run, client, everybody, expect_no_mounts, not_on_plain};
use std::{
    fs,
    time::{Duration, Instant},
};

/// What the supervisor has in memory, in KiB: VmRSS now, VmHWM at most.
fn memory(live: &Live, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", live.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn entries(live: &Live, folder: &str) -> usize {
    fs::read_dir(format!("/proc/{}/{folder}", live.child.id())).unwrap().count()
}

/// I1, I2, I19. That they wake within a second is for the eye: how fast the machine is, is not for a test to say.
#[test]
fn ten_thousand_sleepers_wake_at_once() {
    if not_on_plain("each descriptor takes two of the supervisor's") {
        return;
    }
    let crowd = client("crowd", "static");
    for who in everybody() {
        let mut live = Run::with(&[EEPROM]).by(who).start([crowd.to_str().unwrap(), "poll", "10000", "100"]);
        live.line("ready");
        let begin = Instant::now();
        let (code, text) = live.command(&["unplug", "i2c-7"]);
        let unplugged = begin.elapsed();
        assert_eq!(code, 0, "{text}");
        let spread = live.line("note the last woke");
        let all = begin.elapsed();
        let most = memory(&live, "VmHWM");
        println!("{who:?}: {}; the command took {unplugged:?}; {spread}; all had ended after {all:?}", text.trim());
        println!("{who:?}: the supervisor had {most} KiB at most");
        assert!(all < PATIENCE / 2 && most < 64 << 10, "{all:?}, {most} KiB");
        live.end_of_input();
        assert_eq!(live.exit_code(), 0);
    }
}

/// Nothing grows with the number of removals. `OUTLIVE_ROUNDS` says how many.
#[test]
fn rounds_of_plugging_and_pulling_leave_nothing() {
    const WARM_UP: u32 = 50;
    let rounds = std::env::var("OUTLIVE_ROUNDS").map_or(200, |rounds| rounds.parse().unwrap()) + WARM_UP;
    let crowd = client("crowd", "static");
    let mut live = Run::with(&[EEPROM]).start([crowd.to_str().unwrap(), "rounds", &rounds.to_string()]);
    let counts = |live: &Live| (entries(live, "fd"), live.processes().len());
    let mut before = None;
    for round in 0..rounds {
        live.line(&format!("open {round}"));
        if round == WARM_UP {
            before = Some((counts(&live), memory(&live, "VmRSS")));
        }
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        live.line(&format!("closed {round}"));
        if round + 1 == rounds {
            break;
        }
        let (code, text) = live.command(&["plug", "i2c-7"]);
        assert_eq!(code, 0, "{text}");
        live.say("\n");
    }
    let (before, early) = before.unwrap();
    let deadline = Instant::now() + PATIENCE;
    // The kernel tells of the last close a moment later, and threads of the control socket end by and by.
    while counts(&live) > before {
        assert!(Instant::now() < deadline, "descriptors and processes: {before:?} before, {:?} after", counts(&live));
        std::thread::sleep(Duration::from_millis(20));
    }
    let late = memory(&live, "VmRSS");
    println!("{} rounds: {before:?}, {early} KiB before, {late} KiB after", rounds - WARM_UP);
    assert!(late < early + 1024 && entries(&live, "task") < 32, "{early} KiB before, {late} KiB after");
    live.end_of_input();
    assert_eq!(live.exit_code(), 0);
    live.expect_nothing_left();
    expect_no_mounts();
}
