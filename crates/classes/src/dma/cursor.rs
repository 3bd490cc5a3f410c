use super::{Segment, Transfer, transfer::End};

/// How far a transfer has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    from: Place,
    to: Place,
    /// Bytes, in this round.
    done: usize,
    /// Periods of a cyclic transfer that are over, in all.
    periods: u64,
}

/// A place in a list of segments.
#[derive(Clone, Copy, Default, Debug)]
struct Place {
    segment: usize,
    /// Bytes of that segment that are done.
    offset: usize,
}

/// What a step of a [`Cursor`] came to the end of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Reached {
    Nothing,
    /// The end of a segment of the destination.
    Segment,
    /// The end of a period that begins at this byte; number so and so.
    Period {
        offset: usize,
        number: u64,
    },
    /// The end of it all.
    End,
}

impl Cursor {
    pub(super) fn new() -> Self {
        Cursor { from: Place::default(), to: Place::default(), done: 0, periods: 0 }
    }

    /// The bytes that are done; in this round, of a cyclic transfer.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Has `copy` copy the next bytes that lie together at both ends, at most `limit` of them. The transfer makes sense,
    /// and is not at its end.
    pub(super) fn advance(
        &mut self,
        transfer: &mut Transfer,
        limit: usize,
        copy: impl FnOnce(&[u8], &mut [u8]),
    ) -> Reached {
        let from = self.from.rest(transfer, End::From);
        let to = self.to.rest(transfer, End::To);
        let mut length = from.length.min(to.length).min(limit.max(1));
        if let Some(period) = transfer.period() {
            length = length.min(period - self.done % period);
        }
        let (source, destination) = transfer.pieces(Segment { length, ..from }, Segment { length, ..to });
        copy(source, destination);
        self.from.offset += length;
        self.to.offset += length;
        self.done += length;
        self.reached(transfer, length == to.length)
    }

    fn reached(&mut self, transfer: &Transfer, segment: bool) -> Reached {
        if let Some(period) = transfer.period() {
            if !self.done.is_multiple_of(period) {
                return Reached::Nothing;
            }
            let (offset, number) = (self.done - period, self.periods);
            if self.done == transfer.length() {
                *self = Cursor::new();
            }
            self.periods = number + 1;
            return Reached::Period { offset, number };
        }
        match (self.done == transfer.length(), segment) {
            (true, _) => Reached::End,
            (false, true) => Reached::Segment,
            (false, false) => Reached::Nothing,
        }
    }
}

impl Place {
    /// What is left of the segment where it is, which is not the end of the list. Steps over those without length.
    fn rest(&mut self, transfer: &Transfer, end: End) -> Segment {
        let mut segment = transfer.segment(end, self.segment);
        while self.offset == segment.length {
            *self = Place { segment: self.segment + 1, offset: 0 };
            segment = transfer.segment(end, self.segment);
        }
        Segment { offset: segment.offset + self.offset, length: segment.length - self.offset, ..segment }
    }
}
