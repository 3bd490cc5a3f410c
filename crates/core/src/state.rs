use core::fmt;

/// What a device is doing, as those who begin an [`Operation`](crate::Operation) or open a handle meet it.
///
/// | state | an operation of a client | one of the framework | opening |
/// |---|---|---|---|
/// | created | refused | enters | refused |
/// | running | enters | enters | yes |
/// | closing | enters | enters | refused (I33) |
/// | quiesced | parked | enters | yes |
/// | blocked | parked | parked | yes |
/// | offline | refused | refused | refused |
/// | leaving, gone | [`Gone`](crate::Gone) | `Gone` | `Gone` |
///
/// The states are those of Linux' SCSI devices (`enum scsi_device_state` of `include/scsi/scsi_device.h`) with two of
/// its lessons: a device that is blocked can be removed at once, and what was parked on it fails (I5; SCSI goes from
/// `SDEV_BLOCK` straight to `SDEV_DEL`), and *offline* is not gone. A bare [`Guard`](crate::Guard) asks for life only:
/// the states are read by the layer of recorded operations, so they change nothing that the gate's proof rests on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum State {
    /// It is being set up, and nobody knows it yet.
    Created,
    /// It works.
    Running,
    /// New users are refused; those inside work on and are asked to leave (I33).
    Closing,
    /// Only the framework's own I/O goes in; clients are parked (SCSI's `SDEV_QUIESCE`).
    Quiesced,
    /// Nothing goes in; who comes is parked (`SDEV_BLOCK`).
    Blocked,
    /// New work fails, until somebody sets it running again (`SDEV_OFFLINE`).
    Offline,
    /// It has been marked, and is being taken apart (`SDEV_CANCEL`).
    Leaving,
    /// All that there was of the hardware has been released (`SDEV_DEL`).
    Gone,
}

use State::{Blocked, Closing, Created, Gone, Leaving, Offline, Quiesced, Running};

/// Who wants to begin an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    Client,
    Framework,
}

/// What a state says to an operation that wants in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    Enters,
    Parked,
    Refused,
}

impl State {
    /// Every state.
    pub const ALL: [State; 8] = [Created, Running, Closing, Quiesced, Blocked, Offline, Leaving, Gone];

    /// The legal transitions: from each state, where it may go. The code, the tests, and this page read the same table.
    pub const TRANSITIONS: [(State, &'static [State]); 8] = [
        (Created, &[Running, Blocked, Offline, Leaving]),
        (Running, &[Closing, Quiesced, Blocked, Offline, Leaving]),
        (Closing, &[Running, Blocked, Offline, Leaving]),
        (Quiesced, &[Running, Blocked, Offline, Leaving]),
        (Blocked, &[Running, Offline, Leaving]),
        (Offline, &[Running, Quiesced, Blocked, Leaving]),
        (Leaving, &[Gone]),
        (Gone, &[]),
    ];

    /// Whether a device may go from this state to `next`. To stay where it is it always may.
    pub const fn may_become(self, next: State) -> bool {
        if self as u8 == next as u8 {
            return true;
        }
        let successors = State::TRANSITIONS[self as usize].1;
        let mut i = 0;
        while i < successors.len() {
            if successors[i] as u8 == next as u8 {
                return true;
            }
            i += 1;
        }
        false
    }

    pub(crate) const fn admits(self, who: Who) -> Admission {
        match (self, who) {
            (Running | Closing, _) | (Created | Quiesced, Who::Framework) => Admission::Enters,
            (Blocked, _) | (Quiesced, Who::Client) => Admission::Parked,
            (Created, Who::Client) | (Offline | Leaving | Gone, _) => Admission::Refused,
        }
    }

    pub(crate) const fn can_be_opened(self) -> bool {
        matches!(self, Running | Quiesced | Blocked)
    }

    /// Its name, as in `outlive set`.
    pub const fn name(self) -> &'static str {
        match self {
            Created => "created",
            Running => "running",
            Closing => "closing",
            Quiesced => "quiesced",
            Blocked => "blocked",
            Offline => "offline",
            Leaving => "leaving",
            Gone => "gone",
        }
    }
}

// Each row of the table stands at its state's place, and nothing leads back from the mark.
const _: () = {
    let mut i = 0;
    while i < State::ALL.len() {
        assert!(State::ALL[i] as usize == i && State::TRANSITIONS[i].0 as usize == i);
        assert!(i >= Leaving as usize || State::ALL[i].may_become(Leaving), "every device can be removed");
        i += 1;
    }
    assert!(State::TRANSITIONS[Leaving as usize].1.len() == 1 && State::TRANSITIONS[Gone as usize].1.is_empty());
};

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A device cannot go from the one state to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IllegalTransition {
    /// The state that it is in, and stays in.
    pub from: State,
    /// The state that was asked for.
    pub to: State,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a device that is {} cannot be set {}", self.from, self.to)
    }
}

impl core::error::Error for IllegalTransition {}
