//! What the README says works.

use std::{fs, path::Path, process::Command};

/// The first block of the README that begins with `fence`.
fn block(fence: &str) -> String {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let (_, rest) = readme.split_once(&format!("```{fence}\n")).expect("such a block");
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_lab_file_of_the_readme_makes_the_lab_that_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    fs::write(&file, block("toml")).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_outlive"));
    run.arg("run").arg("--lab").arg(&file).env_remove("OUTLIVE_LAB");
    // Register 0 of an LM75 is its temperature, high byte first: 21.5 degrees are 0x1580.
    let output = run.args(["--", "sh", "-c", "i2cset -y 7 0x50 1 0x2a; i2cget -y 7 0x48 0 w"]).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!((output.status.code(), text.as_str()), (Some(0), "0x8015\n"));
    assert_eq!(fs::read(folder.path().join("eeprom.bin")).unwrap()[1], 0x2a);
}
