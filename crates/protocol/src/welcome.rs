//! The first frame of a host: what it agrees to.

use crate::{Header, Kind, Violation, cursor::Cursor};

/// What a host agrees to. The descriptor of the area comes with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// The size of the area in bytes.
    pub area: u64,
    /// Which life of the device begins, from 1.
    pub generation: u64,
    /// The most operations that the server will have at a time.
    pub window: u32,
    /// The most bytes of a frame, of either side.
    pub frame: u32,
    /// The most events that may come at once, and then each second.
    pub events: u32,
}

impl Welcome {
    /// Its frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(self.area.to_le_bytes());
        body.extend(self.generation.to_le_bytes());
        [self.window, self.frame, self.events, 0].into_iter().for_each(|word| body.extend(word.to_le_bytes()));
        Header::of(Kind::Welcome).frame(&body, &[])
    }

    /// Of a frame.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(packet: &[u8]) -> Result<Welcome, Violation> {
        let (header, body) = Header::parse(packet)?;
        if header.kind != Kind::Welcome {
            return Err(Violation::Unexpected(header.kind));
        }
        header.is_of_no_operation()?;
        if header.data != 0 {
            return Err(Violation::Header(header.kind));
        }
        let mut cursor = Cursor::new(body);
        let (area, generation) = (cursor.u64()?, cursor.u64()?);
        let welcome = Welcome { area, generation, window: cursor.u32()?, frame: cursor.u32()?, events: cursor.u32()? };
        cursor.reserved()?;
        cursor.end()?;
        Ok(welcome)
    }
}
