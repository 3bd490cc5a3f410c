//! One open file of a card: what it has made, and what it has not read yet (`struct drm_file`).

use super::{
    Buffer,
    beat::Moment,
    uapi::{
        EVENT_SPACE, event,
        layout::{SequenceEvent, VblankEvent},
    },
};
use crate::{Errno, Process};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// The most buffers and names of each kind that one file can have: a file of ours is memory of the host's.
pub(super) const MOST_OF_A_KIND: usize = 4096;

#[derive(Default)]
pub(super) struct Client {
    /// It has been the master, the master has let it in by its magic number, or who opened it is let in anywhere.
    pub(super) authenticated: bool,
    /// It has been the master before, and may be again.
    pub(super) was_master: bool,
    /// The process that opened it, if that is known.
    pub(super) opener: Option<Process>,
    /// The client that was the master as it came, or itself, if it has been the master (`struct drm_master`).
    pub(super) group: u64,
    pub(super) magic: Option<Magic>,
    pub(super) universal_planes: bool,
    pub(super) atomic: bool,
    pub(super) buffers: BTreeMap<u32, Arc<Buffer>>,
    pub(super) framebuffers: BTreeSet<u32>,
    pub(super) blobs: BTreeSet<u32>,
    /// How many bytes they have.
    pub(super) in_blobs: usize,
    pub(super) watchers: BTreeMap<u64, Wake>,
    events: VecDeque<Vec<u8>>,
    /// How many events are to come, for which there is room.
    to_come: usize,
}

/// The number by which a master lets a client in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Magic {
    pub(super) number: u32,
    /// Which master: the [group](Client::group) that asked for it.
    pub(super) group: u64,
    /// It has been let in by it: it keeps the number, which lets in nobody any more.
    pub(super) used: bool,
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// A flip or a commit has been done on this CRTC.
    Flip { crtc: u32, user_data: u64 },
    /// A vertical blanking that was waited for.
    Vblank { crtc: u32, user_data: u64 },
    /// The same, as CRTC_QUEUE_SEQUENCE asks for it.
    Sequence { user_data: u64 },
}

impl Event {
    /// As it is read.
    pub(super) fn to_bytes(self, moment: Moment) -> Vec<u8> {
        let (kind, user_data, crtc) = match self {
            Event::Flip { crtc, user_data } => (event::FLIP_COMPLETE, user_data, crtc),
            Event::Vblank { crtc, user_data } => (event::VBLANK, user_data, crtc),
            Event::Sequence { user_data } => {
                return SequenceEvent {
                    kind: event::CRTC_SEQUENCE,
                    length: event::SIZE as u32,
                    user_data,
                    nanoseconds: moment.time.as_nanos() as i64,
                    sequence: moment.count,
                }
                .to_bytes();
            }
        };
        VblankEvent {
            kind,
            length: event::SIZE as u32,
            user_data,
            seconds: moment.time.as_secs() as u32,
            microseconds: moment.time.subsec_micros(),
            sequence: moment.count as u32,
            crtc,
        }
        .to_bytes()
    }
}

impl Client {
    /// A new one, of that group, which may be its own: then it is the master.
    pub(super) fn new(is_master: bool, group: u64) -> Self {
        Client { authenticated: is_master, was_master: is_master, group, ..Client::default() }
    }

    /// Keeps room for `count` events (`drm_event_reserve_init`).
    ///
    /// # Errors
    /// ENOMEM if it has not read enough of those that came.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), Errno> {
        let taken = self.events.len() + self.to_come + count;
        if taken * event::SIZE > EVENT_SPACE {
            return Err(Errno::NOMEM);
        }
        self.to_come += count;
        Ok(())
    }

    /// One of them comes.
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        self.to_come = self.to_come.saturating_sub(1);
        self.events.push_back(bytes);
    }

    /// One of them will not.
    pub(super) fn unreserve(&mut self) {
        self.to_come = self.to_come.saturating_sub(1);
    }

    pub(super) fn expects(&self) -> bool {
        self.to_come > 0
    }

    pub(super) fn is_readable(&self) -> bool {
        !self.events.is_empty()
    }

    /// As many whole events as fit into `size` bytes (`drm_read`).
    pub(super) fn take(&mut self, size: usize) -> Vec<u8> {
        let count = (size / event::SIZE).min(self.events.len());
        self.events.drain(..count).flatten().collect()
    }

    /// Puts back what was taken last, and has not been read after all.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        bytes.chunks_exact(event::SIZE).rev().for_each(|event| self.events.push_front(event.to_vec()));
    }

    /// Gives it a buffer: the number that it has here.
    ///
    /// # Errors
    /// ENOMEM of who has too many.
    pub(super) fn give(&mut self, buffer: Arc<Buffer>) -> Result<u32, Errno> {
        if self.buffers.len() >= MOST_OF_A_KIND {
            return Err(Errno::NOMEM);
        }
        let handle = lowest_free(&self.buffers);
        self.buffers.insert(handle, buffer);
        Ok(handle)
    }

    /// # Errors
    /// ENOENT: it has no such.
    pub(super) fn buffer(&self, handle: u32) -> Result<&Arc<Buffer>, Errno> {
        self.buffers.get(&handle).ok_or(Errno::NOENT)
    }

    /// The number by which it has that buffer already.
    pub(super) fn handle_of(&self, buffer: &Buffer) -> Option<u32> {
        let same = |other: &Buffer| Arc::ptr_eq(&other.memory, &buffer.memory);
        self.buffers.iter().find(|(_, other)| same(other)).map(|(handle, _)| *handle)
    }
}

/// The lowest number from 1 on that is not among these keys.
pub(super) fn lowest_free<T>(taken: &BTreeMap<u32, T>) -> u32 {
    (1..).zip(taken.keys()).find(|(number, key)| number != *key).map_or(taken.len() as u32 + 1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn there_is_room_for_so_many_events() {
        let mut client = Client::default();
        assert_eq!(client.reserve(128), Ok(()));
        assert_eq!(client.reserve(1), Err(Errno::NOMEM));
        client.send(vec![1; 32]);
        assert_eq!(client.reserve(1), Err(Errno::NOMEM), "it is still there");
        assert_eq!(client.take(31), [], "whole events only");
        assert_eq!(client.take(100).len(), 32);
        assert_eq!(client.reserve(1), Ok(()));
        client.unreserve();
        assert!(client.expects());
    }

    #[test]
    fn what_is_put_back_comes_first() {
        let mut client = Client::default();
        (1..=3).for_each(|number| client.send(vec![number; 32]));
        let taken = client.take(64);
        client.put_back(&taken);
        assert_eq!(client.take(usize::MAX).chunks(32).map(|event| event[0]).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn events_are_as_in_the_header() {
        let moment = Moment { count: (1 << 32) + 5, time: Duration::from_micros(7_000_009) };
        let flip = Event::Flip { crtc: 40, user_data: 9 }.to_bytes(moment);
        let parsed = VblankEvent::from_bytes(&flip);
        assert_eq!((parsed.kind, parsed.length, parsed.user_data, parsed.crtc), (2, 32, 9, 40));
        assert_eq!((parsed.seconds, parsed.microseconds, parsed.sequence), (7, 9, 5));
        let sequence = SequenceEvent::from_bytes(&Event::Sequence { user_data: 9 }.to_bytes(moment));
        assert_eq!((sequence.kind, sequence.nanoseconds, sequence.sequence), (3, 7_000_009_000, (1 << 32) + 5));
    }

    #[test]
    fn numbers_are_the_lowest_that_are_free() {
        let mut taken = BTreeMap::from([(1, ()), (2, ()), (4, ())]);
        assert_eq!(lowest_free(&taken), 3);
        taken.insert(3, ());
        assert_eq!(lowest_free(&taken), 5);
        assert_eq!(lowest_free::<()>(&BTreeMap::new()), 1);
    }
}
