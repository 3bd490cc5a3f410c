//! Explorations of planted programs.

use serde_json::Value;
use std::process::{Command, Output, Stdio};

pub(crate) const OUTLIVE: &str = env!("CARGO_BIN_EXE_outlive");
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// `outlive explore` with these options on `command`, with an EEPROM on bus 7.
pub(crate) fn output(options: &[&str], command: &[&str]) -> Output {
    let mut explore = Command::new(OUTLIVE);
    explore.args(["explore", "--device", "i2c:24c02@0x50,bus=7"]).args(options).arg("--").args(command);
    explore.stdin(Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1").output().expect("outlive starts")
}

#[track_caller]
pub(crate) fn report(options: &[&str], command: &[&str]) -> (Value, i32) {
    let output = output(&[&["--json"], options].concat(), command);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code().expect("an exit code"))
}

pub(crate) fn points(report: &Value) -> &[Value] {
    report["points"].as_array().expect("a list of points")
}

pub(crate) fn verdicts(report: &Value) -> Vec<&str> {
    points(report).iter().map(|point| point["verdict"].as_str().expect("a verdict")).collect()
}

/// What the planted programs have in common: `store` writes two bytes to the EEPROM, one after the other, in four
/// operations; `tries` says how often, until it works, before the failure is the program's.
pub(crate) const STORE: &str = "import fcntl, os, signal, sys, time
def store(node='/dev/i2c-7', after=lambda: None):
    bus = os.open(node, os.O_RDWR)
    try:
        fcntl.ioctl(bus, 0x0703, 0x50)
        os.write(bus, b'\\x00\\xaa')
        os.write(bus, b'\\x01\\xbb')
    finally:
        os.close(bus)
def tries(count, pause=0, **how):
    for left in reversed(range(count)):
        try: return store(**how)
        except OSError as error:
            if not left: sys.exit(f'{error}')
            time.sleep(pause)
";

/// Agrees if both bytes were stored, or none.
pub(crate) const CHECK: &str = "/usr/bin/python3 -c \"
import fcntl, os, sys
bus = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(bus, 0x0703, 0x50)
os.write(bus, b'\\x00')
found = os.read(bus, 2)
sys.exit(0 if found in (b'\\xaa\\xbb', b'\\xff\\xff') else f'torn: {found.hex()}')\"";

/// A planted program: STORE, and then this.
pub(crate) fn program(then: &str) -> [String; 3] {
    [PYTHON.into(), "-c".into(), format!("{STORE}{then}")]
}

#[track_caller]
pub(crate) fn planted(options: &[&str], then: &str, expected: &[&str], exit: i32) -> Value {
    let program = program(then);
    let (report, code) = report(options, &program.each_ref().map(String::as_str));
    assert_eq!((verdicts(&report), code), (expected.to_vec(), exit), "{report:#}");
    report
}
