//! Where models take their time from.

use std::{fmt, time::Duration};

/// The clock of a lab.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time since the lab began.
    fn now(&self) -> Duration;

    /// Calls `then` once when `delay` has passed, on a thread of the host's. It must not block. There is no way to take
    /// it back: what may have become pointless by then finds out by itself.
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>);
}
