//! What the threads of a tree are doing, from /proc (proc(5)).

use super::Thread;
use crate::front::run::{call_name, descendants};
use std::{
    collections::HashMap,
    fs::{File, read_dir, read_to_string},
    os::unix::fs::FileExt,
    time::Duration,
};

/// Every thread below `root`.
pub(super) fn threads(root: u32) -> Vec<Thread> {
    descendants(root).into_iter().flat_map(tids).filter_map(thread).collect()
}

/// The threads of a process.
fn tids(pid: u32) -> Vec<u32> {
    let Ok(entries) = read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
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

/// The names of threads that are asked for again and again. A thread may change its name at any time (exec, prctl(2)), so
/// none is remembered; but the file that tells it stays open, which makes asking one system call.
#[derive(Debug, Default)]
pub(crate) struct Comms {
    files: HashMap<u32, File>,
}

impl Comms {
    /// How many files may be open.
    const LIMIT: usize = 64;
    /// Longer than any name that /proc/TID/comm gives, in bytes.
    const LONGEST: usize = 128;

    /// The name of a thread.
    pub(crate) fn of(&mut self, tid: u32) -> Option<String> {
        let mut room = [0; Self::LONGEST];
        // ESRCH: that thread has ended, and its number may be another one's by now.
        let known = self.files.get(&tid).and_then(|file| file.read_at(&mut room, 0).ok()).filter(|length| *length > 0);
        let length = match known {
            Some(length) => length,
            None => self.open(tid)?.read_at(&mut room, 0).ok()?,
        };
        Some(String::from_utf8_lossy(&room[..length]).trim_end().to_owned())
    }

    fn open(&mut self, tid: u32) -> Option<&File> {
        if self.files.len() >= Self::LIMIT {
            self.files.clear();
        }
        let file = File::open(format!("/proc/{tid}/comm")).ok()?;
        self.files.insert(tid, file);
        self.files.get(&tid)
    }
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

/// The processor time that the processes below `root` have used, and those of their children that have ended, in clock
/// ticks (a hundredth of a second).
pub(super) fn ticks(root: u32) -> u64 {
    let of = |pid| -> Option<u64> {
        let fields = stat_fields(pid)?;
        // utime, stime, cutime and cstime, fields 14 to 17 of the file.
        fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
    };
    descendants(root).into_iter().filter_map(of).sum()
}

/// How a thread has spent its life as far as it did not sleep, from /proc/TID/schedstat (sched-stats.rst of the kernel).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Awake {
    pub(super) running: Duration,
    /// Wanting to run, while others did.
    pub(super) waiting: Duration,
}

/// What every thread below `root` has spent so far. Nothing where the kernel does not count it (CONFIG_SCHED_INFO).
pub(super) fn awake(root: u32) -> HashMap<u32, Awake> {
    let of = |tid: u32| {
        let text = read_to_string(format!("/proc/{tid}/schedstat")).ok()?;
        let mut numbers = text.split_whitespace().map(|word| word.parse().ok().map(Duration::from_nanos));
        Some((tid, Awake { running: numbers.next()??, waiting: numbers.next()?? }))
    };
    descendants(root).into_iter().flat_map(tids).filter_map(of).collect()
}

/// The fields of /proc/PID/stat from the state, the third, on.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted from behind it.
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{process::Command, thread::sleep, time::Instant};

    /// As it is now, not as it was when its file was opened; and a thread that has ended has none.
    #[test]
    fn a_name_is_the_present_one() {
        let mut comms = Comms::default();
        let tid = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        for name in ["before", "after"] {
            std::fs::write(format!("/proc/self/task/{tid}/comm"), name).unwrap();
            assert_eq!(comms.of(tid).as_deref(), Some(name));
        }
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        // It has our name until the kernel is through with exec.
        let deadline = Instant::now() + Duration::from_secs(10);
        while comms.of(child.id()).as_deref() != Some("sleep") {
            assert!(Instant::now() < deadline, "{:?}", comms.of(child.id()));
            sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(comms.of(child.id()), None);
    }

    #[test]
    fn not_all_files_stay_open() {
        let mut comms = Comms::default();
        let tid = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        comms.of(tid).unwrap();
        let file = comms.files.remove(&tid).unwrap();
        comms.files.extend((0..Comms::LIMIT).map(|n| (u32::MAX - n as u32, file.try_clone().unwrap())));
        comms.of(tid).unwrap();
        assert_eq!(comms.files.len(), 1);
    }
}
