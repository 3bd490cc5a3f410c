use crate::stage::{EEPROM, Run, client, everybody, expect_no_mounts, outlive};

#[test]
fn wild_pointers_wrong_counts_and_lengths_get_errors_of_their_own() {
    for who in everybody() {
        for mode in ["wild", "many-messages", "block-255", "mmap"] {
            let hostile = client("hostile", "static");
            Run::with(&[EEPROM]).by(who).expect(0, [hostile.to_str().unwrap(), mode]);
        }
    }
}

#[test]
fn a_million_random_ioctls_break_nothing() {
    let hostile = client("hostile", "shared");
    let text = Run::with(&[EEPROM]).expect(0, [hostile.to_str().unwrap(), "random", "42", "1000000"]);
    println!("{text}");
}

#[test]
fn memory_that_changes_under_a_call_breaks_nothing() {
    let hostile = client("hostile", "static");
    Run::with(&[EEPROM]).expect(0, [hostile.to_str().unwrap(), "race", "20000"]);
}

#[test]
fn a_run_inside_a_run_says_what_to_do() {
    let outlive = outlive();
    let inner = [outlive.to_str().unwrap(), "run", "--device", EEPROM, "--", "true"];
    let text = Run::with(&[EEPROM]).expect(125, inner);
    assert!(
        text.contains("runs under a seccomp supervisor already") && text.contains("start `outlive run` from outside")
    );
    let text = Run::with(&[EEPROM]).expect(1, [outlive.to_str().unwrap(), "doctor"]);
    assert!(text.contains("outer listener"), "{text}");
    expect_no_mounts();
}

#[test]
fn a_lab_that_cannot_be_says_why_and_leaves_nothing() {
    let twice = [EEPROM, "i2c:lm75@0x50,bus=7"];
    let cases: [(&[&str], &str); 3] =
        [(&["i2c:24c03@0x50"], "there is no chip \"24c03\""), (&["i2c:24c02@0x99"], "0x99"), (&twice, "0x50")];
    for (devices, expected) in cases {
        let text = Run::with(devices).expect(125, ["true"]);
        assert!(text.contains(expected), "{devices:?}: {text}");
    }
    expect_no_mounts();
}
