use crate::{Gone, State};
use core::fmt;

/// Why a handle was not opened, or an operation not begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The device is gone.
    Gone(Gone),
    /// The device lives, and is in a state that does not admit this now.
    State(State),
    /// The driver refused the open, for a reason of its own: an errno, by the usage of its class.
    Driver(i32),
    /// It was parked, and its client gave up waiting.
    Interrupted,
}

impl Refused {
    /// The removal, if that is the reason.
    pub fn gone(self) -> Option<Gone> {
        match self {
            Refused::Gone(gone) => Some(gone),
            _ => None,
        }
    }
}

impl From<Gone> for Refused {
    fn from(gone: Gone) -> Self {
        Refused::Gone(gone)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Gone(gone) => gone.fmt(f),
            Refused::State(state) => write!(f, "the device is {state}"),
            Refused::Driver(code) => write!(f, "the driver refused it with error {code}"),
            Refused::Interrupted => f.write_str("interrupted while it waited for the device to run again"),
        }
    }
}

impl core::error::Error for Refused {}
