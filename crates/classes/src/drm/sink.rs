//! What a driver tells its card by.

use super::{Monitor, hub::Hub};
use std::{fmt, sync::Arc, time::Duration};

/// Where a driver's news go, for one of its lives. A clone is the same place. After the mark nobody hears of them.
///
/// It is called without any lock of the driver's that [`Driver`](super::Driver) takes when it is called.
#[derive(Clone)]
pub struct Sink(pub(super) Arc<Hub>);

impl Sink {
    /// There was a vertical blanking on a CRTC, that long `ago`. The result: somebody waits for the next one as well, as if
    /// [`Driver::arm`](super::Driver::arm) had been called. Never blocks.
    #[must_use = "who waits for the next one is not told otherwise"]
    pub fn vblank(&self, crtc: usize, ago: Duration) -> bool {
        self.0.strike(crtc, ago)
    }

    /// Something hangs on a connector from now on, or nothing. If that is news, programs hear of it by a uevent.
    pub fn connect(&self, connector: usize, monitor: Option<Monitor>) {
        self.0.connect(connector, monitor);
    }

    /// Whether the card has gone: nothing that is told is heard.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended()
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
