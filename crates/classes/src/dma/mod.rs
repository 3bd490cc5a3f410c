//! dma: engines that copy memory for others, as the kernel's dmaengine knows them. In process: it has no device node.
//!
//! A [`Provider`] is a driver with channels; plugged in with a [`Registry`] it is an [`Engine`]. A consumer asks the
//! registry for a [`Channel`] by what it must be able to do, has it to itself, and works with it as with dmaengine's
//! (`Documentation/driver-api/dmaengine/client.rst`): [`prepare`](Channel::prepare) a descriptor,
//! [`submit`](Descriptor::submit) it, [`issue_pending`](Channel::issue_pending), and hear of its [`Completion`].
//!
//! **When the provider goes**, at any moment and with descriptors in flight:
//!
//! - Each descriptor that was submitted completes **exactly once** (I17): as done if the provider had done it, else as
//!   aborted ([`Abort::Gone`]; `DMA_TRANS_ABORTED`). None is lost, none completes twice.
//! - Memory is never freed under the engine. A [`Transfer`] owns its buffers; they are in the engine's hands while it
//!   copies, and come back with the completion. An engine that does not let go holds up the fence, and
//!   [`Engine::unplug`] names the descriptor (I6).
//! - After the fence nothing of the provider runs, and it is given back by value (I7, I28). A channel that is released
//!   later does not reach it (I8), where dmaengine calls `device_free_chan_resources` on the removed provider
//!   (`dma_chan_put` in `drivers/dma/dmaengine.c`).
//! - The channel is a zombie: everything but release and queries fails with [`Error::Gone`], ENODEV (I15).
//! - A [`Copier`] goes on: it copies by itself until there is a channel again.
//!
//! ```
//! use outlive_classes::dma::{Copier, Copied, Registry, Transfer};
//!
//! let registry = Registry::new();                              // with no engine in it
//! let copier = Copier::new(&registry);
//! let transfer = Transfer::memcpy(*b"to be copied", vec![0; 12]);
//! let Copied { transfer, by_channel } = copier.copy(transfer).unwrap();
//! assert_eq!(transfer.destination(), b"to be copied");
//! assert!(!by_channel);
//! ```
//!
//! Where this class differs from dmaengine, it does so because memory is owned:
//!
//! | dmaengine | here |
//! |---|---|
//! | descriptors that are terminated vanish without a callback | they complete as aborted, since their memory comes back that way |
//! | `dma_cookie_t` is a number, compared with the channel's last ones, and wraps | a [`Cookie`] is asked itself, never aliases, and works on zombies (I26, I31) |
//! | a descriptor has the addresses that it is given | overlapping, outlying, mismatched and empty lists are refused when they are prepared |
//! | `dma_release_channel` with descriptors in flight is a bug | it terminates them; the channel is free when the last one is back |
//!
//! Callbacks of one channel are called one at a time and in the order of completion, on the thread that completed the
//! descriptor (the engine's, or the one that unplugs or terminates), outside of the gate. They must not block, and may
//! submit again, terminate, drop the channel, and unplug the provider.

mod buffer;
mod capabilities;
mod channel;
mod completion;
mod completions;
mod cookie;
mod copier;
mod cursor;
mod deferral;
mod descriptor;
mod driver;
mod engine;
mod job;
mod line;
mod registry;
#[cfg(test)]
mod tests;
mod transaction;
mod transfer;

pub use buffer::{Buffer, Segment};
pub use capabilities::{Capabilities, Granularity, Kinds};
pub use channel::Channel;
pub use completion::{Abort, Completion, Failure, Period};
pub use completions::Completions;
pub use cookie::{Cookie, Status};
pub use copier::{Copied, Copier};
pub use descriptor::{Descriptor, Rejected};
pub use driver::{ChannelId, Error, Invalid, Provider};
pub use engine::{Engine, Shared};
pub use registry::Registry;
pub use transaction::{Progress, Transaction};
pub use transfer::Transfer;
