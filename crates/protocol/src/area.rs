//! The memory that host and server share for what is too large for frames, and who has which part of it.

use std::collections::BTreeMap;

/// Some of the area, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Place {
    /// Where it begins.
    pub offset: u32,
    /// How long it is; 0: nowhere.
    pub length: u32,
}

impl Place {
    /// The first `length` bytes of it.
    pub fn first(self, length: u32) -> Place {
        Place { length: length.min(self.length), ..self }
    }

    /// Whether it is in an area of `size` bytes.
    pub fn is_within(self, size: u64) -> bool {
        u64::from(self.offset) + u64::from(self.length) <= size
    }
}

/// Which parts of an area are given out. A part is nobody's again only when the server has said that it is done with it:
/// so what a server writes late is never taken for another operation's.
#[derive(Debug)]
pub struct Area {
    size: u32,
    /// By where they begin: where they end.
    taken: BTreeMap<u32, u32>,
}

/// Where places begin, so that copies go by whole pages.
const PAGE: u32 = 4096;

impl Area {
    /// An area of `size` bytes of which nothing is given out.
    pub fn new(size: u32) -> Self {
        Area { size, taken: BTreeMap::new() }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The first part of `length` bytes that is free; low ones first, so that the same memory is used again.
    pub fn take(&mut self, length: u32) -> Option<Place> {
        let whole = length.max(1).checked_next_multiple_of(PAGE)?;
        let mut offset = 0;
        for (&from, &to) in &self.taken {
            if from - offset >= whole {
                break;
            }
            offset = to;
        }
        let end = offset.checked_add(whole).filter(|end| *end <= self.size)?;
        self.taken.insert(offset, end);
        Some(Place { offset, length })
    }

    /// Takes a part back.
    pub fn give_back(&mut self, place: Place) {
        self.taken.remove(&place.offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_overlap_and_are_used_again() {
        let mut area = Area::new(4 * PAGE);
        let [one, two, three] = [1, PAGE, PAGE + 1].map(|length| area.take(length).unwrap());
        assert_eq!([one, two, three].map(|place| place.offset), [0, PAGE, 2 * PAGE]);
        assert_eq!(area.take(1), None, "it is full");
        area.give_back(two);
        assert_eq!(area.take(PAGE + 1), None, "the hole is too small");
        assert_eq!(area.take(PAGE), Some(two));
        area.give_back(one);
        assert_eq!(area.take(7), Some(Place { offset: 0, length: 7 }));
        assert_eq!(area.take(u32::MAX), None);
    }
}
