//! A card that is pulled from under those who use it. The numbers are those of the points of `Documentation/gpu/drm-uapi.rst`,
//! section "Device Hot-Unplug", in its order.

use super::{CARD, drawing, end_flips, expect_frequency, expect_good, modetest, ways_to_flip};
use crate::stage::{Live, PATIENCE, Run, Who, client, everybody};
use std::time::Instant;

/// With twenty pictures a second: so a flip that begins as the one before is shown is under way for long enough to be pulled in the
/// middle.
const SLOW: &str = "drm:virtual,mode=640x480@20,num=0";

fn pull(live: &Live, more: &[&str]) {
    let begin = Instant::now();
    let (code, said) = live.command(&[&["unplug", "card0"], more].concat());
    assert_eq!(code, 0, "{said}");
    assert!(begin.elapsed() < PATIENCE);
}

/// What a client does that is pulled with a flip under way, however the card goes: points 1, 2, 3, 6, 7, 8, 9, 11, 12, 13.
#[test]
fn what_was_there_stays_and_looks_disconnected() {
    for who in everybody() {
        for how in [&[][..], &["--orderly"], &["--policy", "drain"], &["--prepare", "10ms"]] {
            let mut live = drawing(who, &[SLOW], &["pulled"]);
            live.say("\n");
            live.line("ready");
            pull(&live, how);
            // Point 3: the handle is there, and holds the number, as long as it is open.
            let report = live.report();
            assert_eq!((&report["state"]["is"], &report["handles"]), (&"gone".into(), &1.into()), "{report}");
            live.say("\n");
            expect_good(live, &format!("{who:?} {how:?}"));
        }
    }
}

/// Points 4 and 5: what comes back is a new device, and a number is nobody else's while a zombie has it.
#[test]
fn what_comes_back_is_a_new_device() {
    for who in everybody() {
        let mut live = drawing(who, &[CARD], &["reopened"]);
        pull(&live, &[]);
        let (code, said) = live.command(&["plug", "drm:virtual,num=0"]);
        assert!(code == 1 && said.contains("EBUSY"), "{said}");
        let (code, said) = live.command(&["plug", "drm:virtual"]);
        assert!(code == 0 && !said.starts_with("dri/card0:"), "{said}");
        for _ in 0..3 {
            let (code, said) = live.command(&["plug", "card0"]);
            assert_eq!((code, said.as_str()), (0, "dri/card0: plugged in\n"));
            live.say("\n");
            live.line("ready");
            pull(&live, &[]);
        }
        live.say("\n");
        expect_good(live, "reopened");
    }
}

/// Who draws and flips in a loop goes on without an error, a signal or a lost event, whether or not it looks at errors.
#[test]
fn who_draws_goes_on() {
    for who in everybody() {
        for words in [&["loop"][..], &["loop", "ignore"]] {
            let mut live = drawing(who, &[CARD], words);
            pull(&live, &[]);
            assert_eq!(live.command(&["plug", "card0"]).0, 0, "it does not hold it up, either");
            live.say("\n");
            expect_good(live, &format!("{who:?} {words:?}"));
        }
    }
}

#[test]
fn who_sleeps_in_read_wakes() {
    for who in everybody() {
        let live = drawing(who, &[CARD], &["read"]);
        live.until_inside(0);
        pull(&live, &[]);
        expect_good(live, "read");
    }
}

/// modetest in its flips: it goes on counting them, and ends when it is asked to.
#[test]
fn modetest_goes_on_flipping() {
    for way in ways_to_flip() {
        let words: Vec<_> = way.iter().map(String::as_str).collect();
        for who in everybody() {
            let live = modetest(who, &words);
            expect_frequency(&live);
            pull(&live, &[]);
            // Those that were under way are in the first.
            (0..2).for_each(|_| expect_frequency(&live));
            end_flips(live, &words.join(" "));
        }
    }
}

/// The other contracts say ENODEV where quiet does not; memory is memory under each.
#[test]
fn the_other_contracts_are_there_when_they_are_asked_for() {
    let program = client("drm", "static");
    for who in everybody() {
        for contract in ["strict", "linux"] {
            let run = Run::with(&[CARD]).by(who).contract(contract).env("OUTLIVE_CLIENT_CONTRACT", contract);
            let mut live = run.start([program.to_str().unwrap(), "errors"]);
            live.line("ready");
            pull(&live, &[]);
            live.say("\n");
            expect_good(live, &format!("{who:?} {contract}"));
        }
    }
}

/// A lab in which nobody says a contract has cards that are quiet, and all else as strict as ever.
#[test]
fn quiet_is_for_cards_only() {
    let program = client("drm", "static");
    let mut live = Run::with(&[SLOW, "input:keyboard,num=0"]).by(Who::User).start([
        "sh",
        "-c",
        "exec 3</dev/input/event0; echo key; read line; head -c 1 <&3 2>&1; echo said; exec \"$0\" pulled",
        program.to_str().unwrap(),
    ]);
    live.line("key");
    assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
    live.say("\n");
    let said = live.line("head: ");
    assert!(said.contains("No such device"), "{said}");
    live.line("ready");
    live.say("\n");
    live.line("ready");
    pull(&live, &[]);
    live.say("\n");
    expect_good(live, "pulled");
}
