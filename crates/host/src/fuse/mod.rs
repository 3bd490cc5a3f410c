//! The FUSE-protocol engine: the wire, the channel, and the ways to get one. Knows nothing of devices.

pub(crate) mod channel;
pub(crate) mod mount;
pub(crate) mod wire;
