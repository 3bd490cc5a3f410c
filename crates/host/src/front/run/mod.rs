//! The run front: one process tree, no privilege, no module, no LD_PRELOAD.
//!
//! Names come by seccomp user notification: the kernel asks us about every call that goes by path, and for the common
//! answer "not ours" goes on as if we were not there. Descriptors are files of a FUSE mount of our own that nobody else
//! sees, so the kernel keeps all its rules for them: dup, passing, inheriting, closing, poll, signals.

mod arch;
mod call;
mod crew;
mod deliveries;
mod files;
pub(crate) mod filter;
mod holders;
mod names;
mod open_how;
mod opener;
mod stat;
mod status;
mod supervisor;
mod surroundings;
mod tree;

use crate::{
    fuse::mount::{Failure, Mount, Way, mount},
    lab::Lab,
    sys::{
        process::{SignalState, hear_of_children},
        seccomp::Listener,
    },
    trial::End,
};
use crew::Crew;
use files::Files;
use holders::TreeHolders;
use names::Names;
use opener::Opener;
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use std::{
    ffi::OsString,
    fmt,
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, SystemTime},
};
use supervisor::Supervisor;

pub(crate) use arch::call_name;
pub(crate) use tree::{Stopper, descendants};

/// Is told of the threads that make calls by name: every dynamically linked program makes some as it starts.
pub(crate) type ThreadHook = Arc<dyn Fn(u32) + Send + Sync>;

/// What CMD is and what it gets.
#[derive(Debug, Default)]
pub struct Command {
    /// The program, searched in PATH, and its arguments.
    pub words: Vec<OsString>,
    /// Added to its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// In the places of its standard input, output and error; `None`: those of this process.
    pub standard: [Option<OwnedFd>; 3],
}

/// CMD, running.
#[derive(Debug)]
pub struct Running {
    tree: tree::Tree,
}

/// Starts `command` with the devices of `lab`.
///
/// This process must have no other threads yet; it has some afterwards.
///
/// # Errors
/// [`StartError`]; nothing is left behind.
pub fn start(lab: &Arc<Lab>, command: Command) -> Result<Running, StartError> {
    start_watched(lab, command, None)
}

/// As [`start`]; `on_thread` is told of the threads that are seen.
pub(crate) fn start_watched(
    lab: &Arc<Lab>,
    command: Command,
    on_thread: Option<ThreadHook>,
) -> Result<Running, StartError> {
    let before = SignalState::current();
    hear_of_children();
    let mount = mount(way_asked_for()?).map_err(StartError::Mount)?;
    let name = command.words.first().cloned().unwrap_or_default();
    let mut environment = command.environment;
    environment.push((status::VARIABLE.into(), status::path(lab).into()));
    let start = tree::Start { command: command.words, environment, standard: command.standard };
    let (tree, listener, execution) = tree::Tree::start(&start, &before)?;
    // CMD's end of pipes is CMD's alone from here on.
    drop(start);
    let (files, mount) = serve(lab, mount, listener, on_thread)?;
    lab.set_holders(Arc::new(TreeHolders { root: tree.root().cast_unsigned(), mount, files: Arc::downgrade(&files) }));
    match execution.wait() {
        Ok(()) => Ok(Running { tree }),
        Err(errno) => {
            tree.wait();
            Err(StartError::Execute { name, errno })
        }
    }
}

fn serve(
    lab: &Arc<Lab>,
    mount: Mount,
    listener: OwnedFd,
    on_thread: Option<ThreadHook>,
) -> Result<(Arc<Files>, u64), StartError> {
    let said = |step: &'static str| {
        move |error: std::io::Error| StartError::System {
            step,
            errno: Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO)),
        }
    };
    raise_descriptor_limit();
    // The clock's thread starts when it is first needed; by then CMD may have left no room for one (RLIMIT_NPROC).
    lab.clock().after(Duration::ZERO, Box::new(|| {}));
    let Mount { root, channel, .. } = mount;
    let files = Files::new(lab.clone(), channel);
    let served = files.clone();
    Crew::start("files", move |crew| served.serve(crew)).map_err(said("starting a thread"))?;
    let names = Names::new(lab.clone(), files.clone(), &root).map_err(said("looking at the mount"))?;
    let listener = Listener::new(listener);
    let opener =
        Opener::start(root, &listener).map_err(StartError::system("starting a thread with a table of its own"))?;
    let (kept, mount) = (files.clone(), names.mount());
    let supervisor = Supervisor {
        listener,
        opener,
        names,
        files,
        lab: lab.clone(),
        started: SystemTime::now(),
        told_32: false.into(),
        on_thread,
    };
    Crew::start("names", move |crew| supervisor.serve(crew)).map_err(said("starting a thread"))?;
    Ok((kept, mount))
}

/// CMD keeps the limit that it was started with, and has been forked by now; we need descriptors as its processes do.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If it stays as it is, large trees may find it too low; most do not.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// `OUTLIVE_MOUNT` restricts the ways to mount to one: for tests, and to find out what a machine can do.
fn way_asked_for() -> Result<Option<Way>, StartError> {
    let Some(asked) = std::env::var_os("OUTLIVE_MOUNT") else { return Ok(None) };
    let way = Way::ALL.into_iter().find(|way| asked == way.name());
    way.map(Some).ok_or_else(|| StartError::UnknownWay(asked.to_string_lossy().into_owned()))
}

impl Running {
    /// Waits until the whole tree has ended, daemons too. The result is CMD's own end.
    pub fn wait(self) -> End {
        self.tree.wait()
    }

    /// Something that kills the tree.
    pub(crate) fn stopper(&self) -> Result<Stopper, StartError> {
        self.tree.stopper()
    }

    /// The process below which the tree is.
    pub(crate) fn root(&self) -> i32 {
        self.tree.root()
    }
}

/// Why CMD could not be started.
#[derive(Debug)]
pub enum StartError {
    /// No way to mount FUSE worked.
    Mount(Vec<Failure>),
    /// `OUTLIVE_MOUNT` names no way.
    UnknownWay(String),
    /// The seccomp filter could not be installed.
    Filter(Errno),
    /// CMD could not be executed.
    Execute {
        /// Its name.
        name: OsString,
        /// The errno of execve(2).
        errno: Errno,
    },
    /// A system call failed that should not.
    System {
        /// What was being done.
        step: &'static str,
        /// How it failed.
        errno: Errno,
    },
}

impl StartError {
    fn system(step: &'static str) -> impl Fn(Errno) -> StartError {
        move |errno| StartError::System { step, errno }
    }

    /// The exit code that tells of it: 127 and 126 for CMD, as shells have it; 125 for what is ours.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Execute { errno, .. } => tree::exit_code_of(*errno) as u8,
            _ => 125,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Mount(failures) => {
                f.write_str("there is no way to mount FUSE here, and descriptors are FUSE files:")?;
                for Failure { way, why } in failures {
                    write!(f, "\n  {way}: {why}")?;
                }
                f.write_str("\n`outlive doctor` says what this machine can do")
            }
            StartError::UnknownWay(asked) => {
                let ways = Way::ALL.map(Way::name).join(", ");
                write!(f, "OUTLIVE_MOUNT={asked}: no such way to mount; there are {ways}")
            }
            StartError::Filter(Errno::BUSY) => f.write_str(
                "this process runs under a seccomp supervisor already, and Linux allows one: \
                 start `outlive run` from outside the other `outlive run` (or container) that it is in",
            ),
            StartError::Filter(Errno::INVAL | Errno::NOSYS) => f.write_str(
                "the kernel has no seccomp user notification (5.9 with CONFIG_SECCOMP_FILTER), or the container's \
                 seccomp profile forbids it; `outlive doctor` says what this machine can do",
            ),
            StartError::Filter(errno) => write!(f, "installing the seccomp filter: {errno}"),
            StartError::Execute { name, errno } => {
                let name = name.to_string_lossy();
                match *errno {
                    Errno::NOENT => write!(f, "{name}: not found; give its path, or see that it is in PATH"),
                    Errno::ACCESS => write!(f, "{name}: not executable; see its mode (chmod +x)"),
                    Errno::NOEXEC => write!(f, "{name}: not a program; a script needs a first line like #!/bin/sh"),
                    errno => write!(f, "{name}: {errno}"),
                }
            }
            StartError::System { step, errno } => write!(f, "{step}: {errno}"),
        }
    }
}

impl std::error::Error for StartError {}
