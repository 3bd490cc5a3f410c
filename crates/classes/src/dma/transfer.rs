use super::{Buffer, Invalid, Kinds, Segment, cursor::Cursor};
use std::time::Duration;

/// What is to be copied, with its memory. It is the descriptor's while that is in flight, and comes back with its
/// [`Completion`](super::Completion); then it can be prepared again.
#[derive(Clone, Debug)]
pub struct Transfer {
    shape: Shape,
    length: usize,
}

/// The common case lies in one place, since it goes from core to core and back.
#[derive(Clone, Debug)]
enum Shape {
    Memcpy([Buffer; 2]),
    ScatterGather(Box<ScatterGather>),
    Cyclic(Box<Cyclic>),
}

#[derive(Clone, Debug)]
struct ScatterGather {
    buffers: Vec<Buffer>,
    from: Vec<Segment>,
    to: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Cyclic {
    buffers: [Buffer; 2],
    period: usize,
    every: Duration,
}

/// One of the two ends of a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    From,
    To,
}

impl Transfer {
    /// One piece of memory to another, equally long: `dmaengine_prep_dma_memcpy`.
    pub fn memcpy(source: impl Into<Buffer>, destination: impl Into<Buffer>) -> Self {
        let buffers = [source.into(), destination.into()];
        Transfer { length: buffers[1].len(), shape: Shape::Memcpy(buffers) }
    }

    /// The pieces `from`, one after the other, to the pieces `to`, both of `buffers`; all of `from` as long as all of
    /// `to`, but cut differently if so wished. Segments without length are skipped.
    pub fn scatter_gather(buffers: Vec<Buffer>, from: Vec<Segment>, to: Vec<Segment>) -> Self {
        let length = to.iter().map(|segment| segment.length).fold(0, usize::saturating_add);
        Transfer { shape: Shape::ScatterGather(Box::new(ScatterGather { buffers, from, to })), length }
    }

    /// `source` to `destination` round and round, a `period` of bytes at a time, until it is terminated:
    /// `dmaengine_prep_dma_cyclic`. `every` is the time from one period to the next, which in hardware the request line
    /// of a peripheral sets; zero is as fast as it goes.
    pub fn cyclic(source: impl Into<Buffer>, destination: impl Into<Buffer>, period: usize, every: Duration) -> Self {
        let buffers = [source.into(), destination.into()];
        Transfer { length: buffers[1].len(), shape: Shape::Cyclic(Box::new(Cyclic { buffers, period, every })) }
    }

    /// Its kind: one.
    pub fn kind(&self) -> Kinds {
        match self.shape {
            Shape::Memcpy(_) => Kinds::MEMCPY,
            Shape::ScatterGather(_) => Kinds::SCATTER_GATHER,
            Shape::Cyclic(_) => Kinds::CYCLIC,
        }
    }

    /// How many bytes it copies; in one round, for a cyclic one. Without a meaning if it [makes no
    /// sense](super::Invalid).
    pub fn length(&self) -> usize {
        self.length
    }

    /// The bytes of a period of a cyclic transfer.
    pub fn period(&self) -> Option<usize> {
        if let Shape::Cyclic(cyclic) = &self.shape { Some(cyclic.period) } else { None }
    }

    /// The time from one period of a cyclic transfer to the next; zero for the others.
    pub fn every(&self) -> Duration {
        if let Shape::Cyclic(cyclic) = &self.shape { cyclic.every } else { Duration::ZERO }
    }

    /// Its memory: of [`memcpy`](Transfer::memcpy) and [`cyclic`](Transfer::cyclic) first the source, then the
    /// destination.
    pub fn buffers(&self) -> &[Buffer] {
        match &self.shape {
            Shape::Memcpy(buffers) => buffers,
            Shape::ScatterGather(lists) => &lists.buffers,
            Shape::Cyclic(cyclic) => &cyclic.buffers,
        }
    }

    /// As [`buffers`](Transfer::buffers), and it is over.
    pub fn into_buffers(self) -> Vec<Buffer> {
        match self.shape {
            Shape::Memcpy(buffers) => buffers.into(),
            Shape::ScatterGather(lists) => lists.buffers,
            Shape::Cyclic(cyclic) => cyclic.buffers.into(),
        }
    }

    fn buffers_mut(&mut self) -> &mut [Buffer] {
        match &mut self.shape {
            Shape::Memcpy(buffers) => buffers,
            Shape::ScatterGather(lists) => &mut lists.buffers,
            Shape::Cyclic(cyclic) => &mut cyclic.buffers,
        }
    }

    /// The pieces that are read.
    pub fn from(&self) -> impl Iterator<Item = Segment> {
        (0..self.segments(End::From)).map(|at| self.segment(End::From, at))
    }

    /// The pieces that are written.
    pub fn to(&self) -> impl Iterator<Item = Segment> {
        (0..self.segments(End::To)).map(|at| self.segment(End::To, at))
    }

    fn segments(&self, end: End) -> usize {
        match (&self.shape, end) {
            (Shape::ScatterGather(lists), End::From) => lists.from.len(),
            (Shape::ScatterGather(lists), End::To) => lists.to.len(),
            _ => 1,
        }
    }

    /// The piece at this place in the list.
    pub(super) fn segment(&self, end: End, at: usize) -> Segment {
        let whole = |buffers: &[Buffer; 2]| {
            let buffer = usize::from(end == End::To);
            Segment { buffer, offset: 0, length: buffers[buffer].len() }
        };
        match (&self.shape, end) {
            (Shape::ScatterGather(lists), End::From) => lists.from[at],
            (Shape::ScatterGather(lists), End::To) => lists.to[at],
            (Shape::Memcpy(buffers), _) => whole(buffers),
            (Shape::Cyclic(cyclic), _) => whole(&cyclic.buffers),
        }
    }

    /// The buffer that the first segment of the destination names: the whole destination, unless there is a list.
    /// Empty if it names none.
    pub fn destination(&self) -> &[u8] {
        self.to().next().and_then(|segment| self.buffers().get(segment.buffer)).map_or(&[], |buffer| buffer)
    }

    /// Carries it out on the calling thread; one round of a cyclic one.
    ///
    /// # Errors
    /// If it makes no sense; nothing has been copied then.
    pub fn copy(&mut self) -> Result<(), Invalid> {
        self.check()?;
        let mut cursor = Cursor::new();
        let mut left = self.length;
        while left > 0 {
            cursor.advance(self, left, |from, to| {
                to.copy_from_slice(from);
                left -= to.len();
            });
        }
        Ok(())
    }

    /// Whether it makes sense.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        self.check_bounds()?;
        if self.to().any(|segment| matches!(self.buffers()[segment.buffer], Buffer::Shared(_))) {
            return Err(Invalid::ReadOnly);
        }
        match &self.shape {
            // The two ends are two buffers.
            Shape::Memcpy(_) => Ok(()),
            Shape::ScatterGather(lists) if lists.overlap() => Err(Invalid::Overlap),
            Shape::ScatterGather(_) => Ok(()),
            Shape::Cyclic(cyclic) if cyclic.period > 0 && self.length.is_multiple_of(cyclic.period) => Ok(()),
            Shape::Cyclic(_) => Err(Invalid::Period),
        }
    }

    fn check_bounds(&self) -> Result<(), Invalid> {
        let fits = |segment: Segment| {
            let room = self.buffers().get(segment.buffer).map(|buffer| buffer.len());
            room.zip(segment.range()).is_some_and(|(room, range)| range.end <= room)
        };
        if !self.from().chain(self.to()).all(fits) {
            return Err(Invalid::OutOfBounds);
        }
        match (sum(self.from()), sum(self.to())) {
            (Some(0), Some(0)) => Err(Invalid::Empty),
            (Some(from), Some(to)) if from == to => Ok(()),
            _ => Err(Invalid::Mismatch),
        }
    }

    /// The bytes of these two pieces, of which the second is to be written. They are within bounds, and do not overlap.
    pub(super) fn pieces(&mut self, from: Segment, to: Segment) -> (&[u8], &mut [u8]) {
        let (read, written) = (from.offset..from.offset + from.length, to.offset..to.offset + to.length);
        if from.buffer == to.buffer {
            let bytes = self.buffers_mut()[to.buffer].bytes_mut().expect("only owned memory is written");
            if read.start < written.start {
                let (low, high) = bytes.split_at_mut(written.start);
                return (&low[read], &mut high[..to.length]);
            }
            let (low, high) = bytes.split_at_mut(read.start);
            return (&high[..from.length], &mut low[written]);
        }
        let [source, destination] =
            self.buffers_mut().get_disjoint_mut([from.buffer, to.buffer]).expect("two buffers of this transfer");
        let destination = destination.bytes_mut().expect("only owned memory is written");
        (&source[read], &mut destination[written])
    }

    /// What a consumer may see of a period that has been copied, from byte `offset` on: the source (unless it is
    /// shared) and the destination.
    pub(super) fn period_at(&mut self, offset: usize) -> Option<(Option<&mut [u8]>, &mut [u8])> {
        let Shape::Cyclic(cyclic) = &mut self.shape else { return None };
        let range = offset..offset + cyclic.period;
        let [source, destination] = &mut cyclic.buffers;
        let destination = destination.bytes_mut()?;
        Some((source.bytes_mut().map(|bytes| &mut bytes[range.clone()]), &mut destination[range]))
    }
}

/// `None` if it is beyond the address space.
fn sum(mut list: impl Iterator<Item = Segment>) -> Option<usize> {
    list.try_fold(0_usize, |sum, segment| sum.checked_add(segment.length))
}

impl ScatterGather {
    /// Whether a byte is written twice, or both read and written. All segments are within bounds.
    fn overlap(&self) -> bool {
        let mut written: Vec<_> = self.to.iter().filter(|segment| segment.length > 0).collect();
        written.sort_unstable_by_key(|segment| (segment.buffer, segment.offset));
        let end = |segment: &Segment| segment.offset + segment.length;
        let twice = written.windows(2).any(|pair| pair[0].buffer == pair[1].buffer && end(pair[0]) > pair[1].offset);
        let is_written = |read: &Segment| {
            let first = written.partition_point(|to| (to.buffer, end(to)) <= (read.buffer, read.offset));
            written.get(first).is_some_and(|to| to.buffer == read.buffer && to.offset < end(read))
        };
        // Only if none overlaps another are their ends in order, too.
        twice || self.from.iter().filter(|segment| segment.length > 0).any(is_written)
    }
}
