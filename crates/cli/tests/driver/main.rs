//! `outlive driver`: a driver in a process of its own, as a host has it.

mod bad_hosts;
mod calls;
mod example;
mod host;
mod lives;

use host::{Host, reach, start};
use outlive_protocol::Class;
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A server and what it was started with.
pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

pub(crate) fn outlive(specs: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlive"));
    command.arg("driver").args(specs.split_whitespace()).env_remove("OUTLIVE_DRIVER_FD");
    command
}

impl Server {
    /// One that listens.
    pub(crate) fn listening(specs: &str) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let mut command = outlive(specs);
        command.arg("--socket").arg(folder.path().join("socket")).stdin(Stdio::null()).stderr(Stdio::piped());
        Server { child: command.spawn().unwrap(), folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn greet(&self, class: Class) -> Host {
        Host::greet(reach(&self.path()), class)
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Its end by SIGTERM, and what it has said.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        self.signal(rustix::process::Signal::TERM);
        let ended = ended(&mut self.child);
        assert!(!self.path().exists(), "it takes its socket along");
        ended
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, but in a test that fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How it ended, and what it has said.
pub(crate) fn ended(child: &mut Child) -> (ExitStatus, String) {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap(), said)
}

/// A server that has been started by its host, and that.
pub(crate) fn started(specs: &str, class: Class) -> (Child, Host) {
    let (child, socket) = start(outlive(specs));
    (child, Host::greet(socket, class))
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
