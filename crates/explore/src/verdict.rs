//! What the outcome of a run means.

use outlive_host::trial::{Answered, Checked, End, Limits, Observed, Operation, Stopped};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How a program took the pull, from best to worst. Of several that fit, the worst is the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No operation came after the pull, or none failed.
    Unaffected,
    /// At least one operation failed, and CMD said so with its exit code.
    Clean,
    /// The device came back, CMD exited 0, and the check agrees that the state is good.
    Recovered,
    /// CMD exited 0 although at least one operation failed because of the pull.
    Silent,
    /// More output after the pull than the limit.
    Flood,
    /// More operations after the pull than the limit, or still burning processor time at the time limit.
    Spin,
    /// Asleep at the time limit.
    Hang,
    /// A process of the tree died of its own fault, or CMD by a signal that we did not send.
    Crash,
    /// The check does not agree that the state that the device kept is good.
    Corrupt,
}

impl Verdict {
    /// All, from best to worst.
    pub const ALL: [Verdict; 9] = [
        Verdict::Unaffected,
        Verdict::Clean,
        Verdict::Recovered,
        Verdict::Silent,
        Verdict::Flood,
        Verdict::Spin,
        Verdict::Hang,
        Verdict::Crash,
        Verdict::Corrupt,
    ];

    /// Its name, as reports and `--allow` have it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Unaffected => "unaffected",
            Verdict::Clean => "clean",
            Verdict::Recovered => "recovered",
            Verdict::Silent => "silent",
            Verdict::Flood => "flood",
            Verdict::Spin => "spin",
            Verdict::Hang => "hang",
            Verdict::Crash => "crash",
            Verdict::Corrupt => "corrupt",
        }
    }

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Verdict::Unaffected => "no operation failed after the pull",
            Verdict::Clean => "operations failed, and the exit code says so",
            Verdict::Recovered => "exit code of success after the device came back, and the check agrees",
            Verdict::Silent => "exit code of success although operations failed",
            Verdict::Flood => "more output after the pull than the limit",
            Verdict::Spin => "more operations after the pull than the limit, or burning CPU at the time limit",
            Verdict::Hang => "asleep at the time limit",
            Verdict::Crash => "died of a signal",
            Verdict::Corrupt => "the check fails on what the device kept",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that is not the name of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no verdict `{0}`: use one of unaffected, clean, recovered, silent, flood, spin, hang, crash, corrupt"
)]
pub struct UnknownVerdict(pub String);

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(word: &str) -> Result<Self, UnknownVerdict> {
        let named = Verdict::ALL.into_iter().find(|verdict| verdict.name() == word);
        named.ok_or_else(|| UnknownVerdict(word.to_owned()))
    }
}

/// Judges runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judge {
    /// The limits that the runs had.
    pub limits: Limits,
    /// An exit code of CMD that counts as having said that something is wrong.
    pub expect_exit: Option<i32>,
}

impl Judge {
    /// The worst verdict that fits.
    pub fn verdict(&self, seen: &Observed) -> Verdict {
        let fits = |verdict: &&Verdict| match verdict {
            Verdict::Corrupt => seen.check.as_ref().is_some_and(|check| !check.agrees()),
            Verdict::Crash => crashed(seen),
            Verdict::Hang => seen.stopped == Some(Stopped::Time { burning: false }),
            Verdict::Spin => self.spins(seen),
            Verdict::Flood => self.floods(seen),
            Verdict::Silent => failed(seen) > 0 && !self.says_so(seen.end) && !is_judged_good(seen),
            Verdict::Recovered => failed(seen) > 0 && !self.says_so(seen.end),
            Verdict::Clean => failed(seen) > 0,
            Verdict::Unaffected => true,
        };
        *Verdict::ALL.iter().rev().find(fits).expect("the last one fits always")
    }

    fn spins(&self, seen: &Observed) -> bool {
        matches!(seen.stopped, Some(Stopped::Operations | Stopped::Time { burning: true }))
            || self.limits.operations.is_some_and(|limit| after_pull(seen).saturating_sub(1) > limit)
    }

    fn floods(&self, seen: &Observed) -> bool {
        seen.stopped == Some(Stopped::Output) || self.limits.output.is_some_and(|limit| seen.output_after > limit)
    }

    /// Whether an exit tells whoever started CMD that something went wrong.
    fn says_so(&self, end: End) -> bool {
        match end {
            End::Exit(code) => code != 0 || self.expect_exit == Some(code),
            End::Signal(_) => true,
        }
    }
}

/// Whether CMD had its device back, and what it made of it was found good. Without a check nobody has looked; and without
/// the device it cannot have done what its exit code claims.
fn is_judged_good(seen: &Observed) -> bool {
    seen.replugged && seen.check.as_ref().is_some_and(Checked::agrees)
}

/// SIGILL, SIGABRT, SIGBUS, SIGFPE and SIGSEGV: what a process brings upon itself. `asm-generic/signal.h`.
const OWN_FAULT: [i32; 5] = [4, 6, 7, 8, 11];

/// Whether a process died of its own fault, or CMD of any signal that we did not send.
pub(crate) fn crashed(seen: &Observed) -> bool {
    seen.deaths.iter().any(|death| death.command || OWN_FAULT.contains(&death.signal))
        || (seen.stopped.is_none() && matches!(seen.end, End::Signal(_)))
}

/// The operation that was pulled.
pub(crate) fn pulled(seen: &Observed) -> Option<&Operation> {
    seen.operations.iter().find(|operation| operation.after_pull)
}

/// How many operations failed because of the pull: on the device that was pulled, that one and later ones. If it came back,
/// what failed on its next life did so by itself. A success that brought nothing is no less a failure for having no errno.
pub(crate) fn failed(seen: &Observed) -> u64 {
    let Some(pulled) = pulled(seen) else { return 0 };
    let refused = |operation: &&Operation| {
        operation.after_pull
            && operation.device == pulled.device
            && (operation.hollow
                || matches!(operation.answer, Some(Answered::Errno(_))) && (operation.gone || !seen.replugged))
    };
    seen.operations.iter().filter(refused).count() as u64
}

/// How many operations came with the pull or after it, those that were not kept included.
pub(crate) fn after_pull(seen: &Observed) -> u64 {
    match pulled(seen) {
        Some(first) => (seen.operation_count + 1).saturating_sub(first.number),
        None => 0,
    }
}
