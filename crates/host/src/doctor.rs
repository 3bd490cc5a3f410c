//! What this machine can do, and what is lost where it cannot.

use crate::{
    front::{
        run::{Road, Traps, filter},
        serve::open_channel,
    },
    fuse::mount::{Way, mount_by},
    sys::{
        memory::ClientMemory,
        process::{deadly_signal, fork, hear_of_children, kill},
        seccomp,
        tracee::may_trace,
    },
};
use outlive_classes::Memory;
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, WaitOptions, pidfd_open, waitpid},
};
use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: &'static str,
    /// Whether it is there.
    pub there: bool,
    /// Whether `run` and `explore` cannot do without it (of the ways to mount, one is enough).
    pub needed: bool,
    /// Why it is not there, and what would help.
    pub why: Option<String>,
    /// What is lost without it.
    pub without: &'static str,
}

/// Of this one of the listener's abilities, roads depend.
const KILLABLE: &str = "  calls that wait for us are interrupted by fatal signals only (WAIT_KILLABLE_RECV)";

/// Everything that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// The kernel's release.
    pub kernel: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether `outlive run` can work here.
    pub run: bool,
    /// The roads that it can take (docs/roads.md), the one that it takes by itself first.
    pub roads: Vec<&'static str>,
}

/// Looks. This process must have no other threads.
pub fn examine() -> Diagnosis {
    hear_of_children();
    let listener = listener();
    let mut findings = vec![listener.clone()];
    let flags = listener_flags(listener.there);
    let killable = flags.iter().any(|flag| flag.what.contains(KILLABLE) && flag.there);
    findings.extend(flags);
    let ways: Vec<Finding> = Way::ALL.into_iter().map(way).collect();
    let mountable = ways.iter().any(|way| way.there);
    findings.extend(ways);
    findings.push(memory());
    findings.push(deaths());
    findings.push(tracing());
    findings.push(cuse());
    let works = findings.iter().all(|finding| finding.there || !finding.needed);
    let roads = [(Road::Trap, mountable && killable), (Road::Fuse, mountable), (Road::Plain, killable)];
    let roads: Vec<_> = roads.into_iter().filter(|(_, open)| works && *open).map(|(road, _)| road.name()).collect();
    let run = !roads.is_empty();
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    Diagnosis { kernel, findings, run, roads }
}

impl Finding {
    fn new(what: &'static str, result: Result<(), String>, without: &'static str) -> Self {
        Finding { what, there: result.is_ok(), needed: false, why: result.err(), without }
    }

    fn needed(self) -> Self {
        Finding { needed: true, ..self }
    }
}

/// Runs `look` in a child, and gives the byte that it returns.
fn in_child(look: impl FnOnce() -> u8) -> Result<u8, String> {
    let child = fork(|| i32::from(look())).map_err(|errno| format!("fork: {errno}"))?;
    match waitpid(Some(child), WaitOptions::empty()) {
        Ok(Some((_, status))) => status.exit_status().map(|code| code as u8).ok_or_else(|| "it was killed".to_owned()),
        Ok(None) => Err("it did not end".to_owned()),
        Err(errno) => Err(format!("waitpid: {errno}")),
    }
}

fn listener() -> Finding {
    let errno = in_child(|| match seccomp::install(&filter::program(&Traps::Nothing)) {
        Ok(_) => 0,
        Err(errno) => errno.raw_os_error() as u8,
    });
    let result = errno.and_then(|number| match number {
        0 => Ok(()),
        number => Err(Errno::from_raw_os_error(number.into())).map_err(|errno| match errno {
            Errno::BUSY => "there is an outer listener already (another `outlive run`, or a container runtime's), and \
                            Linux allows one: start outside of it"
                .to_owned(),
            errno => format!("{errno}: a kernel with CONFIG_SECCOMP_FILTER is needed, and no profile that forbids it"),
        }),
    });
    Finding::new(
        "seccomp user notification, with no outer listener",
        result,
        "run and explore cannot give names to programs",
    )
    .needed()
}

fn listener_flags(there: bool) -> Vec<Finding> {
    let bits = if there { in_child(|| seccomp::abilities(&filter::program(&Traps::Nothing))).unwrap_or(0) } else { 0 };
    let has = |bit: u8, kernel: &str| {
        if bits & bit != 0 {
            Ok(())
        } else {
            Err(format!("the kernel is older than {kernel}, or there is no listener"))
        }
    };
    vec![
        Finding::new("  descriptors by notification (ADDFD)", has(1, "5.9"), "run cannot give descriptors to programs")
            .needed(),
        Finding::new(
            KILLABLE,
            has(2, "5.19"),
            "an open that a signal interrupts may happen twice, and run has the road fuse only",
        ),
        Finding::new(
            "  we wake up where the program ran (SYNC_WAKE_UP)",
            has(4, "6.6"),
            "a call that goes by name may take tens of microseconds longer",
        ),
    ]
}

fn way(way: Way) -> Finding {
    let what = match way {
        Way::Root => "mounting FUSE directly, as root",
        Way::Namespace => "mounting FUSE by a helper in a user namespace",
        Way::Fusermount => "mounting FUSE by fusermount3",
    };
    Finding::new(
        what,
        mount_by(way).map(drop),
        "another way to mount is needed: one of the three is enough; without any, run takes the road plain",
    )
}

fn memory() -> Finding {
    let there = [0x5a_u8; 8];
    let address = there.as_ptr() as u64;
    let looked = with_child(|child| {
        let mut here = [0; 8];
        let read = ClientMemory::of(child.as_raw_nonzero().get() as u32).read(address, &mut here);
        if read.is_ok() && here == there {
            Ok(())
        } else {
            Err("process_vm_readv of a child failed: a profile forbids it".to_owned())
        }
    });
    Finding::new("reading a program's memory (process_vm_readv)", looked, "ioctls cannot be carried out").needed()
}

fn deaths() -> Finding {
    let told = with_child(|child| {
        let process = pidfd_open(child, PidfdFlags::empty()).map_err(|errno| format!("pidfd_open: {errno}"))?;
        let _ = kill(child.as_raw_nonzero().get(), libc::SIGKILL);
        let _ = waitpid(Some(child), WaitOptions::empty());
        deadly_signal(&process).map(drop).ok_or_else(|| "the kernel is older than 6.15".to_owned())
    });
    Finding::new(
        "how any process ended (PIDFD_GET_INFO)",
        told,
        "explore sees a crash of CMD itself, but not of the processes that it started",
    )
}

fn tracing() -> Finding {
    let traced = with_child(|child| {
        may_trace(child.as_raw_nonzero().get() as u32).map_err(|errno| {
            format!("PTRACE_SEIZE of a child: {errno}; a profile forbids it, or we are traced ourselves")
        })
    });
    Finding::new("ptrace", traced, "devices that are mapped (uio): mmap of one says ENODEV")
}

fn cuse() -> Finding {
    let opened = open_channel().map(drop);
    Finding::new("CUSE", opened, "outlive serve cannot give devices to the whole machine")
}

/// Runs `look` on a child that sleeps, and ends the child.
fn with_child(look: impl FnOnce(Pid) -> Result<(), String>) -> Result<(), String> {
    let child = fork(|| {
        loop {
            std::thread::park();
        }
    })
    .map_err(|errno| format!("fork: {errno}"))?;
    let result = look(child);
    let _ = kill(child.as_raw_nonzero().get(), libc::SIGKILL);
    let _ = waitpid(Some(child), WaitOptions::empty());
    result
}
