//! Which way calls on devices take.

use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range, str::FromStr};

/// Which calls on descriptors the filter sends to us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Traps {
    /// None but those that FUSE would not tell us of.
    Nothing,
    /// Ioctls on descriptors with these numbers as well, and reads and writes on most of them: see [`streams`].
    Range(Range<u32>),
    /// All that move data, on any descriptor: there is no FUSE.
    All,
}

/// Of those numbers the ones whose reads and writes are trapped.
pub(crate) fn streams(range: &Range<u32>) -> Range<u32> {
    range.start..range.end - range.len() as u32 / 8
}

/// The others, for files with a position: that is the kernel's, so their reads and writes go by FUSE.
pub(crate) fn positioned(range: &Range<u32>) -> Range<u32> {
    streams(range).end..range.end
}

/// The way that a client's calls on its descriptors take to us. Names come by seccomp on each of them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Road {
    /// The fastest that there is here.
    #[default]
    Auto,
    /// All by FUSE.
    Fuse,
    /// Descriptors get numbers in a high range, and what is done with those is trapped; the rest goes by FUSE. Needs
    /// Linux 5.19 (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`): otherwise a signal could have an operation done twice.
    Trap,
    /// Without FUSE, for where there is none: descriptors are sockets, and every read, write and ioctl of the tree is
    /// trapped, which is slow. What else is lost, docs/roads.md says. Needs Linux 5.19 as well.
    Plain,
}

impl Road {
    /// All of them.
    pub const ALL: [Road; 4] = [Road::Auto, Road::Fuse, Road::Trap, Road::Plain];

    /// As on the command line: `trap`.
    pub const fn name(self) -> &'static str {
        match self {
            Road::Auto => "auto",
            Road::Fuse => "fuse",
            Road::Trap => "trap",
            Road::Plain => "plain",
        }
    }
}

impl fmt::Display for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no road of that name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownRoad(pub String);

impl fmt::Display for UnknownRoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown road `{}`; there are {}", self.0, Road::ALL.map(Road::name).join(", "))
    }
}

impl std::error::Error for UnknownRoad {}

impl FromStr for Road {
    type Err = UnknownRoad;

    fn from_str(text: &str) -> Result<Self, UnknownRoad> {
        Road::ALL.into_iter().find(|road| road.name() == text).ok_or_else(|| UnknownRoad(text.to_owned()))
    }
}
