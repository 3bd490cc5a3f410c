//! The check of a trial: the program that judges what state the devices were left in.

use super::{
    Check, Checked,
    replug::complete,
    run::{TrialError, pipe},
};
use crate::{
    front::run::{Running, Second, Stopper},
    lab::Lab,
};
use rustix::fs::{Mode, OFlags, open};
use std::{
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// A check that waits for its program to end.
pub(super) struct Waiting {
    time: Option<Duration>,
    output: OwnedFd,
}

impl Waiting {
    /// It, and what is to be started after the program.
    pub(super) fn new(check: &Check, lab: &Lab) -> Result<(Self, Second), TrialError> {
        let nothing = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| TrialError::System("opening /dev/null", errno))?;
        let (output, end) = pipe()?;
        let errors = end.try_clone().map_err(|_| TrialError::System("dup", rustix::io::Errno::MFILE))?;
        let second = Second {
            words: ["sh", "-c", &check.command].map(Into::into).to_vec(),
            environment: vec![("OUTLIVE_LAB".into(), lab.name().into())],
            standard: [Some(nothing), Some(end), Some(errors)],
        };
        Ok((Waiting { time: check.time, output }, second))
    }

    /// Runs it, now that the program has ended, until its whole tree has ended or its time is up.
    ///
    /// # Errors
    /// [`TrialError`] if it could not be run; nothing of it is left then.
    pub(super) fn carry_out(self, mut running: Running, lab: &Lab) -> Result<Checked, TrialError> {
        let begin = Instant::now();
        let started = complete(lab)
            .map_err(TrialError::from)
            .and_then(|()| running.go_on().map_err(TrialError::from))
            .and_then(|()| running.stopper().map_err(TrialError::from));
        let stopper = match started {
            Ok(stopper) => stopper,
            Err(error) => {
                running.wait();
                return Err(error);
            }
        };
        let reader = thread::spawn(move || last_of(self.output));
        let (ended, end_heard) = mpsc::channel::<()>();
        let alarm = self.time.map(|time| thread::spawn(move || stop_after(time, &stopper, &end_heard)));
        let end = running.wait();
        drop(ended);
        let stopped = alarm.is_some_and(|alarm| alarm.join().unwrap_or(false));
        let output = String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned();
        Ok(Checked { end, stopped, output, wall: begin.elapsed() })
    }
}

/// Stops the check after `time`, unless `ended` hangs up before. Whether it did.
fn stop_after(time: Duration, stopper: &Stopper, ended: &mpsc::Receiver<()>) -> bool {
    let late = ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    if late {
        stopper.stop();
    }
    late
}

/// The last bytes that come out of a pipe, when it has ended.
fn last_of(pipe: OwnedFd) -> Vec<u8> {
    let (mut pipe, mut kept, mut room) = (File::from(pipe), Vec::new(), vec![0; 64 << 10]);
    while let Ok(n @ 1..) = pipe.read(&mut room) {
        kept.extend_from_slice(&room[..n]);
        kept.drain(..kept.len().saturating_sub(Checked::KEPT));
    }
    kept
}
