//! Each verdict by a program that was made for it, on each road, and the device that comes back at different times.

use crate::stage::{CHECK, PYTHON, STORE, output, planted, points, program};
use serde_json::Value;
use std::{fs, thread};

#[test]
fn recovered_is_a_program_that_opens_again_and_does_it_again() {
    for road in ["fuse", "trap", "plain"] {
        let options = ["--road", road, "--replug", "--check", CHECK];
        let report = planted(&options, "tries(2)", &["recovered"; 4], 0);
        for point in points(&report) {
            assert_eq!(
                (&point["failed"], &point["replugged"]),
                (&Value::from(1), &Value::from(true)),
                "{road}: {point:#}"
            );
            assert_eq!(point["check"]["end"]["exit"], 0, "{road}: {point:#}");
        }
    }
}

#[test]
fn what_was_opened_before_stays_dead() {
    let then = "bus = os.open('/dev/i2c-7', os.O_RDWR)
for _ in range(5):
    try: os.read(bus, 1)
    except OSError as error: print(error.errno)
sys.exit(3)";
    let output = output(
        &["--replug", "--at", "2"],
        &[PYTHON, "-c", &format!("{STORE}{then}").replace("sys.exit(3)", "sys.exit(0)")],
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("  | 5\n").count(), 5, "EIO: {text}");
    assert!(!text.contains("back >"), "{text}");
}

/// It says so, and leaves the state that it found, or one that the check takes for good.
#[test]
fn clean_is_a_program_that_ends_before_anything_is_torn() {
    let options = ["--replug", "--check", CHECK, "--points", "1-3"];
    planted(&options, "tries(1)", &["clean"; 3], 0);
}

#[test]
fn corrupt_is_what_the_check_is_against_whatever_the_program_says() {
    // The second byte is not written: the program says so, says nothing, hangs, or dies.
    for then in [
        "tries(1)",
        "try: store()\nexcept OSError: pass",
        "try: store()\nexcept OSError: time.sleep(60)",
        "try: store()\nexcept OSError: os.abort()",
    ] {
        for replug in [&["--replug"][..], &[]] {
            let options = [replug, &["--check", CHECK, "--timeout", "4s", "--at", "4"]].concat();
            let report = planted(&options, then, &["corrupt"], 1);
            let check = &points(&report)[0]["check"];
            assert_eq!((check["end"]["exit"].as_i64(), check["output"].as_str()), (Some(1), Some("torn: aaff\n")));
        }
    }
}

/// Without --check nobody has looked, and without --replug the device was not there to do anything with.
#[test]
fn silent_is_success_that_nobody_has_confirmed() {
    planted(&["--replug"], "tries(2)", &["silent"; 4], 1);
    let ignores = "try: store()\nexcept OSError: pass";
    planted(&["--check", CHECK, "--points", "1-3"], ignores, &["silent"; 3], 1);
    let output = output(&["--replug"], &program("tries(2)").each_ref().map(String::as_str));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("nobody looked at what was left behind"), "{text}");
}

/// Its first try fails, and so do as many more as the device stays away for.
#[test]
fn it_comes_back_after_so_many_operations_or_after_a_time() {
    for (replug, tries, verdict, failed) in [
        ("--replug=0", "tries(2)", "recovered", Some(1)),
        ("--replug=1", "tries(2)", "clean", Some(2)),
        ("--replug=1", "tries(3)", "recovered", Some(2)),
        ("--replug=3", "tries(5)", "recovered", Some(4)),
        ("--replug=100ms", "tries(1000, 0.01)", "recovered", None),
        ("--replug=60s", "tries(2)", "clean", Some(2)),
    ] {
        let exit = 0;
        let report = planted(&[replug, "--check", CHECK, "--at", "3"], tries, &[verdict], exit);
        let point = &points(&report)[0];
        assert_eq!(
            point["replugged"],
            verdict == "recovered" || tries == "tries(2)" && replug == "--replug=1",
            "{replug}"
        );
        if let Some(failed) = failed {
            assert_eq!(point["failed"], failed, "{replug} {tries}: {point:#}");
        }
    }
    for wrong in ["--replug=soon", "--replug=-1", "--replug="] {
        let refused = output(&[wrong], &["true"]);
        let errors = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{wrong}: {errors}");
    }
}

/// The other bus is never away; its own failures are not the pull's.
#[test]
fn only_what_was_pulled_goes_and_comes_back() {
    let then = "other = os.open('/dev/i2c-8', os.O_RDWR)
fcntl.ioctl(other, 0x0703, 0x51)
tries(2)
os.write(other, b'\\0\\1')";
    let options = ["--device", "i2c:24c02@0x51,bus=8", "--replug", "--check", CHECK, "--points", "3-6"];
    let report = planted(&options, then, &["recovered"; 4], 0);
    assert!(points(&report).iter().all(|point| point["device"] == "i2c-7" && point["replugged"] == true));
    // Pulled itself, it is back at once, and this program does not open it again.
    let options = [&options[..5], &["--points", "1-2,7"]].concat();
    let report = planted(&options, then, &["clean"; 3], 0);
    assert!(points(&report).iter().all(|point| point["device"] == "i2c-8" && point["failed"] == 1), "{report:#}");
}

#[test]
fn a_point_repeats_exactly() {
    for (options, at, expected, exit) in [
        (&["--replug", "--check", CHECK][..], "3", ("recovered", 1, 5), 0),
        (&["--replug=2", "--check", CHECK], "4", ("recovered", 3, 7), 0),
    ] {
        for _ in 0..10 {
            let report = planted(&[options, &["--at", at]].concat(), "tries(9)", &[expected.0], exit);
            let point = &points(&report)[0];
            let seen = (point["failed"].as_i64(), point["after"].as_i64(), point["replugged"].as_bool());
            assert_eq!(seen, (Some(expected.1), Some(expected.2), Some(true)), "{point:#}");
        }
    }
}

#[test]
fn runs_side_by_side_do_not_disturb_each_other() {
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| planted(&["--replug", "--check", CHECK, "--jobs", "4"], "tries(2)", &["recovered"; 4], 0));
        }
    });
}

#[test]
fn a_baseline_and_allow_know_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known.json");
    let known = ["--baseline", file.to_str().unwrap()];
    let judged = ["--replug", "--check", CHECK];
    let report = planted(&judged, "tries(1)", &["clean", "clean", "clean", "corrupt"], 1);
    fs::write(&file, report.to_string()).unwrap();
    planted(&[&judged[..], &known].concat(), "tries(1)", &["clean", "clean", "clean", "corrupt"], 0);
    planted(&[&judged[..], &["--allow", "crash", "--at", "4"]].concat(), "tries(1)", &["corrupt"], 1);
    planted(&[&judged[..], &["--allow", "corrupt", "--at", "4"]].concat(), "tries(1)", &["corrupt"], 0);
    planted(&[&judged[..], &["--allow", "clean", "--at", "4"]].concat(), "tries(2)", &["recovered"], 1);
    planted(&[&judged[..], &["--allow", "recovered", "--at", "4"]].concat(), "tries(2)", &["recovered"], 0);
}
