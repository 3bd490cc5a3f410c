//! DMA: an engine that is a processor, as plain state.
//!
//! [`SoftwareEngine`] is the provider that is plugged in; [`Work`] is the other end of its queue, which a thread of the
//! host's takes transactions from and copies. Neither has a thread or a clock of its own.
//!
//! ```
//! use outlive_classes::dma::{Kinds, Progress, Registry, Transfer};
//! use outlive_drivers::dma::{Next, SoftwareEngine};
//! use std::time::Duration;
//!
//! let (engine, work) = SoftwareEngine::new(2);
//! let registry = Registry::new();
//! let engine = registry.plug(Box::new(engine));
//! let channel = registry.request(Kinds::MEMCPY)?;
//! let transfer = Transfer::memcpy([1, 2, 3, 4], [0; 4]);
//! let cookie = channel.prepare(transfer)?.on_complete(|done| assert_eq!(done.transfer.destination(), [1, 2, 3, 4])).submit()?;
//! channel.issue_pending()?;
//!
//! let Next::Run(mut transaction) = work.next(|| Duration::ZERO) else { panic!("there is one") };
//! assert_eq!(transaction.copy(3), Progress::More);
//! assert_eq!(cookie.residue(), 1);
//! assert_eq!(transaction.copy(3), Progress::Done);
//! transaction.complete();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod lane;
mod queue;
mod software;
mod work;

pub use software::SoftwareEngine;
pub use work::{Next, Work};
