//! Ending the processes that hold a device, and no others.

use crate::lab::Killed;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::{
    fs::read_to_string,
    thread,
    time::{Duration, Instant},
};

/// How long holders are looked for, at most: who is killed may take a while to go, and pass a descriptor on meanwhile.
const LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);

/// Kills processes until there is none that holds, or for two seconds. `holders` finds them, and gives `None` if there is
/// nothing more to look for; `holds` says of one whether it does.
pub(super) fn kill_all(mut holders: impl FnMut() -> Option<Vec<u32>>, holds: impl Fn(u32) -> bool) -> Vec<Killed> {
    let mut killed: Vec<Killed> = Vec::new();
    let end = Instant::now() + LIMIT;
    while let Some(found) = holders().filter(|found| !found.is_empty()) {
        if Instant::now() >= end {
            break;
        }
        for pid in found {
            let comm = read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned();
            if end_of(pid, &holds) && !killed.iter().any(|known| known.pid == pid) {
                killed.push(Killed { pid, comm });
            }
        }
        thread::sleep(PAUSE);
    }
    killed
}

/// Kills the process, if it still is the one that holds: its number may be another one's by now.
fn end_of(pid: u32, holds: &impl Fn(u32) -> bool) -> bool {
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    let Ok(process) = pidfd_open(process, PidfdFlags::empty()) else { return false };
    holds(pid) && pidfd_send_signal(process, Signal::KILL).is_ok()
}
