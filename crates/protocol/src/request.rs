//! What a driver is asked to do, as frames carry it.

use crate::{
    Asked, Class, Kind, Place, Violation,
    cursor::Cursor,
    header::Header,
    i2c,
    limits::{INLINE_MAX, TPM_MAX},
    mtd,
};
use outlive_classes::{i2c::Message, mtd::Command};

/// One call of a driver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Messages to be carried out in one go.
    I2c(Vec<Message>),
    /// A command to a flash.
    Mtd(Command),
    /// A command to a TPM.
    Tpm(Vec<u8>),
}

/// A request in the form in which it travels, before it has a number and a place.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// The most bytes of data that its answer may have.
    pub(crate) limit: u32,
    pub(crate) asked: Asked,
}

/// What comes between the header of an operation and what the operation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    /// How long it may take, in nanoseconds.
    pub(crate) deadline: u64,
    /// The most bytes of data that its answer may have.
    pub(crate) limit: u32,
    /// Where its data is and the answer's goes, if that is not in the frames.
    pub(crate) place: Option<Place>,
}

impl Request {
    /// The class that it is of.
    pub fn class(&self) -> Class {
        match self {
            Request::I2c(_) => Class::I2c,
            Request::Mtd(_) => Class::Mtd,
            Request::Tpm(_) => Class::Tpm,
        }
    }

    /// `None` if no frame and no area can hold it or its answer.
    pub(crate) fn pack(self) -> Option<Packed> {
        let asked = Asked::of(&self);
        let limit = u32::try_from(asked.limit()).ok()?;
        let (kind, body, data) = match self {
            Request::I2c(messages) => {
                let (body, data) = i2c::is_sound(&messages).then(|| i2c::put_transfer(&messages))?;
                (Kind::Transfer, body, data)
            }
            Request::Mtd(command) => mtd::put_command(command)?,
            Request::Tpm(command) => (command.len() <= TPM_MAX).then_some((Kind::Command, Vec::new(), command))?,
        };
        u32::try_from(data.len()).ok()?;
        Some(Packed { kind, body, data, limit, asked })
    }

    /// Of what travelled.
    pub(crate) fn unpack(number: u64, kind: Kind, body: &[u8], data: Vec<u8>) -> Result<Request, Violation> {
        match kind {
            Kind::Transfer => i2c::transfer(number, body, &data).map(Request::I2c),
            Kind::Command if data.len() > TPM_MAX => Err(Violation::Operation(number)),
            Kind::Command => Cursor::new(body).end().map(|()| Request::Tpm(data)),
            _ => mtd::command(number, kind, body, data).map(Request::Mtd),
        }
    }
}

impl Packed {
    /// How much of the area it needs; `None` if it needs none.
    pub(crate) fn bulk(&self) -> Option<u32> {
        let most = self.limit.max(self.data.len() as u32);
        (most as usize > INLINE_MAX).then_some(most)
    }

    /// Its frame, and the data that goes into the area.
    pub(crate) fn frame(self, number: u64, terms: Terms) -> (Vec<u8>, Option<(Place, Vec<u8>)>) {
        let data = self.data.len() as u32;
        let header = Header { number, data, ..Header::of(self.kind) };
        let mut body = terms.encode();
        body.extend(&self.body);
        match terms.place {
            None => (header.frame(&body, &self.data), None),
            Some(_) if self.data.is_empty() => (header.frame(&body, &[]), None),
            Some(place) => (header.frame(&body, &[]), Some((place.first(data), self.data))),
        }
    }
}

impl Terms {
    fn encode(&self) -> Vec<u8> {
        let place = self.place.unwrap_or_default();
        let mut bytes = self.deadline.to_le_bytes().to_vec();
        [self.limit, place.offset, place.length, 0].into_iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes
    }

    pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Result<Terms, Violation> {
        let (deadline, limit) = (cursor.u64()?, cursor.u32()?);
        let place = Place { offset: cursor.u32()?, length: cursor.u32()? };
        cursor.reserved()?;
        Ok(Terms { deadline, limit, place: (place != Place::default()).then_some(place) })
    }
}
