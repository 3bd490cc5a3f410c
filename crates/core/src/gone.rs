use std::{fmt, time::Instant};

/// Which life of a thing this is: the first time it is plugged in is generation 1, plugged again it is 2, and so on.
/// Generations of one number never repeat, so a number and a generation together never name two devices (I26).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a device went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The hardware was pulled: it is physically absent, and no last I/O can reach it.
    Pulled,
    /// Its owner took it away in good order: the hardware is still there for a last word after the drain (I12).
    Orderly,
    /// The program that owned it dropped the [`Device`](crate::Device) without unplugging it.
    Abandoned,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Pulled => "pulled",
            Reason::Orderly => "removed in good order",
            Reason::Abandoned => "abandoned by its owner",
        })
    }
}

/// The designed value for "the device is not there any more": what every operation on a zombie gets, and what a
/// handle says when it is asked (I31). The first reason stays, however often the device is unplugged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone {
    /// Why it went.
    pub reason: Reason,
    /// When it was marked.
    pub since: Instant,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the device is gone: {}", self.reason)
    }
}

impl std::error::Error for Gone {}
