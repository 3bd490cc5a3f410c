//! What cannot be, and what is said about it. Nothing is left in /dev.

use crate::stage::{Serve, bus, eeprom, node, outlive, output};
use std::{fs, process::Command};

/// It ends with 1, and says so; `device` is not there then.
fn check(command: &mut Command, absent: u32, words: &[&str]) {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    let left = fs::read_dir("/dev/outlive").into_iter().flatten().flatten();
    let own = format!("i2c-{absent}.");
    let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&own)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn what_cuse_cannot_carry_is_refused() {
    let bus = bus();
    // The bus before it goes as well.
    let mut command = outlive(&["serve", "--device", &eeprom(bus), "--device", "uio:timer"]);
    check(&mut command, bus, &["uio0", "mmap", "outlive run"]);
    assert!(fs::symlink_metadata(node(bus)).is_err());
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn bad_lab_files_say_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    let bus = bus();
    for (line, words) in [
        ("mode = \"0668\"", &["lab.toml:6:8", "octal"][..]),
        ("mode = 0o660", &["lab.toml:6:8", "in quotes"]),
        ("mode = \"4777\"", &["lab.toml:6:8", "0777"]),
        ("group = \"no-such-group\"", &["no group `no-such-group`", "getent group"]),
        ("group = \"\"", &["lab.toml:6:9", "getent group"]),
        ("owner = \"me\"", &["owner"]),
    ] {
        let text = format!("[[device]]\nclass = \"i2c\"\nnum = {bus}\nmodel = \"24c02\"\naddr = 0x50\n{line}\n");
        fs::write(&file, text).unwrap();
        check(&mut outlive(&["serve", "--lab", file.to_str().unwrap()]), bus, words);
        assert!(fs::symlink_metadata(node(bus)).is_err(), "{line}");
    }
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_name_that_is_taken_stays_whose_it_is() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus)]);
    let target = fs::read_link(node(bus)).unwrap();
    let output = output(&mut outlive(&["serve", "--device", &eeprom(bus), "--name", "another"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("another lab serves it"), "{said}");
    assert_eq!(fs::read_link(node(bus)).unwrap(), target);
    serve.stop();
    fs::write(node(bus), "the machine's own").unwrap();
    check(&mut outlive(&["serve", "--device", &eeprom(bus)]), bus, &["the machine's own", "num="]);
    assert_eq!(fs::read_to_string(node(bus)).unwrap(), "the machine's own");
    fs::remove_file(node(bus)).unwrap();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn who_may_not_serve_is_told_what_it_takes() {
    let bus = bus();
    let binary = env!("CARGO_BIN_EXE_outlive");
    let mut user = Command::new("setpriv");
    user.args(["--reuid", "65534", "--clear-groups", binary, "serve", "--device", &eeprom(bus)]);
    check(&mut user, bus, &["takes root", "outlive run"]);
    let mut bare = Command::new("unshare");
    let script = format!("mount -t tmpfs none /dev && exec {binary} serve --device {}", eeprom(bus));
    bare.args(["-m", "sh", "-c", &script]);
    check(&mut bare, bus, &["no /dev/cuse", "modprobe cuse"]);
}
