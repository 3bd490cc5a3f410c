//! The protocol between a host and the process that a driver is in, a *driver server*: frames, and the state machines of
//! both ends. `docs/driver-protocol.md` is enough to write a server from; a test holds it against this crate.
//!
//! Nothing here does I/O or knows the time: packets and what has passed are handed in, and what is to be sent is handed
//! out. So the fuzz and the tests need no sockets. Everything that comes from the other side is checked, in sizes above
//! all, and what is wrong with it is a [`Violation`], which says it.

mod answer;
mod area;
mod class;
mod cursor;
mod header;
mod hello;
pub mod host;
mod i2c;
mod kind;
pub mod limits;
mod mtd;
mod outgoing;
mod reply;
mod request;
pub mod server;
pub mod status;
mod tpm;
mod violation;
mod welcome;

pub use answer::Asked;
pub use area::{Area, Place};
pub use class::Class;
pub use header::{Header, VERSION};
pub use hello::{Device, Hello};
pub use kind::Kind;
pub use outgoing::Outgoing;
pub use reply::Reply;
pub use request::Request;
pub use violation::Violation;
pub use welcome::Welcome;
