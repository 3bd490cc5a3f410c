//! A TPM's side of the protocol: a command and its response, which are data and nothing else.

/// Why a TPM did not answer to a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// It took too long.
    TimedOut,
    /// Anything else.
    Io,
}
