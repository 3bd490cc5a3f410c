//! Linux' side of the contract of device classes.
//!
//! A class translates the bytes that a client sent into typed operations, carries them through the gate of its device
//! to a driver, and translates the answer back into what Linux' own subsystem would have said. It does no I/O and
//! knows neither its front nor where its driver runs.
//!
//! Every class folder has the same rooms: `mod` (the class in one screen), `uapi` (numbers and layouts), `driver` (the
//! trait and its errors), `file` (what one open file does), `tests`. A class without a device node, [`dma`], has neither
//! `uapi` nor `file`: its consumers call it.

mod caller;
#[cfg(test)]
mod client;
pub mod contract;
pub mod dma;
pub mod drm;
pub mod file;
pub mod i2c;
pub mod input;
pub mod kobject;
mod landing;
pub mod mtd;
pub mod payload;
pub mod plugged;
mod stand_in;
pub mod surroundings;
pub mod tpm;
pub mod uinput;
pub mod uio;

pub use caller::{Caller, Process};
pub use contract::{Contract, Fate, LinuxSays, Terms, UnknownContract};
pub use file::{
    Access, Answer, Call, Completion, Fault, File, MapCall, Mapping, Memory, NoMemory, OpenFlags, PAGE_SIZE, PollBits,
    SharedMemory,
};
pub use kobject::Kobject;
pub use landing::hand_over;
pub use payload::Payload;
pub use plugged::{Hardware, Node, Plugged, StillBusy};
pub use rustix::io::Errno;
pub use surroundings::Surroundings;
