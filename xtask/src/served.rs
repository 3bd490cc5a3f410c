//! The tests of the serve front, in a guest: they need root and CUSE, and change /dev.

use crate::{step::Step, workspace};
use anyhow::{Context, Result, ensure};
use std::{path::PathBuf, process::Command, time::Duration};

/// What it is for, and its name as a test.
const TESTS: [(&str, &str); 2] =
    [("the serve front, in a guest", "serve"), ("the removal law on the serve front, in a guest", "on_serve")];
/// How long one may take in the guest, in seconds: it has one slow processor.
const LIMIT: u64 = 300;

/// Builds them; each is a step.
///
/// # Errors
/// If one does not build.
pub(crate) fn steps() -> Result<Vec<Step>> {
    let step = |(title, test)| {
        let test = build(test)?;
        let limit = LIMIT.to_string();
        let words = ["xtask", "guest", "uml", "--module", "fuse", "--module", "cuse", "--limit", &limit, "--"];
        let test = test.to_str().context("the path of a test is no text")?;
        let words = [&words[..], &[test, "--ignored", "--test-threads=1"]].concat();
        // Not this very file: cargo may have made it anew meanwhile.
        Ok(Step::new(title, workspace::cargo(), &words).limit(Duration::from_secs(LIMIT + 60)).tests())
    };
    TESTS.into_iter().map(step).collect()
}

/// The program that a test becomes.
fn build(test: &str) -> Result<PathBuf> {
    let words = ["test", "--no-run", "--message-format=json-render-diagnostics", "--workspace", "--test", test];
    let output = Command::new(workspace::cargo()).args(words).current_dir(workspace::root()).output()?;
    ensure!(output.status.success(), "{test} does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let executable = text.lines().find_map(|line| executable(line, test));
    executable.with_context(|| format!("cargo does not say where {test} is"))
}

fn executable(line: &str, test: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_it = message["target"]["name"] == test && message["target"]["kind"][0] == "test";
    is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_what_cargo_says() {
        let line =
            r#"{"reason":"compiler-artifact","target":{"kind":["test"],"name":"serve"},"executable":"/x/serve-1"}"#;
        assert_eq!(executable(line, "serve"), Some(PathBuf::from("/x/serve-1")));
        assert_eq!(executable(line, "front"), None);
        assert_eq!(executable(&line.replace("\"test\"", "\"bin\""), "serve"), None);
        assert_eq!(executable("Compiling", "serve"), None);
    }
}
