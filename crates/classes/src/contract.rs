//! Contracts: how a device answers for its zombies. Each class has a table of them, which code, documentation and tests
//! read.

use crate::Errno;
use outlive::Reason;
use std::{fmt, str::FromStr};

/// How a device answers for its zombies. Whatever it says to its users, the driver is never reached (I1 to I14, I25 to
/// I34); a contract is about what they see (I15 to I24).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Contract {
    /// Everything but close, clean-up and queries fails with the one error of the class.
    #[default]
    Strict,
    /// For clients that cannot take that: objects stay and look disconnected, as a display without a cable does.
    Quiet,
    /// What Linux itself does today, with its faults: to find out what users of a program can really meet. Where Linux
    /// would reach the driver, a stand-in answers that keeps what the device last was.
    Linux,
}

impl Contract {
    /// All of them.
    pub const ALL: [Contract; 3] = [Contract::Strict, Contract::Quiet, Contract::Linux];

    /// As on the command line: `strict`.
    pub const fn name(self) -> &'static str {
        match self {
            Contract::Strict => "strict",
            Contract::Quiet => "quiet",
            Contract::Linux => "linux",
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no contract of that name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownContract(pub String);

impl fmt::Display for UnknownContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown contract `{}`", self.0)
    }
}

impl std::error::Error for UnknownContract {}

impl FromStr for Contract {
    type Err = UnknownContract;

    fn from_str(text: &str) -> Result<Self, UnknownContract> {
        Contract::ALL.into_iter().find(|it| it.name() == text).ok_or_else(|| UnknownContract(text.to_owned()))
    }
}

/// What becomes of a call on a zombie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It fails with that.
    Fails(Errno),
    /// It concerns the open file alone, and is answered from what that keeps, as if the device were there.
    Kept,
    /// It succeeds, and what it brings is zero, whatever it was.
    Zero,
    /// A stand-in carries it out.
    StandIn,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Fails(Errno::NODEV) => f.pad("ENODEV"),
            Fate::Fails(Errno::NXIO) => f.pad("ENXIO"),
            Fate::Fails(Errno::IO) => f.pad("EIO"),
            Fate::Fails(Errno::INVAL) => f.pad("EINVAL"),
            Fate::Fails(Errno::NOTCONN) => f.pad("ENOTCONN"),
            Fate::Fails(Errno::TIME) => f.pad("ETIME"),
            Fate::Fails(Errno::PIPE) => f.pad("EPIPE"),
            Fate::Fails(Errno::CANCELED) => f.pad("ECANCELED"),
            Fate::Fails(errno) => errno.fmt(f),
            Fate::Kept => f.pad("as alive, from what the file keeps"),
            Fate::Zero => f.pad("succeeds, and brings 0"),
            Fate::StandIn => f.pad("as alive, from a stand-in"),
        }
    }
}

/// One row of a class's table: some calls, and what becomes of them under each contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The calls, in words.
    pub calls: &'static str,
    /// Under [`Contract::Strict`].
    pub strict: Fate,
    /// Under [`Contract::Quiet`].
    pub quiet: Fate,
    /// Under [`Contract::Linux`], if the hardware went.
    pub linux: Fate,
    /// Under [`Contract::Linux`], if its driver was taken away while the hardware stayed: [`Reason::Orderly`].
    pub linux_orderly: Fate,
}

/// What a class says of its linux contract, for who looks for faults that users can meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinuxSays {
    /// It has been compared with Linux itself, and not only read from its source.
    pub measured: bool,
    /// Some call fails under it because the device has gone, so a program can notice.
    pub noticeable: bool,
}

impl LinuxSays {
    /// By the class's table, for hardware that goes.
    pub fn by(table: &[&Terms], measured: bool) -> Self {
        LinuxSays { measured, noticeable: table.iter().any(|terms| matches!(terms.linux, Fate::Fails(_))) }
    }
}

impl Terms {
    /// What becomes of these calls under `contract`, on a device that went for `reason`.
    pub fn under(&self, contract: Contract, reason: Reason) -> Fate {
        match contract {
            // As of a FUSE file whose server has gone (`fuse_get_req` of fs/fuse/dev.c).
            Contract::Strict if reason == Reason::DriverLost => Fate::Fails(Errno::NOTCONN),
            Contract::Strict => self.strict,
            Contract::Quiet => self.quiet,
            Contract::Linux if reason.leaves_hardware() => self.linux_orderly,
            Contract::Linux => self.linux,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lost_the_driver_is_not_connected() {
        let terms = Terms {
            calls: "all",
            strict: Fate::Fails(Errno::NODEV),
            quiet: Fate::Kept,
            linux: Fate::Zero,
            linux_orderly: Fate::StandIn,
        };
        let says = |contract| terms.under(contract, Reason::DriverLost);
        assert_eq!(Contract::ALL.map(says), [Fate::Fails(Errno::NOTCONN), Fate::Kept, Fate::Zero]);
        assert_eq!(terms.under(Contract::Strict, Reason::Pulled), Fate::Fails(Errno::NODEV));
    }
}
