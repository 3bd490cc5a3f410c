//! An answer that has come, and been checked so far as that is possible without its data.

use crate::{Asked, Header, Place, Reply, Violation};

/// An answer. Its data may have to be fetched from the area first.
#[derive(Debug)]
pub struct Landed<T> {
    pub(super) token: T,
    pub(super) header: Header,
    pub(super) asked: Asked,
    pub(super) place: Option<Place>,
    pub(super) body: Vec<u8>,
    pub(super) data: Vec<u8>,
}

impl<T> Landed<T> {
    /// The operation's number.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// The place that the operation had in the area, to be given back when what is there has been copied.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// The part of the area that its data is to be copied from, once, if it has any there.
    pub fn fetch(&self) -> Option<Place> {
        self.place.map(|place| place.first(self.header.data)).filter(|place| place.length > 0)
    }

    /// What it means; `data` is what [`fetch`](Landed::fetch) named, as much as there was.
    pub fn finish(self, data: Option<Vec<u8>>) -> (T, Result<Reply, Violation>) {
        let Landed { token, header, asked, place, body, data: inline } = self;
        let data = if place.is_some() { data.unwrap_or_default() } else { inline };
        if data.len() != header.data as usize {
            return (token, Err(Violation::Truncated));
        }
        (token, asked.reply(header, &body, data))
    }
}
