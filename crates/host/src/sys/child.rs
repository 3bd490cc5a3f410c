//! A helper process that ends with us.

use rustix::io;
use std::{
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, ChildStderr, Command},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Those that there are, by process number: whoever ends all processes below this one spares them.
static HELPERS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn known() -> MutexGuard<'static, Vec<u32>> {
    HELPERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process numbers of all helpers.
pub(crate) fn helpers() -> Vec<u32> {
    known().clone()
}

/// A helper process. Dropping it kills it, whatever it does, and reaps it.
#[derive(Debug)]
pub(crate) struct Helper(Child);

impl Helper {
    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// The other end of its standard error, if that was asked for; once.
    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.0.stderr.take()
    }

    /// How it ended, for people, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.0.try_wait().ok().flatten().map(|status| status.to_string())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let id = self.0.id();
        known().retain(|known| *known != id);
    }
}

/// Starts `command` with `descriptors` open in it under their own numbers, which it may be told as arguments. It dies when
/// the thread that calls this ends, however that ends (`PR_SET_PDEATHSIG` of prctl(2)), and belongs to no terminal's job:
/// what is typed there is for others.
///
/// # Errors
/// As of fork(2) and execve(2).
pub(crate) fn start(mut command: Command, descriptors: &[&OwnedFd]) -> std::io::Result<Helper> {
    let numbers: Vec<i32> = descriptors.iter().map(|descriptor| descriptor.as_raw_fd()).collect();
    let parent = std::process::id();
    command.process_group(0);
    let prepare = move || {
        for number in &numbers {
            // SAFETY: fcntl on a number that is open here as it was in the parent; it may close on exec, and shall not.
            if unsafe { libc::fcntl(*number, libc::F_SETFD, 0) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        // SAFETY: prctl and getppid touch no memory of ours.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong, 0, 0, 0) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // It may have died before it could be told.
            if libc::getppid().cast_unsigned() != parent {
                return Err(io::Errno::SRCH.into());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe functions are called (fcntl, prctl, getppid), nothing is allocated,
    // and nothing is locked: the process may have threads.
    unsafe { command.pre_exec(prepare) };
    let mut known = known();
    let child = command.spawn()?;
    known.push(child.id());
    Ok(Helper(child))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
        process::Stdio,
        thread,
    };

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    #[test]
    fn it_has_the_descriptors_and_none_besides() {
        let (mut here, there) = UnixStream::pair().unwrap();
        let there = OwnedFd::from(there);
        let number = there.as_raw_fd();
        let script = format!("read line <&{number}; echo \"$line\" $(ls -l /proc/$$/fd) >&{number}");
        let ours = format!("socket:[{}]", rustix::fs::fstat(&here).unwrap().st_ino);
        let mut child = start(shell(&script), &[&there]).unwrap();
        drop(there);
        here.write_all(b"hello\n").unwrap();
        let mut said = String::new();
        here.read_to_string(&mut said).unwrap();
        assert!(helpers().contains(&child.id()));
        assert_eq!(child.0.wait().unwrap().code(), Some(0));
        assert!(said.starts_with("hello ") && said.contains(&format!(" {number} -> socket:[")), "{said}");
        assert!(!said.contains(&ours), "it has the other end, too: {said}");
    }

    #[test]
    fn it_dies_with_the_thread_that_started_it() {
        let (mut here, there) = UnixStream::pair().unwrap();
        let there = OwnedFd::from(there);
        let child = thread::spawn(move || start(shell("exec sleep 1000"), &[&there]).unwrap()).join();
        // The other end is closed when the last one has gone who had it.
        assert_eq!(here.read(&mut [0]).unwrap(), 0);
        let mut child = child.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.0.wait().unwrap()), Some(libc::SIGKILL));
    }
}
