use super::{Cookie, Transfer};
use outlive::Gone;
use std::fmt;

/// The end of a descriptor, and its memory: what a `dma_async_tx_callback_result` is called with.
#[derive(Debug)]
pub struct Completion {
    /// Which one.
    pub cookie: Cookie,
    /// `enum dmaengine_tx_result`: `Ok` is `DMA_TRANS_NOERROR`.
    pub result: Result<(), Failure>,
    /// How many bytes may not have been copied: `dmaengine_result.residue`; see [`Cookie::residue`].
    pub residue: usize,
    /// The transfer, to be looked at or prepared again. Unless all went well its destination may have been written in
    /// part.
    pub transfer: Transfer,
}

/// How a descriptor failed: `enum dmaengine_tx_result`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The source could not be read: `DMA_TRANS_READ_FAILED`.
    Read,
    /// The destination could not be written: `DMA_TRANS_WRITE_FAILED`.
    Write,
    /// It did not come to its end: `DMA_TRANS_ABORTED`.
    Aborted(Abort),
}

/// Why a descriptor did not come to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Abort {
    /// The provider went.
    Gone(Gone),
    /// Its consumer terminated it, or released the channel.
    Terminated,
    /// The provider gave it up.
    GivenUp,
    /// The provider dropped it, which is a bug of the provider's.
    Forgotten,
}

/// A period of a cyclic transfer that has just been copied, for as long as the callback looks at it. The engine waits.
#[derive(Debug)]
pub struct Period<'a> {
    /// Its number, from 0 on. None is left out and none comes twice.
    pub number: u64,
    /// What was copied, to be filled anew for the next round; `None` if it is shared memory.
    pub source: Option<&'a mut [u8]>,
    /// What it was copied to.
    pub destination: &'a mut [u8],
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Read => f.write_str("the engine could not read the source"),
            Failure::Write => f.write_str("the engine could not write the destination"),
            Failure::Aborted(Abort::Gone(gone)) => write!(f, "aborted: {gone}"),
            Failure::Aborted(Abort::Terminated) => f.write_str("aborted: terminated by its consumer"),
            Failure::Aborted(Abort::GivenUp) => f.write_str("aborted: given up by its provider"),
            Failure::Aborted(Abort::Forgotten) => f.write_str("aborted: dropped by its provider, which is a bug there"),
        }
    }
}

impl std::error::Error for Failure {}
