use crate::sync::{AtomicU64, Instant, OnceLock, Ordering};
use core::{fmt, time::Duration};

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
    /// The device that it hangs on was reset; it comes back as a new generation.
    Reset,
    /// The process that its driver is in has gone, does not answer any more, or cannot be believed. What became of the
    /// hardware nobody knows.
    DriverLost,
}

impl Reason {
    const ALL: [Reason; 5] = [Reason::Pulled, Reason::Orderly, Reason::Abandoned, Reason::Reset, Reason::DriverLost];

    /// Whether the driver may still speak to the hardware once all users are out (I12).
    pub fn leaves_hardware(self) -> bool {
        matches!(self, Reason::Orderly)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Pulled => "pulled",
            Reason::Orderly => "removed in good order",
            Reason::Abandoned => "abandoned by its owner",
            Reason::Reset => "reset with the device that it hung on",
            Reason::DriverLost => "left by the process of its driver",
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

impl Gone {
    pub(crate) fn now(reason: Reason) -> Self {
        Gone { reason, since: Instant::now() }
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the device is gone: {}", self.reason)
    }
}

impl core::error::Error for Gone {}

/// What the times in a [`GoneCell`] count from. Made with the first device.
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

const REASON_BITS: u32 = 3;
const _: () = assert!(Reason::ALL.len() < 1 << REASON_BITS);

/// Nothing, and once it has been set a [`Gone`]: one word, since every device has one. Nanoseconds since the epoch and
/// the reason; 0 is nothing. The time lasts for 73 years.
pub(crate) struct GoneCell(AtomicU64);

impl GoneCell {
    pub(crate) fn new() -> Self {
        epoch();
        GoneCell(AtomicU64::new(0))
    }

    /// By one who holds the lock that the mark is made under.
    pub(crate) fn set(&self, gone: Gone) {
        let reason = Reason::ALL.iter().position(|reason| *reason == gone.reason).expect("all are there") as u64 + 1;
        let nanoseconds = gone.since.saturating_duration_since(epoch()).as_nanos() as u64;
        self.0.store(nanoseconds << REASON_BITS | reason, Ordering::Release);
    }

    pub(crate) fn get(&self) -> Option<Gone> {
        let word = self.0.load(Ordering::Acquire);
        let reason = (word & ((1 << REASON_BITS) - 1)) as usize;
        let reason = Reason::ALL[reason.checked_sub(1)?];
        Some(Gone { reason, since: epoch() + Duration::from_nanos(word >> REASON_BITS) })
    }
}
