//! What is to be sent.

use crate::Place;

/// A frame to be sent, and what belongs into the area before that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The frame: one packet.
    pub frame: Vec<u8>,
    /// Data for the area, and where it goes.
    pub bulk: Option<(Place, Vec<u8>)>,
}

impl From<Vec<u8>> for Outgoing {
    fn from(frame: Vec<u8>) -> Self {
        Outgoing { frame, bulk: None }
    }
}
