//! The log: standard error, on which nobody here ever waits.

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Says a line, if it can be said now: whoever reads our standard error may have stopped, and a server shall not hold up those
/// who hear all others by having much to say.
pub(super) fn say(line: &str) {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let errors = rustix::stdio::stderr();
    let ready = poll(&mut [PollFd::new(&errors, PollFlags::OUT)], Some(&now));
    // A pipe that is ready takes PIPE_BUF (4096) bytes without a wait (pipe(7)); lines are shorter.
    if !matches!(ready, Ok(0)) {
        eprintln!("outlive: {line}");
    }
}
