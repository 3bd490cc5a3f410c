//! What every frame begins with.

use crate::{Kind, Violation, cursor::Cursor, limits::FRAME_MAX};

/// The version of the protocol that this is.
pub const VERSION: u16 = 1;

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the frame is.
    pub kind: Kind,
    /// The operation that it is about; 0 of a frame that is about none.
    pub number: u64,
    /// How an operation ended, in its answer: see [`status`](crate::status). 0 in everything else.
    pub status: u32,
    /// The bytes of data that belong to the frame: the last ones of it, or in the area.
    pub data: u32,
}

impl Header {
    /// Its size in bytes.
    pub const SIZE: usize = 24;

    pub(crate) fn of(kind: Kind) -> Self {
        Header { kind, number: 0, status: 0, data: 0 }
    }

    /// The frame of this header, a `body` that says what it is about, and `data` at its end.
    pub(crate) fn frame(self, body: &[u8], data: &[u8]) -> Vec<u8> {
        let length = Header::SIZE + body.len() + data.len();
        let mut frame = Vec::with_capacity(length);
        frame.extend(self.kind.number().to_le_bytes());
        frame.extend(VERSION.to_le_bytes());
        frame.extend((length as u32).to_le_bytes());
        frame.extend(self.number.to_le_bytes());
        frame.extend(self.status.to_le_bytes());
        frame.extend(self.data.to_le_bytes());
        frame.extend(body);
        frame.extend(data);
        frame
    }

    /// The header of the frame that a packet is, and what follows it.
    ///
    /// # Errors
    /// What is wrong with the header, or that the packet is none.
    pub fn parse(packet: &[u8]) -> Result<(Header, &[u8]), Violation> {
        if packet.len() > FRAME_MAX {
            return Err(Violation::FrameTooLong);
        }
        let mut cursor = Cursor::new(packet);
        let (kind, version, length) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
        if version != VERSION {
            return Err(Violation::Version(version));
        }
        let kind = Kind::numbered(kind).ok_or(Violation::Type(kind))?;
        let header = Header { kind, number: cursor.u64()?, status: cursor.u32()?, data: cursor.u32()? };
        if length as usize != packet.len() {
            return Err(Violation::Length { said: length, is: packet.len() });
        }
        Ok((header, cursor.rest()))
    }
}
