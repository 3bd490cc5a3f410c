//! A card's displays, for whoever looks at them and pulls their cables.

use super::{CardHandle, Picture};
use crate::Errno;
use std::fmt;

/// The displays of a card that is plugged in. It does not count as one who has it open.
pub struct Display(pub(super) CardHandle);

impl Display {
    /// What is on the display that hangs on `connector`; `Ok(None)`: nothing is shown there. No removal waits until it is
    /// drawn.
    ///
    /// # Errors
    /// ENODEV of a card that has gone, EINVAL of a connector that it does not have.
    pub fn screen(&self, connector: usize) -> Result<Option<Picture>, Errno> {
        let guard = self.0.enter().map_err(|_| Errno::NODEV)?;
        if connector >= self.connectors() {
            return Err(Errno::INVAL);
        }
        let shot = guard.driver.screen(connector);
        drop(guard);
        Ok(shot.map(|shot| shot()))
    }

    /// Puts a cable in, or pulls it out.
    ///
    /// # Errors
    /// ENODEV of a card that has gone, EINVAL of a connector that it does not have, EOPNOTSUPP of a driver that cannot.
    pub fn connect(&self, connector: usize, connected: bool) -> Result<(), Errno> {
        let guard = self.0.enter().map_err(|_| Errno::NODEV)?;
        guard.driver.connect(connector, connected).map_err(Errno::from)
    }

    /// Whether a display hangs on `connector`; on those of a card that has gone none does.
    pub fn is_connected(&self, connector: usize) -> bool {
        self.0.shared().hub.hanging(connector).is_some()
    }

    /// How many connectors it has.
    pub fn connectors(&self) -> usize {
        self.0.shared().connectors
    }
}

impl fmt::Debug for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Display").field(&self.connectors()).finish()
    }
}
