//! What a device sends its events by.

use super::{Description, Value, hub::Hub};
use std::{fmt, sync::Arc, time::Duration};

/// Where a device's events go, for one of its lives. A clone is the same place.
#[derive(Clone)]
pub struct Sink(pub(super) Arc<Hub>);

impl Sink {
    /// Events, of one packet or several; each packet ends with [`Value::SYNC`]. What the device does not have, and what is no
    /// news, is left out (`input_event`); after the mark all of it. What is for the device itself comes back: `input_event`
    /// would call it. Never blocks.
    #[must_use = "a device with LEDs is told of them here"]
    pub fn send(&self, values: &[Value]) -> Vec<Value> {
        self.0.events(values, None)
    }

    /// The same, of a device with a clock of its own: `at` is when that was, by `CLOCK_MONOTONIC`, and not later than now.
    #[must_use = "a device with LEDs is told of them here"]
    pub fn send_at(&self, values: &[Value], at: Option<Duration>) -> Vec<Value> {
        self.0.events(values, at)
    }

    /// What the device is.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// Where each contact is on `axis`, one of those that slots have; of a device without slots nothing.
    pub fn contacts(&self, axis: u16) -> Vec<i32> {
        self.0.contacts(axis)
    }

    /// Whether that is the same life of the same device.
    pub fn is(&self, other: &Sink) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the device has gone: nothing that is sent is heard.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended()
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
