//! What a run of the front could leave behind: processes, mounts, sockets, files.

use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// In the environment of every process of a run: by this they are found, whatever becomes of them.
const MARK: &str = "OUTLIVE_XTASK";

/// How long those who end may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// The traces by which a run of `outlive run` is found: its name, and a folder of its own for temporary files.
pub(crate) struct Traces {
    /// The name of its lab, which no other run on this machine has.
    pub(crate) name: String,
    folder: PathBuf,
}

impl Traces {
    /// For a run called `name`, whose folder belongs to `user` (and its group of that number), if not to us.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub(crate) fn new(name: &str, user: Option<u32>) -> Result<Traces> {
        let name = format!("{name}-{}", std::process::id());
        let folder = env::temp_dir().join(&name);
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if user.is_some() {
            chown(&folder, user, user).with_context(|| format!("cannot chown {}", folder.display()))?;
        }
        Ok(Traces { name, folder })
    }

    /// Has whatever `command` starts leave its traces here, rather than in a lab or on a road of the caller's.
    pub(crate) fn mark(&self, command: &mut Command) {
        command.env(MARK, &self.name).env("TMPDIR", &self.folder);
        command.env_remove("OUTLIVE_LAB").env_remove("OUTLIVE_STATUS").env_remove("OUTLIVE_ROAD");
    }

    /// Expects nothing to be left. What is just ending may take a while.
    ///
    /// # Errors
    /// A list of what is.
    pub(crate) fn expect_none(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = self.left();
            if left.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < end, "left behind: {}", left.join(", "));
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn left(&self) -> Vec<String> {
        let mut found = self.processes();
        let lines = |file: &str, mark: &str| -> Vec<String> {
            let text = fs::read_to_string(file).unwrap_or_default();
            let lines = text.lines().filter(|line| line.contains(mark));
            lines.map(|line| format!("{file}: {line}")).collect()
        };
        found.extend(lines("/proc/net/unix", &self.name));
        // A mount of ours is seen by nobody, whoever runs.
        found.extend(lines("/proc/self/mounts", "outlive "));
        for folder in [&self.folder, Path::new("/run/outlive")] {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            let ours = entries.filter(|path| path.to_string_lossy().contains(&self.name));
            found.extend(ours.map(|path| path.display().to_string()));
        }
        found
    }

    fn processes(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.name);
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        let ours = processes.filter(|process| {
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        });
        let described = ours.map(|process| {
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
            format!("process {} ({})", process.file_name().unwrap_or_default().display(), name.trim())
        });
        described.collect()
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok(); // what was left in it has been told
    }
}

/// Where runs of xtask keep what they said: a file for each that went wrong.
///
/// # Errors
/// If there can be no such folder.
pub(crate) fn logs(of: &str) -> Result<PathBuf> {
    let folder = workspace::target().join(of);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
