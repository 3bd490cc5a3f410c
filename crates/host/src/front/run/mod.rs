//! The run front: one process tree, no privilege, no module, no LD_PRELOAD.
//!
//! Names come by seccomp user notification: the kernel asks us about every call that goes by path, and for the common
//! answer "not ours" goes on as if we were not there. Descriptors are files of a FUSE mount of our own that nobody else
//! sees, so the kernel keeps all its rules for them: dup, passing, inheriting, closing, poll, signals.

mod arch;
mod attributes;
mod call;
mod clients;
mod descriptor;
mod files;
pub(crate) mod filter;
mod guardian;
mod holders;
mod lending;
mod locks;
mod mapping;
mod names;
mod open_how;
mod opener;
mod owed;
mod plain;
mod position;
mod refusals;
mod road;
mod second;
mod signals;
mod stat;
mod status;
mod stead;
mod supervisor;
mod surroundings;
mod table;
mod trap;
mod tree;
mod uevents;

use crate::{
    front::{crew::Crew, descriptor_limit},
    fuse::mount::{Failure, Mount, Way, mount},
    lab::Lab,
    sys::{
        process::{SignalState, hear_of_children},
        seccomp::Listener,
    },
    trial::End,
};
use files::Files;
use holders::TreeHolders;
use names::Names;
use opener::Opener;
use plain::Sockets;
use rustix::io::Errno;
use signals::Signaller;
use std::{
    ffi::OsString,
    fmt,
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, SystemTime},
};
use supervisor::Supervisor;
use trap::Places;
use tree::Attended;

pub(crate) use road::Traps;
pub use road::{Road, UnknownRoad};
pub(crate) use second::Second;
use uevents::Uevents;

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
    /// Which way its calls take.
    pub road: Road,
}

/// CMD, running.
#[derive(Debug)]
pub struct Running {
    tree: tree::Tree,
    /// If somebody watches closely.
    closing: Option<Closing>,
    /// What it takes to serve a second program, if there is to be one.
    waiting: Option<Box<second::Waiting>>,
}

/// What it takes to tell of the last closes, and to let go of who is told.
#[derive(Debug)]
struct Closing {
    /// Of the mount: without it the connection to the kernel ends with the tree.
    _root: OwnedFd,
    files: Arc<Files>,
    before: SignalState,
}

/// How long the last closes of a tree that has ended are waited for. They are on their way; but a file may have been
/// passed to somebody else, who keeps it.
const CLOSING: Duration = Duration::from_millis(200);

/// Starts `command` with the devices of `lab`.
///
/// This process must have no other threads yet; it has some afterwards.
///
/// # Errors
/// [`StartError`]; nothing is left behind.
pub fn start(lab: &Arc<Lab>, command: Command) -> Result<Running, StartError> {
    start_watched(lab, command, None, None)
}

/// As [`start`]; `on_thread` is told of the threads that are seen, and `second` runs after CMD: see [`Running::go_on`].
pub(crate) fn start_watched(
    lab: &Arc<Lab>,
    command: Command,
    on_thread: Option<ThreadHook>,
    second: Option<Second>,
) -> Result<Running, StartError> {
    let before = SignalState::current();
    hear_of_children();
    let road = road_asked_for(command.road)?;
    let (mount, traps) = choose(road)?;
    let name = command.words.first().cloned().unwrap_or_default();
    let mut environment = command.environment;
    environment.push((status::VARIABLE.into(), status::path(lab).into()));
    let start = tree::Start { command: command.words, environment, standard: command.standard, traps };
    let second = second.map(|second| second.start_on(lab, &start.traps));
    let tree::Started { tree, attended, execution } = tree::Tree::start(&start, second.as_ref(), &before)?;
    if attended.traps == Traps::Nothing && (road == Road::Trap || mount.is_none()) {
        return Err(StartError::NoTraps);
    }
    // CMD's end of pipes is CMD's alone from here on.
    let second = second.and_then(|second| Some((second.command.into_iter().next()?, second.traps)));
    drop(start);
    let root = || mount.as_ref().map(|mount| mount.root.try_clone()).transpose().map_err(said("dup"));
    let kept = if lab.is_watched_closely() { root()? } else { None };
    let root = if second.is_some() { root()? } else { None };
    let (files, mount) = serve(lab, mount, attended, on_thread)?;
    let closing = kept.map(|root| Closing { _root: root, files: files.clone(), before });
    let waiting = second.map(|(name, traps)| Box::new(second::Waiting { name, files: files.clone(), root, traps }));
    lab.set_holders(Arc::new(TreeHolders { root: tree.root().cast_unsigned(), mount, files: Arc::downgrade(&files) }));
    match execution.wait() {
        Ok(()) => Ok(Running { tree, closing, waiting }),
        Err(errno) => {
            tree.wait();
            Err(StartError::Execute { name, errno })
        }
    }
}

/// The mount, if there is to be one, and what is to be trapped.
fn choose(road: Road) -> Result<(Option<Mount>, Traps), StartError> {
    let fast = || trap::range().map_or(Traps::Nothing, Traps::Range);
    let mounted = match road {
        Road::Plain => return Ok((None, Traps::All)),
        _ => mount(way_asked_for()?),
    };
    match (mounted, road) {
        (Ok(mount), Road::Fuse) => Ok((Some(mount), Traps::Nothing)),
        (Ok(mount), _) => Ok((Some(mount), fast())),
        (Err(_), Road::Auto) if std::env::var_os("OUTLIVE_MOUNT").is_none() => {
            eprintln!(
                "outlive: there is no way to mount FUSE here: taking the road `plain`, which is slow (see outlive doctor)"
            );
            Ok((None, Traps::All))
        }
        (Err(failures), _) => Err(StartError::Mount(failures)),
    }
}

fn serve(
    lab: &Arc<Lab>,
    mount: Option<Mount>,
    attended: Attended,
    on_thread: Option<ThreadHook>,
) -> Result<(Arc<Files>, u64), StartError> {
    // CMD keeps the limit that it was started with, and has been forked by now.
    descriptor_limit::raise();
    // The clock's thread starts when it is first needed; by then CMD may have left no room for one (RLIMIT_NPROC).
    lab.clock().after(Duration::ZERO, Box::new(|| {}));
    lab.go().map_err(said("starting a thread"))?;
    let (files, root) = match mount {
        Some(Mount { root, channel, .. }) => {
            let files = Files::new(lab.clone(), Some(channel), None, matches!(attended.traps, Traps::Range(_)));
            let served = files.clone();
            Crew::start("files", move |crew| served.serve(crew)).map_err(said("starting a thread"))?;
            (files, Some(root))
        }
        None => {
            let sockets = Sockets::new().map_err(StartError::system("epoll_create"))?;
            let files = Files::new(lab.clone(), None, Some(sockets), false);
            let serving = files.sockets.iter().try_for_each(|sockets| sockets.serve(Arc::downgrade(&files)));
            serving.map_err(said("starting a thread"))?;
            (files, None)
        }
    };
    let mount = attend(&files, root, attended, on_thread)?;
    Ok((files, mount))
}

/// Answers the calls of a program; `root` is that of our mount, if there is one. Gives the mount on which our files are.
fn attend(
    files: &Arc<Files>,
    root: Option<OwnedFd>,
    attended: Attended,
    on_thread: Option<ThreadHook>,
) -> Result<u64, StartError> {
    let Attended { listener, traps, killable } = attended;
    let (lab, listener) = (files.lab.clone(), Arc::new(Listener::new(listener)));
    let (names, opener) = match root {
        Some(root) => {
            let names = Names::new(lab.clone(), files.clone(), &root).map_err(said("looking at the mount"))?;
            let opener = Opener::start(root, &listener);
            (names, Some(opener.map_err(StartError::system("starting a thread with a table of its own"))?))
        }
        None => {
            // All sockets of the machine are on one mount of the kernel's.
            let socket = plain::some_socket().map_err(StartError::system("socketpair"))?;
            (Names::new(lab.clone(), files.clone(), &socket).map_err(said("looking at a socket"))?, None)
        }
    };
    let uevents = Uevents::start(&lab, &listener).map_err(said("starting what tells of devices"))?;
    let signaller = matches!(traps, Traps::Range(_)).then(Signaller::start).transpose();
    let signaller = signaller.map_err(StartError::system("starting a thread with a table of its own"))?;
    let mount = names.mount();
    let supervisor = Supervisor {
        listener,
        traps,
        killable,
        waiting: Places::default(),
        opener,
        uevents,
        signaller,
        names,
        files: files.clone(),
        lab,
        started: SystemTime::now(),
        told_32: false.into(),
        told_traced: false.into(),
        on_thread,
    };
    Crew::start("names", move |crew| supervisor.serve(crew)).map_err(said("starting a thread"))?;
    Ok(mount)
}

fn said(step: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |error| StartError::System { step, errno: Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO)) }
}

/// `OUTLIVE_MOUNT` restricts the ways to mount to one: for tests, and to find out what a machine can do.
fn way_asked_for() -> Result<Option<Way>, StartError> {
    let Some(asked) = std::env::var_os("OUTLIVE_MOUNT") else { return Ok(None) };
    let way = Way::ALL.into_iter().find(|way| asked == way.name());
    way.map(Some).ok_or_else(|| StartError::UnknownWay(asked.to_string_lossy().into_owned()))
}

/// `OUTLIVE_ROAD` says which way calls take where nothing else does.
fn road_asked_for(road: Road) -> Result<Road, StartError> {
    match std::env::var_os("OUTLIVE_ROAD") {
        Some(asked) if road == Road::Auto => {
            asked.to_string_lossy().parse().map_err(|UnknownRoad(name)| StartError::UnknownRoad(name))
        }
        _ => Ok(road),
    }
}

impl Running {
    /// Waits until the whole tree has ended, daemons too. The result is CMD's own end.
    pub fn wait(self) -> End {
        let end = self.tree.wait();
        if let Some(closing) = self.closing {
            closing.files.wait_until_closed(CLOSING);
            // There is nobody left to pass a signal on to, and who is told may take his time.
            closing.before.unblock();
        }
        end
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
    /// `OUTLIVE_ROAD` names no road.
    UnknownRoad(String),
    /// The seccomp filter could not be installed.
    Filter(Errno),
    /// [`Road::Trap`] or [`Road::Plain`] is needed and cannot be.
    NoTraps,
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
            StartError::Execute { errno, .. } => guardian::exit_code_of(*errno) as u8,
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
            StartError::UnknownRoad(asked) => write!(f, "OUTLIVE_ROAD: {}", UnknownRoad(asked.clone())),
            StartError::Filter(Errno::BUSY) => f.write_str(
                "this process runs under a seccomp supervisor already, and Linux allows one: \
                 start `outlive run` from outside the other `outlive run` (or container) that it is in",
            ),
            StartError::Filter(Errno::INVAL | Errno::NOSYS) => f.write_str(
                "the kernel has no seccomp user notification (5.9 with CONFIG_SECCOMP_FILTER), or the container's \
                 seccomp profile forbids it; `outlive doctor` says what this machine can do",
            ),
            StartError::Filter(errno) => write!(f, "installing the seccomp filter: {errno}"),
            StartError::NoTraps => f.write_str(
                "the roads `trap` and `plain` need Linux 5.19, and `trap` a limit of 128 open files or more (ulimit -n)",
            ),
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
