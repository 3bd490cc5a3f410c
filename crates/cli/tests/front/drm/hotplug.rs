//! Cables that are put in and pulled out, and who hears of it.

use super::{CARD, drawing, expect_good, screenshot};
use crate::stage::{Live, Run, everybody};

fn says(live: &Live, words: &[&str]) -> String {
    let (code, said) = live.command(words);
    assert_eq!(code, 0, "{words:?}: {said}");
    said
}

#[test]
fn a_cable_is_pulled_out_and_put_in() {
    for who in everybody() {
        let script = "echo ready; while read line; do cat /sys/class/drm/card0-Virtual-1/status; done";
        let mut live = Run::with(&[CARD]).by(who).start(["sh", "-c", script]);
        live.line("ready");
        live.say("\n");
        assert_eq!(live.line(""), "connected");
        assert_eq!(says(&live, &["unplug", "card0-Virtual-1"]), "card0-Virtual-1: disconnected\n");
        live.say("\n");
        assert_eq!(live.line(""), "disconnected");
        assert_eq!(says(&live, &["unplug", "card0-Virtual-1"]), "card0-Virtual-1: was disconnected before\n");
        let listed = says(&live, &["ls"]);
        let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[2], ["card0-Virtual-1", "connector", "-", "-", "-", "-", "disconnected"], "{listed}");
        assert_eq!(rows[3].last(), Some(&"connected"), "{listed}");
        assert_eq!(says(&live, &["plug", "card0-Virtual-1"]), "card0-Virtual-1: plugged in\n");
        live.say("\n");
        assert_eq!(live.line(""), "connected");
        // With a device, in one command; each in its place.
        let both = says(&live, &["unplug", "card0-Virtual-2", "card0"]);
        let lines: Vec<_> = both.lines().collect();
        assert!(
            lines[0] == "card0-Virtual-2: disconnected" && lines[1].starts_with("dri/card0: gone after "),
            "{both}"
        );
        let (code, said) = live.command(&["unplug", "card0-Virtual-1"]);
        assert!(code == 1 && said.contains("dri/card0"), "of a card that has gone: {said}");
        says(&live, &["plug", "card0"]);
        assert!(says(&live, &["ls", "card0"]).contains("card0-Virtual-2  connector"), "it is there again");
    }
}

/// A display that is unplugged shows nothing, and what was drawn is there when it is back.
#[test]
fn a_display_without_a_cable_shows_nothing() {
    let live = drawing(crate::stage::Who::User, &[CARD], &["show"]);
    assert!(screenshot(&live, &["card0"]).is_ok());
    says(&live, &["unplug", "card0-Virtual-1"]);
    let dark = screenshot(&live, &["card0"]).err().unwrap();
    assert!(dark.contains("no display hangs on card0-Virtual-1; `outlive plug card0-Virtual-1`"), "{dark}");
    says(&live, &["plug", "card0-Virtual-1"]);
    assert_eq!(screenshot(&live, &["card0"]).unwrap().quarters()[0], [255, 0, 0]);
    expect_good(live, "show");
}

/// The first line of what `udevadm monitor` says of an event next, of whichever group.
fn next_event(live: &Live) -> String {
    loop {
        let line = live.line("");
        if line.starts_with("KERNEL[") || line.starts_with("UDEV  [") {
            return line;
        }
    }
}

#[test]
fn udevadm_hears_of_cables_and_of_the_removal() {
    let monitor = ["stdbuf", "-oL", "udevadm", "monitor", "--kernel", "--udev", "--property", "--subsystem-match=drm"];
    for who in everybody() {
        let live = Run::with(&[CARD]).by(who).start(monitor);
        live.line("KERNEL - ");
        for command in ["unplug", "plug"] {
            says(&live, &[command, "card0-Virtual-2"]);
            let mut groups = [(); 2].map(|()| {
                let event = next_event(&live);
                assert!(event.contains(" change ") && event.ends_with("/drm/card0 (drm)"), "{who:?}: {event}");
                assert_eq!(live.line("HOTPLUG="), "HOTPLUG=1");
                let id: u32 = live.line("CONNECTOR=").trim_start_matches("CONNECTOR=").parse().unwrap();
                assert!(id > 0);
                assert_eq!(live.line("DEVTYPE="), "DEVTYPE=drm_minor");
                event[..4].to_owned()
            });
            groups.sort();
            assert_eq!(
                groups,
                ["KERN", "UDEV"],
                "{who:?}: one of each, in the order in which udevadm looks at its two sockets"
            );
        }
        says(&live, &["unplug", "card0"]);
        for device in ["card0-Virtual-2 (drm)", "card0-Virtual-1 (drm)", "card0 (drm)"] {
            let event = live.line("KERNEL[");
            assert!(event.contains(" remove ") && event.ends_with(device), "{who:?}: {event}");
        }
    }
}
