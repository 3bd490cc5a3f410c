//! The process that carries out one run: handed its task, and heard until it has ended or a deadline has passed.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, memfd_create},
    io::{Errno, retry_on_intr},
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    os::fd::OwnedFd,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// No wait is longer than this, and none counts as more: so time in which we were stopped ourselves, by job control or
/// with the whole machine, does not count.
const STEP: Duration = Duration::from_secs(1);

/// What a worker said.
pub(crate) struct Said {
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
    /// How it ended; `None` if it had not by its deadline, and was killed.
    pub(crate) status: Option<ExitStatus>,
}

/// Starts `command` with `task` as its input, and waits for its end, for `limit` at most.
///
/// # Errors
/// If it cannot be started or heard; it does not run then.
pub(crate) fn carry_out(mut command: Command, task: &[u8], limit: Duration) -> io::Result<Said> {
    // A file and no pipe: handing it over never has to wait for its reader.
    let mut input = File::from(memfd_create("outlive task", MemfdFlags::CLOEXEC)?);
    input.write_all(task)?;
    input.rewind()?;
    let mut child = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let said = hear(&mut child, limit);
    if !matches!(said, Ok(Said { status: Some(_), .. })) {
        let _ = child.kill();
        child.wait()?;
    }
    said
}

fn hear(child: &mut Child, limit: Duration) -> io::Result<Said> {
    let pid = Pid::from_raw(child.id() as i32).expect("a process has a number");
    let mut end = Some(pidfd_open(pid, PidfdFlags::empty())?);
    let mut output = Stream::new(child.stdout.take().map(Into::into));
    let mut errors = Stream::new(child.stderr.take().map(Into::into));
    let mut left = limit;
    // What it has started may hold its output for a moment longer than it lives.
    while end.is_some() || output.file.is_some() || errors.file.is_some() {
        let begin = Instant::now();
        let ended = wait(&mut [&mut output, &mut errors], end.as_ref(), left.min(STEP))?;
        if ended {
            end = None;
        }
        left = left.saturating_sub(begin.elapsed().min(STEP));
        if left.is_zero() {
            break;
        }
    }
    let status = if end.is_none() { Some(child.wait()?) } else { None };
    Ok(Said { output: output.bytes, errors: errors.bytes, status })
}

/// Waits until something can be read, and reads it, or for `time`. Whether the process has ended.
fn wait(streams: &mut [&mut Stream; 2], end: Option<&OwnedFd>, time: Duration) -> io::Result<bool> {
    let mut watched = Vec::with_capacity(3);
    let mut places = [None; 2];
    for (place, stream) in places.iter_mut().zip(streams.iter()) {
        if let Some(file) = &stream.file {
            *place = Some(watched.len());
            watched.push(PollFd::new(file, PollFlags::IN));
        }
    }
    let end = end.map(|end| {
        watched.push(PollFd::new(end, PollFlags::IN));
        watched.len() - 1
    });
    let time = Timespec::try_from(time).map_err(|_| io::Error::from(Errno::INVAL))?;
    retry_on_intr(|| poll(&mut watched, Some(&time)))?;
    let ready: Vec<bool> = watched.iter().map(|one| !one.revents().is_empty()).collect();
    for (place, stream) in places.iter().zip(streams) {
        if place.is_some_and(|place| ready[place]) {
            stream.read()?;
        }
    }
    Ok(end.is_some_and(|place| ready[place]))
}

/// What a worker writes on one descriptor.
struct Stream {
    /// Until it has ended.
    file: Option<File>,
    bytes: Vec<u8>,
}

impl Stream {
    fn new(descriptor: Option<OwnedFd>) -> Self {
        Stream { file: descriptor.map(File::from), bytes: Vec::new() }
    }

    /// Reads what is there, which must be something or the end.
    fn read(&mut self) -> io::Result<()> {
        let mut room = [0; 64 * 1024];
        let Some(file) = &mut self.file else { return Ok(()) };
        match file.read(&mut room) {
            Ok(0) => self.file = None,
            Ok(length) => self.bytes.extend_from_slice(&room[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, task: &[u8], limit: Duration) -> Said {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        carry_out(command, task, limit).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_worker_gets_its_task_and_is_heard_to_its_end() {
        // More than a pipe holds, both ways.
        let task = vec![b'x'; 300_000];
        let said = sh("cat; echo trouble >&2; exit 3", &task, LONG);
        assert_eq!((said.output == task, said.errors.as_slice()), (true, &b"trouble\n"[..]));
        assert_eq!(said.status.and_then(|status| status.code()), Some(3));
    }

    #[test]
    fn a_worker_need_not_read_its_task() {
        let said = sh("exec true", &vec![b'x'; 300_000], LONG);
        assert!(said.status.is_some_and(|status| status.success()));
    }

    /// One that hangs, one that hangs with its output closed, and one that does not stop talking.
    #[test]
    fn a_worker_that_does_not_end_is_killed() {
        for script in ["echo here; exec sleep 60", "exec sleep 60 >&- 2>&-", "exec yes"] {
            let begin = Instant::now();
            let said = sh(script, b"", Duration::from_millis(300));
            assert!(said.status.is_none(), "{script}");
            assert!(begin.elapsed() < LONG / 2, "{script}");
        }
    }

    #[test]
    fn what_a_worker_leaves_behind_is_waited_for_until_the_deadline_only() {
        let said = sh("sleep 60 & echo started", b"", Duration::from_millis(300));
        assert_eq!(said.output, b"started\n");
        assert!(said.status.is_some_and(|status| status.success()));
    }
}
