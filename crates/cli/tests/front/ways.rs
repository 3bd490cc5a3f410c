use crate::stage::{EEPROM, Run, Who, everybody, expect_no_mounts, not_on_plain, outlive};
use std::process::Command;

#[test]
fn each_way_to_mount_works_for_those_who_may() {
    if not_on_plain("it is about FUSE") {
        return;
    }
    for who in everybody() {
        for way in ["root", "namespace", "fusermount"] {
            let run = Run::with(&[EEPROM]).by(who).env("OUTLIVE_MOUNT", way);
            if (who, way) == (Who::User, "root") {
                let text = run.expect(125, ["true"]);
                assert!(text.contains("mounting directly, as root: mounting needs CAP_SYS_ADMIN"), "{text}");
            } else {
                assert_eq!(run.expect(0, ["i2cget", "-y", "7", "0x50", "0"]), "0xff\n", "{who:?} {way}");
            }
        }
    }
    expect_no_mounts();
}

/// Where there is no /dev/fuse, every way says why, and there is a road without.
#[test]
fn without_fuse_the_reason_is_given() {
    if not_on_plain("it is about FUSE") {
        return;
    }
    let outlive = outlive();
    let hidden = |words: &str| {
        let script = format!("mount -t tmpfs none /dev && exec {} {words}", outlive.display());
        // By itself it takes the road that there is.
        let mut command = Command::new("unshare");
        let command = command.args(["-m", "sh", "-c", &script]).env_remove("OUTLIVE_ROAD");
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code().unwrap(), text)
    };
    let (code, text) = hidden(&format!("run --device {EEPROM} -- i2cget -y 7 0x50 0x10"));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("taking the road `plain`") && text.contains("0xff\n"), "{text}");
    let (code, text) = hidden(&format!("run --road fuse --device {EEPROM} -- true"));
    assert_eq!(code, 125, "{text}");
    assert!(text.contains("there is no way to mount FUSE here"), "{text}");
    assert_eq!(text.matches("there is no /dev/fuse: load the fuse module").count(), 2, "{text}");
    assert!(text.contains("outlive doctor"), "{text}");
    let (code, text) = hidden("doctor");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("there is no /dev/fuse") && text.contains("on the road plain alone"), "{text}");
}

/// Linux allows one supervisor.
#[test]
fn doctor_says_no_where_run_cannot_work() {
    let words = [outlive().to_str().unwrap().to_owned(), "doctor".to_owned()];
    let text = Run::with(&[EEPROM]).expect(1, words);
    assert!(text.contains("outer listener") && text.contains("cannot work here"), "{text}");
}

#[test]
fn doctor_says_yes_where_run_works() {
    let output = Command::new(outlive()).args(["doctor", "--json"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let diagnosis: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(diagnosis["run"], true, "{text}");
    assert!(diagnosis["findings"].as_array().unwrap().len() >= 10, "{text}");
}
