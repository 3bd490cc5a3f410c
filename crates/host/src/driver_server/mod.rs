//! Drivers in processes of their own, which may die, hang or lie: the host's end of `docs/driver-protocol.md`.
//!
//! A [`Link`] is to the server of one device, through all of its lives. [`adapter`], [`flash`] and [`tpm`] make drivers of it that
//! look like any other to their class; [`Servers`] has the one thread that hears all servers, and one that starts them.
//! Nobody ever waits for a server but who plugs its device in, for the hello, and who removes it in good order, for the
//! goodbye: both until a deadline.

mod adapter;
mod channel;
mod flash;
mod hearing;
mod link;
mod log;
mod process;
mod servers;
mod settings;
mod tpm;
mod words;

pub(crate) use adapter::RemoteAdapter;
pub(crate) use flash::RemoteFlash;
pub(crate) use link::Link;
pub(crate) use servers::Servers;
pub use settings::{Reach, ServerSettings};
pub(crate) use tpm::RemoteTpm;
pub(crate) use words::split;
