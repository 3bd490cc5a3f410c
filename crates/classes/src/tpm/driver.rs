//! What a driver of this class is: a TPM, which carries out one command after the other.

use crate::Errno;
use outlive::{Noticer, Request};
use std::fmt;

/// A command in its TPM's hands. The answer is the response: a whole one, header and all, of at most
/// [`BUFFER_SIZE`](super::uapi::BUFFER_SIZE) bytes and of the length that its header says.
pub type Order = Request<super::Shared, Box<dyn Tpm>, Result<Vec<u8>, Error>>;

/// Something that is called once, later.
pub type Then = Box<dyn FnOnce() + Send>;

/// A TPM.
///
/// It is called inside the gate and must not block. It may keep an [`Order`] and answer it later; then it registers
/// [`Request::on_cancel`] and lets go when told: of the order at once, and of the command as soon as it can be stopped. The
/// client has its answer by then, and the next command may come before that; it waits its turn with the driver.
pub trait Tpm: Send + Sync + fmt::Debug {
    /// Which specification it follows; the same all its life.
    fn version(&self) -> Version {
        Version::V2
    }

    /// Whether several may have it open at a time, since it keeps what is theirs apart by itself. In Linux a TPM is one
    /// opener's.
    fn is_shared(&self) -> bool {
        false
    }

    /// Carries out one command: 1 to [`BUFFER_SIZE`](super::uapi::BUFFER_SIZE) bytes, as many as its header says, which may be
    /// cut off itself. What is wrong with it is for the TPM to say, in its response.
    fn begin(&self, command: Vec<u8>, order: Order);

    /// Given to the TPM as it is plugged in, once for each of its lives: by this it may say at any time, from any thread and
    /// from inside a command, that it has gone (I34).
    fn plugged(&self, noticer: &Noticer) {
        let _ = noticer;
    }

    /// Somebody has opened it. What a TPM needs threads or processes for it begins here, since nobody sees it before, and
    /// since a lab is plugged together before its process has threads.
    fn opened(&self) {}

    /// For a TPM that takes its time to begin: keeps `then`, and calls it once, on any thread, when it is ready for commands,
    /// or never will be. `Some(then)`: it is ready now.
    ///
    /// In Linux no TPM is there before it is ready, and programs rely on it: tpm2-tss gives a first response one second. So a
    /// write that does not wait for its command waits for this.
    fn when_ready(&self, then: Then) -> Option<Then> {
        Some(then)
    }

    /// The last word after the drain of an orderly removal, by whoever owns the TPM then (I12).
    fn teardown(&mut self) {}

    /// Its life is over: it lets go of what [`plugged`](Tpm::plugged) gave it, and begins nothing more. Whoever owns the TPM
    /// then calls this, after the fence, and after [`teardown`](Tpm::teardown) where there is one.
    fn unplugged(&mut self) {}
}

/// The specification that a TPM follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// TPM 1.2.
    V1,
    /// TPM 2.0.
    V2,
}

impl Version {
    /// The number before the point: the attribute `tpm_version_major` of /sys.
    pub const fn major(self) -> u32 {
        match self {
            Version::V1 => 1,
            Version::V2 => 2,
        }
    }
}

/// Why there is no response to a command. (What a TPM says of a command that it does not like is a response.)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The TPM took longer than it may: ETIME, as `tpm_try_transmit` of `drivers/char/tpm/tpm-interface.c`.
    TimedOut,
    /// It was cancelled by somebody else: ECANCELED, as there.
    Canceled,
    /// The TPM could not be reached, or answered nothing that is a response: EIO.
    Io,
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        match error {
            Error::TimedOut => Errno::TIME,
            Error::Canceled => Errno::CANCELED,
            Error::Io => Errno::IO,
        }
    }
}
