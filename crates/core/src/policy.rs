use alloc::{borrow::ToOwned, string::String};
use core::{fmt, str::FromStr};

/// What a removal does about those who are using the device (I6). Whatever it is, the mark, the fence and their order
/// are the same, and handles become zombies.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, Debug)]
pub enum Policy {
    /// What is inside is cancelled at once; who does not leave in time is left behind and named.
    #[default]
    Detach,
    /// What is inside may come to its real end until the limit of the wait; what is left then is cancelled.
    Drain,
    /// As `Detach`, and whoever has the device open is killed: the hooks of
    /// [`Handle::on_kill`](crate::Handle::on_kill) are called.
    Kill,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Policy; 3] = [Policy::Detach, Policy::Drain, Policy::Kill];

    /// Its name, as in `outlive unplug --policy`.
    pub const fn name(self) -> &'static str {
        match self {
            Policy::Detach => "detach",
            Policy::Drain => "drain",
            Policy::Kill => "kill",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No policy has this name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownPolicy(pub String);

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no policy {:?}: it is one of detach, drain, kill", self.0)
    }
}

impl core::error::Error for UnknownPolicy {}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Policy::ALL.into_iter().find(|policy| policy.name() == name).ok_or_else(|| UnknownPolicy(name.to_owned()))
    }
}
