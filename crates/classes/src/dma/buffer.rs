use std::{
    fmt,
    ops::{Deref, Range},
    sync::Arc,
};

/// Memory that a [`Transfer`](super::Transfer) owns.
#[derive(Clone)]
pub enum Buffer {
    /// To be read or written.
    Owned(Box<[u8]>),
    /// To be read only; others may read it meanwhile, also other transfers.
    Shared(Arc<[u8]>),
}

impl Buffer {
    /// The bytes, to be written; `None` for shared memory.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        match self {
            Buffer::Owned(bytes) => Some(bytes),
            Buffer::Shared(_) => None,
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Buffer::Owned(bytes) => bytes,
            Buffer::Shared(bytes) => bytes,
        }
    }
}

impl From<Box<[u8]>> for Buffer {
    fn from(bytes: Box<[u8]>) -> Self {
        Buffer::Owned(bytes)
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Buffer::Owned(bytes.into())
    }
}

impl From<Arc<[u8]>> for Buffer {
    fn from(bytes: Arc<[u8]>) -> Self {
        Buffer::Shared(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Buffer {
    fn from(bytes: [u8; N]) -> Self {
        Buffer::Owned(bytes.into())
    }
}

/// Its size only: memory may be large, and is nobody's business in a log.
impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Buffer::Owned(_)) { "Owned" } else { "Shared" };
        write!(f, "{kind}({} bytes)", self.len())
    }
}

/// A piece of one of a transfer's buffers, as an entry of a scatterlist (`struct scatterlist`: page, offset, length).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Which of the transfer's buffers.
    pub buffer: usize,
    /// Where it begins in that buffer, in bytes.
    pub offset: usize,
    /// How long it is, in bytes. One of 0 is skipped.
    pub length: usize,
}

impl Segment {
    /// `None` if its end is beyond the address space.
    pub(super) fn range(&self) -> Option<Range<usize>> {
        Some(self.offset..self.offset.checked_add(self.length)?)
    }
}
