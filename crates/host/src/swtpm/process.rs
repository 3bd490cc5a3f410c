//! One process of swtpm's: its two sockets, what it complains about, and its end.

use super::Parts;
use crate::sys::child::{self, Helper};
use outlive_classes::tpm::uapi::{self, BUFFER_SIZE, HEADER_SIZE};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair},
    process::{Pid, PidfdFlags, pidfd_open},
    time::Timespec,
};
use std::{
    io::{self, Read},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    process::{ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

/// Commands of swtpm's control channel: 32 bits, big-endian, answered by a result of 32 bits first (swtpm_ioctls(3); their
/// numbers are in `swtpm/tpm_ioctl.h`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Control {
    /// `CMD_GET_CAPABILITY`: answered as soon as it is ready.
    Capability = 1,
    /// `CMD_SHUTDOWN`: it writes what it has to write and ends.
    Shutdown = 3,
    /// `CMD_CANCEL_TPM_CMD`: the command that runs is to end soon.
    Cancel = 9,
}

/// The tags that responses begin with: `TPM_ST_NO_SESSIONS`, `TPM_ST_SESSIONS`, and `TPM_ST_RSP_COMMAND` of an error that
/// TPM 1.2 would understand (TCG's TPM 2.0 Library, part 2).
const TAGS: [[u8; 2]; 3] = [[0x80, 0x01], [0x80, 0x02], [0x00, 0xc4]];
/// How much of what it complains about is kept, in bytes.
const COMPLAINTS: usize = 1024;

/// What came first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// Somebody wants something of us.
    Woken,
    /// Something can be read of the commands' socket.
    Data,
    /// Something can be read of the control socket.
    Control,
    /// It has ended.
    Died,
    /// Nothing, and the time is over.
    TimedOut,
}

/// A process of swtpm's. Dropping it kills it, also one that is stopped.
pub(super) struct Process {
    child: Helper,
    pidfd: OwnedFd,
    data: OwnedFd,
    control: OwnedFd,
    stderr: Option<ChildStderr>,
    complaints: Vec<u8>,
}

impl Process {
    /// Starts one. It ends with the thread that calls this.
    pub(super) fn start(parts: &Parts) -> io::Result<Self> {
        let pair = || socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let ((data, its_data), (control, its_control)) = (pair()?, pair()?);
        let mut command = Command::new(&parts.program);
        let directory = parts.state.path().as_os_str().to_owned();
        let mut state = std::ffi::OsString::from("dir=");
        state.push(directory);
        command.args(["socket", "--tpm2", "--terminate", "--flags", "not-need-init,startup-clear", "--tpmstate"]);
        command.arg(state).args(["--fd".to_owned(), its_data.as_raw_fd().to_string()]);
        command.args(["--ctrl".to_owned(), format!("type=unixio,clientfd={}", its_control.as_raw_fd())]);
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = child::start(command, &[&its_data, &its_control])?;
        let pid = Pid::from_raw(child.id().cast_signed()).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        let stderr = child.take_stderr();
        Ok(Process { child, pidfd, data, control, stderr, complaints: Vec::new() })
    }

    /// Waits until something happens, or `until`.
    pub(super) fn wait(&mut self, wake: BorrowedFd<'_>, until: Option<Instant>) -> io::Result<Event> {
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout =
                left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
            let mut asked = vec![wake, self.data.as_fd(), self.control.as_fd(), self.pidfd.as_fd()];
            asked.extend(self.stderr.as_ref().map(AsFd::as_fd));
            let mut polled: Vec<_> = asked.into_iter().map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN)).collect();
            match poll(&mut polled, timeout.as_ref()) {
                Ok(0) => return Ok(Event::TimedOut),
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            let happened: Vec<bool> = polled.iter().map(|it| !it.revents().is_empty()).collect();
            drop(polled);
            if happened.get(4) == Some(&true) {
                self.hear();
            }
            let events = [Event::Woken, Event::Data, Event::Control, Event::Died];
            if let Some((event, _)) = events.into_iter().zip(happened).find(|(_, happened)| *happened) {
                return Ok(event);
            }
        }
    }

    /// Keeps the beginning of what it complains about.
    fn hear(&mut self) {
        let mut piece = [0; 512];
        let Some(stderr) = &mut self.stderr else { return };
        match stderr.read(&mut piece) {
            Ok(0) | Err(_) => self.stderr = None,
            Ok(size) => {
                let room = COMPLAINTS.saturating_sub(self.complaints.len());
                self.complaints.extend(&piece[..size.min(room)]);
            }
        }
    }

    /// Its last words, for people; empty if there were none.
    pub(super) fn complaint(&mut self) -> String {
        let nothing_more = Timespec { tv_sec: 0, tv_nsec: 0 };
        while let Some(stderr) = &self.stderr {
            match poll(&mut [PollFd::new(stderr, PollFlags::IN)], Some(&nothing_more)) {
                Ok(1..) => self.hear(),
                _ => break,
            }
        }
        let text = String::from_utf8_lossy(&self.complaints);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.join("; ")
    }

    /// Whether something can be read of the commands' socket.
    pub(super) fn has_said_something(&self) -> bool {
        !matches!(recv(&self.data, &mut [0], RecvFlags::DONTWAIT | RecvFlags::PEEK), Err(Errno::AGAIN))
    }

    /// Sends a whole command. It is never waited for: a command is smaller than what a socket keeps.
    pub(super) fn send(&self, command: &[u8]) -> io::Result<()> {
        match send(&self.data, command, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)? {
            sent if sent == command.len() => Ok(()),
            _ => Err(io::Error::other("it does not read its commands")),
        }
    }

    /// Takes what has come of a response into `response`. `true` if that is whole.
    pub(super) fn receive(&self, response: &mut Vec<u8>) -> Result<bool, String> {
        let mut piece = [0; BUFFER_SIZE + 1];
        match recv(&self.data, &mut piece, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err("it hung up".to_owned()),
            Ok((size, _)) => response.extend(&piece[..size]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(format!("it cannot be read from: {errno}")),
        }
        if response.len() < HEADER_SIZE {
            return Ok(false);
        }
        let length = uapi::length(response).unwrap_or_default() as usize;
        if !TAGS.contains(&[response[0], response[1]]) {
            return Err(format!("it answered with the tag {:02x}{:02x}, which is none", response[0], response[1]));
        }
        if !(HEADER_SIZE..=BUFFER_SIZE).contains(&length) || response.len() > length {
            let said = response.len();
            return Err(format!("it answered with {said} bytes where its header says {length}"));
        }
        Ok(response.len() == length)
    }

    /// Sends a control command. What it answers comes as [`Event::Control`].
    pub(super) fn control(&self, command: Control) {
        // One that does not read them is found out by its deadline.
        let _ = send(&self.control, &(command as u32).to_be_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }

    /// Takes what came of the control socket. `false` if it hung up there.
    pub(super) fn drain_control(&self) -> bool {
        !matches!(recv(&self.control, &mut [0; 256], RecvFlags::DONTWAIT), Ok((0, _)))
    }

    /// How it ended, for people, if it has.
    pub(super) fn ended(&mut self) -> String {
        self.child.ended().map_or_else(|| "it ended".to_owned(), |status| format!("it ended with {status}"))
    }

    /// Waits up to `limit` for it to end by itself.
    pub(super) fn wait_for_end(&self, limit: Duration) {
        let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() };
        let _ = poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&limit));
    }
}
