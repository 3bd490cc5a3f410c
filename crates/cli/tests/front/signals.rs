//! Signals in the middle of calls: each call is carried out once, whatever comes (I17, I20).

use crate::stage::{EEPROM, PATIENCE, Run, client, everybody, is_plain, is_trapped, kill, not_on_plain};
use std::time::{Duration, Instant};

const SLOW: &str = "i2c:24c02@0x50,bus=7,slow=1h";

/// A signal waits for the end of the call that it comes in, as on Linux, whose i2c drivers wait uninterruptibly.
#[test]
fn a_slow_call_is_carried_out_once_whatever_signals_come() {
    let signals = client("signals", "static");
    for who in everybody() {
        for how in ["restart", "interrupt", "ignore"] {
            let mut run = Run::with(&["i2c:24c02@0x50,bus=7,slow=30ms"]).by(who);
            // On its way to us a trapped call may be met by a signal: then it has not happened.
            let may_be = how == "interrupt" && (is_trapped() || is_plain());
            if may_be {
                run = run.env("OUTLIVE_CLIENT_TRAPPED", "1");
            }
            let text = run.expect(0, [signals.to_str().unwrap(), how, "5"]);
            assert!(may_be || text.contains("note interrupted 0 of 4"), "{how}: {text}");
        }
    }
}

#[test]
fn a_stopped_client_hears_of_the_removal_when_it_goes_on() {
    let signals = client("signals", "shared");
    for who in everybody() {
        let mut live = Run::with(&[SLOW]).by(who).start([signals.to_str().unwrap(), "stopped"]);
        live.line("ready");
        live.until_inside(1);
        let pid = live.process("signals-shared");
        kill(pid, "STOP");
        // I1, I2: the removal waits for nobody who is stopped.
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        let deadline = Instant::now() + PATIENCE;
        while !std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap().contains("State:\tT") {
            assert!(Instant::now() < deadline, "it does not stop");
        }
        kill(pid, "CONT");
        live.line("note the transfer ended with ENODEV");
        assert_eq!(live.exit_code(), 0);
    }
}

/// Who waits for a device that is blocked waits for good: for it to run again, to go, or for a deadly signal.
#[test]
fn a_parked_call_outlasts_signals_and_can_be_killed() {
    let signals = client("signals", "shared");
    for who in everybody() {
        for killed in [false, true] {
            let mut live = Run::with(&[EEPROM]).by(who).start([signals.to_str().unwrap(), "parked"]);
            live.line("open");
            assert_eq!(live.command(&["set", "i2c-7", "blocked"]).0, 0);
            live.say("\n");
            live.line("ready");
            std::thread::sleep(Duration::from_millis(200));
            if killed {
                kill(live.process("signals-shared"), "KILL");
                assert_eq!(live.exit_code(), 137);
                live.expect_nothing_left();
            } else {
                assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
                live.line("note the transfer ended with ENODEV");
                assert_eq!(live.exit_code(), 0);
            }
        }
    }
}

/// A difference (docs/differences.md): a signal without SA_RESTART can make an open say EINTR. It has not happened then:
/// nothing is left open.
#[test]
fn an_open_that_a_signal_interrupts_has_not_happened() {
    if not_on_plain("any read or write may say EINTR without SA_RESTART") {
        return;
    }
    let signals = client("signals", "static");
    for who in everybody() {
        let script = "\"$0\" open; code=$?; echo ready; read x; exit $code";
        let mut run = Run::with(&[EEPROM]).by(who);
        if is_trapped() {
            // An ioctl may say EINTR as well, like an open: it has not happened then.
            run = run.env("OUTLIVE_CLIENT_TRAPPED", "1");
        }
        let mut live = run.start(["sh", "-c", script, signals.to_str().unwrap()]);
        live.line("ok opens that went wrong");
        live.line("ready");
        let deadline = Instant::now() + PATIENCE;
        while live.report()["handles"] != 0 {
            assert!(Instant::now() < deadline, "left open: {}", live.report());
        }
        live.end_of_input();
        assert_eq!(live.exit_code(), 0);
    }
}

/// I17: a signal every 100 microseconds, and each of so many writes reaches the chip exactly once. Operations are numbered
/// on their device; so the number of the next one says how many there were. `OUTLIVE_STORM` says how many writes.
#[test]
fn a_storm_of_signals_repeats_no_operation_and_loses_none() {
    let writes = std::env::var("OUTLIVE_STORM").unwrap_or_else(|_| "10000".to_owned());
    let signals = client("signals", "static");
    for who in everybody() {
        let devices = [EEPROM, "i2c:lm75@0x48,bus=7,slow=1h"];
        let run = Run::with(&devices).by(who).env("OUTLIVE_CLIENT_SLOW", "0x48");
        let mut live = run.start([signals.to_str().unwrap(), "storm", &writes]);
        let came = live.line("note ");
        let calls: u64 = live.line("calls ").strip_prefix("calls ").unwrap().parse().unwrap();
        println!("{who:?}: {calls} calls; {came}");
        live.until_inside(1);
        assert_eq!(live.report()["operations"][0]["number"], calls + 1, "{}", live.report());
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        live.line("ok the last one");
        assert_eq!(live.exit_code(), 0);
    }
}
