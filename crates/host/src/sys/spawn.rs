//! A helper process that is not trusted: it gets one descriptor, and as little else as can be. prctl(2), close_range(2).

use super::{
    child::{self, Helper},
    confinement::{Confinement, confine},
};
use rustix::{
    io,
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::{
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Command, Stdio},
};

/// The number of the descriptor that the child gets besides the standard ones.
pub(crate) const DESCRIPTOR: i32 = 3;

/// A program that has been started, in a process group of its own. It and its group are killed when this is dropped, and it
/// is when the thread that started it ends.
#[derive(Debug)]
pub(crate) struct Started {
    helper: Helper,
    /// Becomes readable when it has ended.
    pub(crate) pidfd: OwnedFd,
}

impl Started {
    /// Starts `words` with `socket` as [`DESCRIPTOR`], nothing as its input, and our standard error as both of its outputs.
    /// It gets no new privileges and the limits of `confinement`.
    ///
    /// The thread that calls this must live as long as the program is to.
    ///
    /// # Errors
    /// Those of fork and execve.
    pub(crate) fn new(
        words: &[String],
        environment: (&str, String),
        socket: OwnedFd,
        confinement: &Confinement,
    ) -> io::Result<Self> {
        let (program, arguments) = words.split_first().ok_or(io::Errno::NOENT)?;
        let errors = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
        let mut command = Command::new(program);
        command.args(arguments).env(environment.0, environment.1).stdin(Stdio::null());
        command.stdout(errors).stderr(Stdio::inherit());
        let (socket_number, ruleset) = (socket.as_raw_fd(), confinement.descriptor());
        // SAFETY: between fork and exec it makes system calls and nothing else: it allocates nothing and takes no lock.
        unsafe { command.pre_exec(move || prepare(socket_number, ruleset)) };
        let failed = |why: std::io::Error| io::Errno::from_raw_os_error(why.raw_os_error().unwrap_or(libc::EIO));
        let helper = child::start(command, &[]).map_err(failed)?;
        drop(socket);
        let pid = Pid::from_raw(helper.id().cast_signed()).ok_or(io::Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Started { helper, pidfd })
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.helper.id()
    }

    /// How it has ended, in words, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.helper.ended().map(|status| format!("has ended ({status})"))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.helper.ended().is_none() {
            // SAFETY: touches no memory. It has not been waited for, so the number of its group is its own still.
            unsafe { libc::kill(-self.helper.id().cast_signed(), libc::SIGKILL) };
        }
    }
}

/// In the child, before exec.
fn prepare(socket: i32, ruleset: Option<i32>) -> std::io::Result<()> {
    let check = |result: libc::c_int| if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: prctl, dup2, fcntl and close_range with these arguments touch no memory. The number 3 is taken by something of
    // the parent's, which this process does not need: the socket at least is open there.
    unsafe { check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))? };
    // The rules are needed before the number 3 may be theirs no more.
    ruleset.map(confine).transpose()?;
    // SAFETY: as above.
    unsafe {
        if socket == DESCRIPTOR {
            check(libc::fcntl(socket, libc::F_SETFD, 0))?;
        } else {
            check(libc::dup2(socket, DESCRIPTOR))?;
        }
        let closed = libc::syscall(libc::SYS_close_range, DESCRIPTOR + 1, i32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        check(closed as libc::c_int)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::{
        event::{PollFd, PollFlags, poll},
        net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair},
    };

    fn start(script: &str, writable: Option<&std::path::Path>) -> (Started, OwnedFd) {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let words = ["sh", "-c", script].map(str::to_owned);
        let confinement = Confinement::new(writable).unwrap();
        (Started::new(&words, ("OUTLIVE_DRIVER_FD", "3".into()), theirs, &confinement).unwrap(), ours)
    }

    fn heard(socket: &OwnedFd) -> String {
        let mut room = [0; 4096];
        let (size, _) = recv(socket, &mut room, RecvFlags::empty()).unwrap();
        String::from_utf8_lossy(&room[..size]).into_owned()
    }

    /// All that it says until it has ended.
    fn all(socket: &OwnedFd) -> String {
        std::iter::repeat_with(|| heard(socket)).take_while(|text| !text.is_empty()).collect()
    }

    #[test]
    fn it_gets_one_descriptor_no_privileges_and_a_group_of_its_own() {
        let script = "{ ls /proc/self/fd; grep NoNewPrivs /proc/self/status; echo $OUTLIVE_DRIVER_FD; } | cat >&3";
        let (mut started, socket) = start(script, None);
        let text = all(&socket);
        assert!(["3\n", "NoNewPrivs:\t1"].iter().all(|part| text.contains(part)), "{text}");
        let high = text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|number| *number > 4).count();
        assert_eq!(high, 0, "{text}");
        poll(&mut [PollFd::new(&started.pidfd, PollFlags::IN)], None).unwrap();
        assert_eq!(started.ended().as_deref(), Some("has ended (exit status: 0)"));
    }

    #[test]
    fn it_writes_where_it_may_and_nowhere_else() {
        if Confinement::new(None).unwrap().descriptor().is_none() {
            println!("this kernel has no landlock: nothing to see");
            return;
        }
        let (may, may_not) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let touch =
            |place: &tempfile::TempDir| format!("(echo x > {}/it) 2>/dev/null; echo $?;", place.path().display());
        let (_started, socket) =
            start(&format!("{{ {} {} }} | cat >&3", touch(&may), touch(&may_not)), Some(may.path()));
        assert_eq!(all(&socket), "0\n2\n");
        assert!(may.path().join("it").exists() && !may_not.path().join("it").exists());
    }

    #[test]
    fn it_goes_with_what_stands_for_it() {
        let (started, socket) = start("sleep 1000 & echo $! >&3; sleep 1000", None);
        let child = heard(&socket);
        let (pid, below) = (started.pid(), format!("/proc/{}/stat", child.trim()));
        drop(started);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        // What it had begun is nobody's now; whoever adopts it reaps it.
        let ended = || std::fs::read_to_string(&below).map_or(true, |stat| stat.contains(") Z"));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !ended() {
            assert!(std::time::Instant::now() < deadline, "{below}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    #[test]
    fn what_cannot_be_started_says_so() {
        let (_ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let none = ["/no/such/program".to_owned()];
        let started = Started::new(&none, ("A", "b".into()), theirs, &Confinement::new(None).unwrap());
        assert_eq!(started.unwrap_err(), io::Errno::NOENT);
    }
}
