//! What a card says when it is gone, by contract.
//!
//! `Documentation/gpu/drm-uapi.rst`, section "Device Hot-Unplug", says what it should: connectors are disconnected, what
//! clients do not check is accepted and does nothing, events that were promised come, memory stays. Linux says ENODEV to
//! every ioctl instead (`drm_ioctl` of `drm_ioctl.c`). Quiet is as the document has it.

use super::decode::{Asked, Operation};
use crate::{Contract, Errno, Fate, LinuxSays, PollBits, Terms};

const GONE: Fate = Fate::Fails(Errno::NODEV);

const fn row(calls: &'static str, strict: Fate, quiet: Fate, linux: Fate) -> Terms {
    Terms { calls, strict, quiet, linux, linux_orderly: linux }
}

/// `drm_read` has no look at the device.
pub(super) const READ: Terms = row("read, when there are events", Fate::Kept, Fate::Kept, Fate::Kept);
/// Quiet: while events are to come they are waited for; then who waits would wait for ever.
pub(super) const READ_LATER: Terms =
    row("read, when there are none but some are to come", GONE, Fate::Kept, Fate::Kept);
pub(super) const READ_NOTHING: Terms = row("read, when none will come", GONE, GONE, Fate::Kept);
/// Linux' drivers turn their CRTCs off as they go, which wakes who waits.
pub(super) const SLEEPING: Terms =
    row("a wait for a vertical blanking, or for a commit, that sleeps", GONE, Fate::Kept, Fate::Kept);
/// Quiet: accepted, checked, and shown to nobody.
pub(super) const SHOW: Terms = row(
    "mode set, page flip, atomic commit (also TEST_ONLY), plane, cursor, gamma, property, dirty rectangles",
    GONE,
    Fate::Kept,
    GONE,
);
/// Cleaning up what is one's own works (I23).
pub(super) const CLEAN_UP: Terms =
    row("RMFB, CLOSEFB, DESTROY_DUMB, GEM_CLOSE, DESTROYPROPBLOB, DROP_MASTER", Fate::Kept, Fate::Kept, GONE);
/// Nothing comes to a card that has gone.
pub(super) const TAKE: Terms = row("PRIME_FD_TO_HANDLE, CREATE_LEASE", GONE, GONE, GONE);
/// What there is; connectors are disconnected.
pub(super) const OTHER: Terms = row("any other ioctl", GONE, Fate::Kept, GONE);
pub(super) const MAP: Terms = row("mmap of a dumb buffer", GONE, Fate::Kept, GONE);
/// A write, which is no call of the class.
pub(super) const INVALID: Terms = row("write", GONE, Fate::Kept, Fate::Kept);

/// The whole table. `drm_dev_unplug` knows one way of going only.
pub const ZOMBIE: [&Terms; 10] =
    [&READ, &READ_LATER, &READ_NOTHING, &SLEEPING, &SHOW, &CLEAN_UP, &TAKE, &OTHER, &MAP, &INVALID];

/// Noticeable. What was measured of it was not measured call by call, so it does not count as measured.
pub fn linux_says() -> LinuxSays {
    LinuxSays::by(&ZOMBIE, false)
}

/// The row for a call that is no read.
pub(super) fn terms(asked: &Result<Asked, Errno>, is_ioctl: bool) -> &'static Terms {
    let Ok(asked) = asked else { return if is_ioctl { &OTHER } else { &INVALID } };
    match asked.operation {
        Operation::SetCrtc(..)
        | Operation::SetCursor(_)
        | Operation::SetGamma(..)
        | Operation::SetProperty(_)
        | Operation::PageFlip(_)
        | Operation::SetPlane(_)
        | Operation::Atomic(..)
        | Operation::DirtyFb(..) => &SHOW,
        Operation::RemoveFb { .. } | Operation::GemClose(_) | Operation::DestroyBlob(_) | Operation::DropMaster(_) => {
            &CLEAN_UP
        }
        Operation::Import(..) | Operation::CreateLease => &TAKE,
        _ => &OTHER,
    }
}

/// What poll says of a zombie. Linux' wakes nobody, and says nothing of it (`drm_poll`).
pub const fn poll(contract: Contract, something: bool) -> PollBits {
    match contract {
        Contract::Strict | Contract::Quiet => PollBits(PollBits::ZOMBIE.0 | alive(something).0),
        Contract::Linux => alive(something),
    }
}

/// What it says of a card that is there: never that it can be written to.
pub const fn alive(something: bool) -> PollBits {
    PollBits(if something { PollBits::IN.0 | PollBits::RDNORM.0 } else { 0 })
}
