//! What a lab says about a TPM.

use super::{Parts, Swtpm, state::StateDirectory};
use outlive_drivers::value;
use std::{
    collections::BTreeMap,
    fmt,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// The only model: whatever the process that is started can do.
const MODEL: &str = "swtpm";
const KEYS: [&str; 2] = ["deadline", "state"];
/// The longest that Linux waits for any command: `TPM2_DURATION_LONG_LONG` of `drivers/char/tpm/tpm.h`.
const LONGEST: Duration = Duration::from_secs(300);
/// Less is no time for a process.
const SHORTEST: Duration = Duration::from_millis(10);

/// A TPM: `swtpm,state=DIR`.
///
/// Keys: `state=DIR`, the directory that keeps its state, which is made if it is not there; `deadline=DURATION`, how long a
/// command may take before the TPM is given up, from 10ms to 5min (as long as Linux would wait for that command).
pub(crate) struct SwtpmConfig<'a> {
    pub(crate) model: &'a str,
    pub(crate) keys: &'a BTreeMap<String, String>,
}

/// Something that a lab said about a TPM cannot be: which key, what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    pub(crate) key: String,
    pub(crate) why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

fn refused(key: &str, why: impl Into<String>) -> Refused {
    Refused { key: key.to_owned(), why: why.into() }
}

impl SwtpmConfig<'_> {
    /// Makes it. No process is started before somebody opens it.
    ///
    /// # Errors
    /// What is wrong, and what to do: a key, swtpm is not installed, the state is in use.
    pub(crate) fn build(&self) -> Result<Swtpm, Refused> {
        if self.model != MODEL {
            return Err(refused("model", format!("there is no tpm {:?}; known tpms: {MODEL}", self.model)));
        }
        if let Some(key) = self.keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let why = format!("{MODEL} has no key {key:?}; its keys: {}", KEYS.join(", "));
            return Err(refused(key, why));
        }
        let deadline = self.keys.get("deadline").map(|text| deadline(text)).transpose()?;
        let path = self.keys.get("state").ok_or_else(|| {
            refused(
                "model",
                "where is its state? add state=DIR, a directory that keeps it; it is made if it is not there",
            )
        })?;
        let program = find().ok_or_else(|| {
            refused("model", "there is no program `swtpm` in PATH; install the package swtpm (apt-get install swtpm)")
        })?;
        let state = StateDirectory::take(Path::new(path)).map_err(|why| refused("state", why))?;
        Ok(Swtpm::new(Parts { program, state, deadline }))
    }
}

fn deadline(text: &str) -> Result<Duration, Refused> {
    let duration =
        value::parse_duration(text).map_err(|why| refused("deadline", format!("key \"deadline\": {why}")))?;
    match (SHORTEST..=LONGEST).contains(&duration) {
        true => Ok(duration),
        false => Err(refused("deadline", "key \"deadline\": from 10ms to 5min")),
    }
}

/// The program, by PATH: as execvp(3) would find it now.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let runs = |file: &PathBuf| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path).map(|folder| folder.join(MODEL)).find(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let build = |model: &str, keys: &[(&str, &str)]| {
            let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            SwtpmConfig { model, keys: &keys }.build().err().map(|refused| (refused.key.clone(), refused.to_string()))
        };
        for (model, keys, key, why) in [
            ("tpm", &[][..], "model", "there is no tpm \"tpm\"; known tpms: swtpm"),
            ("swtpm", &[("size", "1")], "size", "its keys: deadline, state"),
            ("swtpm", &[], "model", "add state=DIR"),
            ("swtpm", &[("deadline", "6min"), ("state", "/x")], "deadline", "10ms to 5min"),
            ("swtpm", &[("deadline", "soon"), ("state", "/x")], "deadline", "key \"deadline\": "),
        ] {
            let (said, text) = build(model, keys).expect("it is refused");
            assert!(said == key && text.contains(why), "{said}: {text}");
        }
    }
}
