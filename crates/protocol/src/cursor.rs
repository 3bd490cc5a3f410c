//! The bytes of a frame, read from the front. Everything is little-endian.

use crate::Violation;

/// What is left of a frame to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    pub(crate) fn take(&mut self, size: usize) -> Result<&'a [u8], Violation> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(Violation::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], Violation> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Violation::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Violation> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Violation> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Violation> {
        self.array().map(u64::from_le_bytes)
    }

    /// Four bytes that mean nothing yet.
    pub(crate) fn reserved(&mut self) -> Result<(), Violation> {
        match self.u32()? {
            0 => Ok(()),
            _ => Err(Violation::Reserved),
        }
    }

    /// All that is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// There must be nothing left.
    pub(crate) fn end(self) -> Result<(), Violation> {
        if self.rest.is_empty() { Ok(()) } else { Err(Violation::Trailing) }
    }
}

/// Text of `length` bytes at most: UTF-8, without control characters.
pub(crate) fn text(bytes: &[u8], most: usize) -> Result<String, Violation> {
    let text = std::str::from_utf8(bytes).map_err(|_| Violation::Text)?;
    if bytes.len() > most || text.chars().any(char::is_control) { Err(Violation::Text) } else { Ok(text.to_owned()) }
}
