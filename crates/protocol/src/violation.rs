//! What the other side did that it must not.

use crate::{Class, Kind, VERSION};
use thiserror::Error;

/// Why the other side cannot be believed any more. Written to go on after "its server …".
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Violation {
    /// There is less of a frame than it needs.
    #[error("sent a frame that is cut short")]
    Truncated,
    /// There is more of a frame than it has.
    #[error("sent a frame with more at its end than belongs there")]
    Trailing,
    /// A packet that no frame is as long as.
    #[error("sent a packet that is too long for a frame")]
    FrameTooLong,
    /// The length in the header is not the packet's.
    #[error("sent a frame of {is} bytes that says that it has {said}")]
    Length {
        /// As in the header.
        said: u32,
        /// The packet's.
        is: usize,
    },
    /// It speaks something else.
    #[error("speaks version {0} of the protocol; this is version {VERSION}")]
    Version(u16),
    /// There is no such frame.
    #[error("sent a frame of type {0:#x}, which there is not")]
    Type(u16),
    /// There is one, but not now, or not from this side.
    #[error("sent a frame of type {0:?} where none may come")]
    Unexpected(Kind),
    /// What has no meaning yet has to be 0.
    #[error("sent a frame in which reserved bytes are not 0")]
    Reserved,
    /// A frame that is about no operation has a number, or the like.
    #[error("sent a frame of type {0:?} whose number or status is not 0")]
    Header(Kind),
    /// Text that cannot be shown.
    #[error("sent text that is too long, is not UTF-8 or has control characters")]
    Text,
    /// A hello of another class.
    #[error("says that it is of class {is}, where {wanted} was asked for")]
    Class {
        /// What it should be.
        wanted: Class,
        /// What it says.
        is: Class,
    },
    /// A hello of no class.
    #[error("says that it is of class number {0}, which there is not")]
    NoClass(u32),
    /// A device that cannot be.
    #[error("describes a device that cannot be: {0}")]
    Device(&'static str),
    /// An answer to what was never asked.
    #[error("answered operation {0}, which it was not given")]
    NotAsked(u64),
    /// An answer to what has been answered.
    #[error("answered operation {0} twice")]
    Twice(u64),
    /// An answer of another type than its operation's.
    #[error("answered operation {number}, which is a {asked:?}, with a {answered:?}")]
    Kind {
        /// Which.
        number: u64,
        /// What it is.
        asked: Kind,
        /// What came.
        answered: Kind,
    },
    /// An answer with another size than was asked for.
    #[error("answered operation {number} with {is} bytes, where {wanted} were asked for")]
    Size {
        /// Which.
        number: u64,
        /// How many it may have.
        wanted: u64,
        /// How many it has.
        is: u64,
    },
    /// An answer with more than there is room for.
    #[error("answered operation {number} with {is} bytes, where {limit} were allowed")]
    Limit {
        /// Which.
        number: u64,
        /// The most.
        limit: u32,
        /// How many it has.
        is: u32,
    },
    /// A status that the class does not have.
    #[error("answered operation {number} with status {status}, which its class does not have")]
    Status {
        /// Which.
        number: u64,
        /// What came.
        status: u32,
    },
    /// An answer that is neither yes nor no, or the like.
    #[error("answered operation {0} with a value that cannot be")]
    Value(u64),
    /// Nothing of an operation can be where it says.
    #[error("sent operation {0} with a place that is not in the area")]
    Place(u64),
    /// An operation that cannot be carried out.
    #[error("sent operation {0}, which cannot be")]
    Operation(u64),
    /// More operations than the window has room for.
    #[error("sent more operations than it said that it would")]
    Window,
    /// Descriptors that nobody asked for.
    #[error("sent descriptors, which nobody asked for")]
    Descriptors,
    /// None where one belongs.
    #[error("sent a welcome without the descriptor of the area")]
    NoDescriptor,
    /// Too many events.
    #[error("sends more events than it may")]
    Flood,
    /// Something comes after a goodbye that does not belong there.
    #[error("goes on after its goodbye")]
    AfterGoodbye,
}
