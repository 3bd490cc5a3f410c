//! What examples/tpm/README.md says of tpm2-tools, at a few points of each.

use super::{OUTLIVE, verdicts};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A TPM that has been used once.
struct Used(TempDir);

impl Used {
    fn new() -> Self {
        let used = Used(tempfile::tempdir().unwrap());
        let ended = used.outlive(&["run"], &["tpm2_getrandom", "--hex", "4"]).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        used
    }

    fn outlive(&self, words: &[&str], command: &[&str]) -> Command {
        let device = format!("tpm:swtpm,num=0,state={}", self.0.path().display());
        let mut outlive = Command::new(OUTLIVE);
        outlive.args(words).args(["--device", &device, "--"]).args(command).stdin(Stdio::null());
        outlive.env("TPM2TOOLS_TCTI", "device:/dev/tpm0");
        outlive
    }

    /// What it keeps.
    fn state(&self) -> Vec<u8> {
        fs::read(self.0.path().join("tpm2-00.permall")).expect("swtpm keeps its state there")
    }

    #[track_caller]
    fn explore(&self, options: &[&str], command: &[&str]) -> (Value, i32) {
        let before = self.state();
        let output = self.outlive(&[&["explore", "--json"], options].concat(), command).output().unwrap();
        assert!(self.state() == before, "the user's TPM is as it was");
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (report, output.status.code().unwrap())
    }
}

#[test]
fn getrandom_fails_and_says_so() {
    let (report, exit) = Used::new().explore(&[], &["tpm2_getrandom", "--hex", "8"]);
    let expected = [&["clean"; 8][..], &["unaffected"; 2]].concat();
    assert_eq!((verdicts(&report), exit), (expected, 0), "{report:#}");
}

#[test]
fn who_trusts_the_tools_says_that_the_secret_is_there() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/tpm/seal.sh");
    let script = fs::read_to_string(script).unwrap();
    let trusting = script.replacen("set -e\n", "", 1);
    assert_ne!(trusting, script);
    let used = Used::new();
    for (script, verdict, code) in [(script, "clean", 0), (trusting, "silent", 1)] {
        let (report, exit) = used.explore(&["--points", "1,60,122"], &["sh", "-c", &script]);
        assert_eq!((verdicts(&report), exit), (vec![verdict; 3], code), "{report:#}");
    }
}
