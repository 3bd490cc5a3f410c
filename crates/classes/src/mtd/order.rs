//! One command on its way through the gate and back: handed to the flash, checked, counted, answered exactly once.

use super::{Command, Done, Error, Fault, Flash, Found, Geometry, Shared};
use crate::landing;
use outlive::{Cause, Handle, Operation, Outcome, Refused};

pub(super) type FlashHandle = Handle<Shared, Box<dyn Flash>>;
pub(super) type End = Outcome<Result<Done, Error>>;

/// Carries out `command`. `reply` is called exactly once, on any thread, when nothing of this call is inside the gate any
/// more, so it may take its time and may even unplug the device. The result is the operation's number, for
/// [`Handle::cancel`]; `None` if it did not get in.
pub(super) fn submit(handle: &FlashHandle, command: Command, reply: impl FnOnce(End) + Send + 'static) -> Option<u64> {
    handle.begin_or_park(command.kind(), |begun| match begun {
        Ok(operation) => hand_over(operation, command, reply),
        Err(refused) => reply(refusal(refused)),
    })
}

/// Carries out `command` for the class's own sake, if the device can be entered; nobody waits for it.
pub(super) fn submit_own(handle: &FlashHandle, command: Command) {
    if let Ok(operation) = handle.begin_framework(command.kind()) {
        hand_over(operation, command, drop);
    }
}

/// What becomes of a command that was not let in.
fn refusal(refused: Refused) -> End {
    match refused {
        Refused::Gone(gone) => Outcome::Cancelled(Cause::Gone(gone)),
        Refused::Interrupted => Outcome::Cancelled(Cause::Interrupted),
        // As for a SCSI device that is offline.
        Refused::State(_) | Refused::Driver(_) => Outcome::Done(Err(Fault::Io.into())),
    }
}

fn hand_over(operation: Operation<Shared, Box<dyn Flash>>, command: Command, reply: impl FnOnce(End) + Send + 'static) {
    let handle = operation.handle().uncounted();
    let asked = Asked::of(&command, handle.shared().geometry());
    let reply = move |end| {
        let end = asked.checked(end);
        if let Outcome::Done(Ok(done)) = &end {
            handle.shared().statistics.count(asked, done);
            if asked == Asked::Mark {
                let geometry = handle.shared().geometry();
                submit_own(&handle, Command::BadBlocks { at: 0, length: geometry.size });
            }
        }
        reply(end);
    };
    landing::hand_over(operation, reply, |flash, order| flash.begin(command, order));
}

impl Command {
    /// What an operation is called that carries it out.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Command::Read { .. } => "read",
            Command::Program { .. } => "program",
            Command::Erase { .. } => "erase",
            Command::Lock { lock: true, .. } => "lock",
            Command::Lock { lock: false, .. } => "unlock",
            Command::IsLocked { .. } => "is locked",
            Command::IsBad { .. } => "is bad",
            Command::MarkBad { .. } => "mark bad",
            Command::BadBlocks { .. } => "count bad blocks",
        }
    }
}

/// What an answer has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Bytes {
        data: usize,
        spare: usize,
    },
    Work,
    Mark,
    Question,
    /// Of all blocks, or of some, as a partition asks for its own.
    Count {
        all: bool,
    },
}

impl Asked {
    fn of(command: &Command, geometry: &Geometry) -> Self {
        match command {
            Command::Read { length, spare, .. } => Asked::Bytes { data: *length, spare: spare.length as usize },
            Command::Program { .. } | Command::Erase { .. } | Command::Lock { .. } => Asked::Work,
            Command::MarkBad { .. } => Asked::Mark,
            Command::IsLocked { .. } | Command::IsBad { .. } => Asked::Question,
            Command::BadBlocks { at, length } => Asked::Count { all: *at == 0 && *length == geometry.size },
        }
    }

    /// Anything but what was asked for is a bug of the driver's, and must not reach the client's memory.
    fn checked(self, end: End) -> End {
        let Outcome::Done(Ok(done)) = &end else { return end };
        let fits = match (self, done) {
            (Asked::Bytes { data, spare }, Done::Read(found)) => found.data.len() == data && found.spare.len() == spare,
            (Asked::Work | Asked::Mark, Done::Nothing)
            | (Asked::Question, Done::Is(_))
            | (Asked::Count { .. }, Done::Count(_)) => true,
            _ => false,
        };
        if fits { end } else { Outcome::Done(Err(Fault::Io.into())) }
    }
}

impl Found {
    /// Whether there was more than the error correction could correct.
    pub(super) fn is_spoilt(&self) -> bool {
        self.failed > 0
    }
}
