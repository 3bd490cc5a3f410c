//! Control of a lab from other processes: `ls`, `unplug`, `plug`, `events`.
//!
//! # The socket
//! A lab listens on a stream socket with an abstract name, `\0outlive/UID/LAB` (`unix(7)`): it needs no folder, and it
//! is gone with its process, however that ends. `UID` is the effective user of the lab. Abstract names have no
//! permissions, so both sides ask the kernel who the other is (`SO_PEERCRED`) and talk to their own user and to root
//! only. Such names are seen within one network namespace.
//!
//! # The protocol
//! Lines of JSON: one [`Request`] a line, at most [`LONGEST_REQUEST`] bytes; one [`Reply`] a line, of [`Reply::Screenshot`] with
//! the picture behind it. After
//! [`Request::Events`] replies follow until the client hangs up. A connection may send one request after another.
//!
//! # Hostile peers
//! Whoever connects and says nothing, or half a line, costs a thread that sleeps, and is hung up on when others need
//! its place. Nothing that a client does keeps the lab or another client waiting.

mod address;
mod client;
mod line;
mod peer;
mod protocol;
mod server;
mod session;
#[cfg(test)]
mod tests;

pub use address::running;
pub use client::{Client, ConnectError, EventStream, Heard, How, RequestError, Screenshot, connect};
pub use protocol::{EventReport, LARGEST_PICTURE, LONGEST_REPLY, LONGEST_REQUEST, Removal, Reply, Request};
pub use server::{Server, Socket, StartError};
