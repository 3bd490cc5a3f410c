//! What the threads of a tree are doing, from /proc (proc(5)).

use super::Thread;
use crate::front::run::{call_name, descendants};
use std::fs::{read_dir, read_to_string};

/// Every thread below `root`.
pub(super) fn threads(root: u32) -> Vec<Thread> {
    descendants(root).into_iter().flat_map(threads_of).collect()
}

fn threads_of(pid: u32) -> Vec<Thread> {
    let Ok(entries) = read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let tids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    tids.filter_map(thread).collect()
}

fn thread(tid: u32) -> Option<Thread> {
    let state = stat_fields(tid)?.first()?.chars().next()?;
    // "0" where the kernel does not tell, and for a thread that runs.
    let wchan = read_to_string(format!("/proc/{tid}/wchan")).ok().filter(|name| !name.is_empty() && name != "0");
    Some(Thread { tid, comm: comm(tid)?, state, call: call(tid), wchan })
}

/// The name of a thread.
pub(super) fn comm(tid: u32) -> Option<String> {
    Some(read_to_string(format!("/proc/{tid}/comm")).ok()?.trim_end().to_owned())
}

fn call(tid: u32) -> Option<String> {
    let text = read_to_string(format!("/proc/{tid}/syscall")).ok()?;
    let number: i64 = text.split_whitespace().next()?.parse().ok()?;
    // -1: not in a system call.
    (number >= 0).then(|| call_name(number).map_or_else(|| format!("call {number}"), str::to_owned))
}

/// The process that a thread belongs to.
pub(super) fn process_of(tid: u32) -> Option<u32> {
    let status = read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

/// The processor time that the processes below `root` have used, in clock ticks (a hundredth of a second).
pub(super) fn ticks(root: u32) -> u64 {
    let of = |pid| -> Option<u64> {
        let fields = stat_fields(pid)?;
        // utime and stime, fields 14 and 15 of the file.
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    descendants(root).into_iter().filter_map(of).sum()
}

/// The fields of /proc/PID/stat from the state, the third, on.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted from behind it.
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}
