//! The thread of one life: it starts the process, gives it one command after the other, and watches it.

use super::{
    Parts, durations,
    life::{Job, Life, Wish},
    process::{Control, Event, Process},
};
use outlive_classes::tpm::uapi::HEADER_SIZE;
use std::{
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

/// How long it may take to begin.
const BEGINNING: Duration = Duration::from_secs(10);
/// How long a command may take that is to be cancelled, and each step of putting the TPM away.
const MOMENT: Duration = Duration::from_millis(200);
/// `TPM2_Shutdown(CLEAR)`, as `tpm2_shutdown` of `drivers/char/tpm/tpm2-cmd.c` sends it.
const SHUTDOWN: [u8; 12] = [0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x45, 0, 0];
/// `TPM_RC_COMMAND_SIZE`: what swtpm says of a command that is shorter than a header, once it has enough bytes to read.
const TOO_SHORT: [u8; HEADER_SIZE] = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x42];

/// Why the process is not needed any more.
enum End {
    /// The TPM is unplugged, and everything that had to be said has been.
    Wanted,
    /// It failed us.
    Lost(String),
}

/// Works until the life is over.
pub(super) fn work(life: &Life, parts: &Parts, wake: &OwnedFd) {
    let end = match Process::start(parts) {
        Ok(process) => {
            let mut session = Session { life, parts, wake, process };
            let end = session.run();
            // Killed before anybody hears of it: after the fence none runs.
            drop(session);
            end
        }
        Err(error) => End::Lost(format!("{} does not start: {error}", parts.program.display())),
    };
    // One that is to end may do so as it likes.
    if let (End::Lost(why), Wish::Work) = (end, life.wish()) {
        life.lose(parts, &why);
    }
    life.over();
}

struct Session<'a> {
    life: &'a Life,
    parts: &'a Parts,
    wake: &'a OwnedFd,
    process: Process,
}

impl Session<'_> {
    fn run(&mut self) -> End {
        self.begin()
            .and_then(|()| {
                self.life.ready();
                self.serve()
            })
            .unwrap_or_else(|end| end)
    }

    fn wait(&mut self, until: Option<Instant>) -> Result<Event, End> {
        let event = self.process.wait(self.wake.as_fd(), until).map_err(|error| End::Lost(error.to_string()))?;
        if event == Event::Woken {
            let _ = rustix::io::read(self.wake, &mut [0; 8]);
        }
        Ok(event)
    }

    fn died(&mut self) -> End {
        // It may be that only its socket is closed yet.
        self.process.wait_for_end(MOMENT);
        let (ended, complaint) = (self.process.ended(), self.process.complaint());
        End::Lost(if complaint.is_empty() { ended } else { format!("{ended}: {complaint}") })
    }

    /// Waits until it is ready.
    fn begin(&mut self) -> Result<(), End> {
        self.process.control(Control::Capability);
        let until = Some(Instant::now() + BEGINNING);
        loop {
            match self.wait(until)? {
                Event::Control if self.process.drain_control() => return Ok(()),
                Event::Woken if self.life.wish() == Wish::Work => {}
                Event::Woken => return Err(End::Wanted),
                Event::Data | Event::Control | Event::Died => return Err(self.died()),
                Event::TimedOut => return Err(End::Lost(format!("it was not ready after {BEGINNING:?}"))),
            }
        }
    }

    fn serve(&mut self) -> Result<End, End> {
        loop {
            match self.life.next() {
                (Wish::End, _) => return Ok(End::Wanted),
                (Wish::Part, _) => return self.part(),
                (Wish::Work, Some(job)) => self.carry_out(&job)?,
                (Wish::Work, None) => match self.wait(None)? {
                    Event::Woken | Event::TimedOut => {}
                    Event::Control if self.process.drain_control() => {}
                    Event::Data => return Err(self.unasked()),
                    Event::Control | Event::Died => return Err(self.died()),
                },
            }
        }
    }

    /// Something came of the commands' socket that nobody asked for.
    fn unasked(&mut self) -> End {
        match self.process.receive(&mut Vec::new()) {
            Err(why) if why == "it hung up" => self.died(),
            _ => End::Lost("it answered where nothing was asked".to_owned()),
        }
    }

    fn carry_out(&mut self, job: &Job) -> Result<(), End> {
        if job.command.len() < HEADER_SIZE {
            job.take().into_iter().for_each(|order| order.answer(Ok(TOO_SHORT.to_vec())));
            return Ok(());
        }
        let granted = self.parts.deadline.unwrap_or_else(|| durations::granted(&job.command));
        let response = self.exchange(&job.command, granted, Some(job))?;
        if let Some(order) = job.take() {
            order.answer(Ok(response));
        }
        Ok(())
    }

    /// Sends a command and waits for its response. When nobody wants that of `job` any more, the command is cancelled; one
    /// that goes on runs to its end, as in Linux, and the next one waits.
    fn exchange(&mut self, command: &[u8], granted: Duration, job: Option<&Job>) -> Result<Vec<u8>, End> {
        // What came before it is no answer to it.
        if self.process.has_said_something() {
            return Err(self.unasked());
        }
        let until = Instant::now() + granted;
        if self.process.send(command).is_err() {
            return Err(self.died());
        }
        let (mut response, mut cancelled) = (Vec::new(), None);
        loop {
            let limit = cancelled.map_or(until, |limit: Instant| limit.min(until));
            match self.wait(Some(limit))? {
                Event::Data => match self.process.receive(&mut response) {
                    Ok(true) => return Ok(response),
                    Ok(false) => {}
                    Err(why) if why == "it hung up" => return Err(self.died()),
                    Err(why) => return Err(End::Lost(why)),
                },
                Event::Control if self.process.drain_control() => {}
                Event::Control | Event::Died => return Err(self.died()),
                Event::TimedOut if cancelled.is_some() => return Err(End::Wanted),
                Event::TimedOut => return Err(End::Lost(format!("a command was not answered within {granted:?}"))),
                Event::Woken => match self.life.wish() {
                    Wish::End => return Err(End::Wanted),
                    wish => {
                        if job.is_some_and(|job| !job.is_wanted()) {
                            self.process.control(Control::Cancel);
                        }
                        if wish == Wish::Part && job.is_some() {
                            cancelled = cancelled.or(Some(Instant::now() + MOMENT));
                        }
                    }
                },
            }
        }
    }

    /// Puts it away in good order.
    fn part(&mut self) -> Result<End, End> {
        self.exchange(&SHUTDOWN, MOMENT, None)?;
        self.process.control(Control::Shutdown);
        self.process.wait_for_end(MOMENT);
        Ok(End::Wanted)
    }
}
