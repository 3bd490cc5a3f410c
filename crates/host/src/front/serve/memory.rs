//! A client's memory, by CUSE: a server sees of it what it has asked for before the call is carried out, and what it
//! wrote reaches the client after.

use crate::{
    fuse::wire::{self, IoctlPart},
    sys::memory::ClientMemory,
};
use outlive_classes::{Fault, Memory};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most that one round carries in each direction, in bytes: the 32 pages of `FUSE_DEFAULT_MAX_PAGES_PER_REQ`, which
/// `fuse_verify_ioctl_iov` (fs/fuse/ioctl.c) keeps to.
const MOST: usize = 32 * 4096;
/// One of the parts of the last round is a byte that is asked for again.
const MOST_PARTS: usize = wire::IOCTL_MAX_PARTS - 1;

/// What is known of the memory of one client in one call.
///
/// Each part is fetched once; what is read of it later is what came then (see [`Memory`]).
pub(super) struct Fetched {
    /// The thread that calls.
    pid: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Vec<(u64, Vec<u8>)>,
    /// What was to be read and is not known, in that order.
    missing: Vec<IoctlPart>,
    written: Vec<(u64, Vec<u8>)>,
}

/// What a call wrote to its client's memory, on its way there.
#[derive(Debug, Default)]
pub(super) struct Written(Vec<(u64, Vec<u8>)>);

impl Fetched {
    pub(super) fn new(pid: u32) -> Self {
        Fetched { pid, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be asked for next: as much as one round carries.
    pub(super) fn take_missing(&self) -> Vec<IoctlPart> {
        let mut missing = std::mem::take(&mut self.state().missing);
        let mut room = MOST as u64;
        let fits = |part: &&IoctlPart| {
            let fits = part.len <= room;
            room = room.saturating_sub(part.len);
            fits
        };
        let count = missing.iter().take(wire::IOCTL_MAX_PARTS).take_while(fits).count();
        missing.truncate(count);
        missing
    }

    /// Takes what came for `parts`, which is as long as they are together.
    pub(super) fn learn(&self, parts: &[IoctlPart], mut data: &[u8]) {
        let mut state = self.state();
        for part in parts {
            let (this, rest) = data.split_at((part.len as usize).min(data.len()));
            state.known.push((part.base, this.to_vec()));
            data = rest;
        }
    }

    /// A byte that has come already, if any has.
    pub(super) fn known_byte(&self) -> Option<IoctlPart> {
        self.state()
            .known
            .iter()
            .find(|(_, bytes)| !bytes.is_empty())
            .map(|(base, _)| IoctlPart { base: *base, len: 1 })
    }

    /// What the call wrote.
    pub(super) fn take_written(&self) -> Written {
        Written(std::mem::take(&mut self.state().written))
    }
}

impl State {
    fn find(&self, address: u64, size: usize) -> Option<&[u8]> {
        self.known.iter().find_map(|(base, bytes)| {
            let from = usize::try_from(address.checked_sub(*base)?).ok()?;
            bytes.get(from..from.checked_add(size)?)
        })
    }

    fn miss(&mut self, base: u64, len: usize) {
        // One that no round can carry stays missing: a fault.
        if len <= MOST && self.find(base, len).is_none() {
            let part = IoctlPart { base, len: len as u64 };
            if !self.missing.iter().any(|other| (other.base, other.len) == (part.base, part.len)) {
                self.missing.push(part);
            }
        }
    }
}

impl Memory for Fetched {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        let mut state = self.state();
        match state.find(address, into.len()) {
            Some(bytes) => into.copy_from_slice(bytes),
            None => {
                state.miss(address, into.len());
                return Err(Fault);
            }
        }
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        let mut state = self.state();
        let size: usize = state.written.iter().map(|(_, bytes)| bytes.len()).sum();
        if from.is_empty() {
            return Ok(());
        }
        if size + from.len() <= MOST && state.written.len() < MOST_PARTS {
            state.written.push((address, from.to_vec()));
            return Ok(());
        }
        drop(state);
        // More than the kernel carries: by hand. The client waits for us, so its number is its own.
        ClientMemory::of(self.pid).write(address, from)
    }

    fn expect(&self, ranges: &[(u64, usize)]) {
        let mut state = self.state();
        ranges.iter().for_each(|(address, size)| state.miss(*address, *size));
    }
}

impl Written {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where it goes.
    pub(super) fn parts(&self) -> Vec<IoctlPart> {
        self.0.iter().map(|(base, bytes)| IoctlPart { base: *base, len: bytes.len() as u64 }).collect()
    }

    /// One after the other.
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> {
        self.0.iter().flat_map(|(_, bytes)| bytes.iter().copied())
    }

    /// In bytes.
    pub(super) fn size(&self) -> usize {
        self.0.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(parts: &[IoctlPart]) -> Vec<(u64, u64)> {
        parts.iter().map(|part| (part.base, part.len)).collect()
    }

    #[test]
    fn what_is_missing_is_asked_for_once_and_read_as_it_came() {
        let memory = Fetched::new(1);
        let mut two = [0; 2];
        assert!(memory.known_byte().is_none());
        assert_eq!(memory.read(100, &mut two), Err(Fault));
        assert_eq!(memory.read(100, &mut two), Err(Fault));
        memory.expect(&[(200, 4), (100, 2)]);
        let parts = memory.take_missing();
        assert_eq!(pairs(&parts), [(100, 2), (200, 4)]);
        memory.learn(&parts, b"abwxyz");
        memory.read(100, &mut two).unwrap();
        assert_eq!(&two, b"ab");
        assert_eq!(pairs(memory.known_byte().as_slice()), [(100, 1)]);
        memory.read(202, &mut two).unwrap();
        assert_eq!(&two, b"yz");
        assert_eq!(memory.read(203, &mut two), Err(Fault), "beyond the end of what came");
        assert_eq!(memory.read(u64::MAX, &mut two), Err(Fault));
    }

    #[test]
    fn a_round_carries_so_much() {
        let memory = Fetched::new(1);
        memory.expect(&[(0, MOST), (1 << 20, 1), (1 << 21, MOST + 1)]);
        assert_eq!(pairs(&memory.take_missing()), [(0, MOST as u64)]);
        let many: Vec<_> = (0..1000).map(|at| (at * 2, 1)).collect();
        memory.expect(&many);
        assert_eq!(memory.take_missing().len(), wire::IOCTL_MAX_PARTS);
        memory.expect(&[(0, MOST + 1)]);
        assert!(memory.take_missing().is_empty(), "no round carries it: it stays a fault");
    }

    #[test]
    fn what_is_written_goes_where_it_belongs_and_the_excess_by_hand() {
        let memory = Fetched::new(std::process::id());
        memory.write(16, b"ab").unwrap();
        memory.write(32, b"").unwrap();
        memory.write(64, b"c").unwrap();
        let mut there = vec![0_u8; MOST];
        memory.write(there.as_mut_ptr() as u64, &vec![7; MOST]).unwrap();
        assert!(std::hint::black_box(&there).iter().all(|byte| *byte == 7));
        let written = memory.take_written();
        assert_eq!((pairs(&written.parts()), written.size()), (vec![(16, 2), (64, 1)], 3));
        assert_eq!(written.bytes().collect::<Vec<_>>(), b"abc");
        assert!(memory.take_written().is_empty());
    }
}
