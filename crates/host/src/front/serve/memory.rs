//! A client's memory, by CUSE: a server sees of it what it has asked for before the call is carried out. What is written
//! reaches the client at once, by hand, which saves a round; what cannot, with the last round, which then says why.

use crate::{
    caller::caller,
    fuse::wire::{self, IoctlPart},
    sys::memory::ClientMemory,
};
use outlive_classes::{Caller, Fault, Memory};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
};

/// The most that one round carries in each direction, in bytes: the 32 pages of `FUSE_DEFAULT_MAX_PAGES_PER_REQ`, which
/// `fuse_verify_ioctl_iov` (fs/fuse/ioctl.c) keeps to.
const MOST: usize = 32 * 4096;
/// One of the parts of the last round is a byte that is asked for again.
const MOST_PARTS: usize = wire::IOCTL_MAX_PARTS - 1;

/// So many writes by hand at most are under way on one connection: a client's memory may stall whoever touches it. When
/// so many threads are held up the kernel writes, on the client's own time.
const MOST_HANDS: usize = 4;

/// How many writes by hand are under way on a connection.
#[derive(Default, Debug)]
pub(super) struct Hands(AtomicUsize);

impl Hands {
    /// What `write` gives, or `None` if too many are busy.
    fn lend<T>(&self, write: impl FnOnce() -> T) -> Option<T> {
        let free = |busy| (busy < MOST_HANDS).then_some(busy + 1);
        self.0.fetch_update(Relaxed, Relaxed, free).ok()?;
        let written = write();
        self.0.fetch_sub(1, Relaxed);
        Some(written)
    }
}

/// What is known of the memory of one client in one call.
///
/// Each part is fetched once; what is read of it later is what came then (see [`Memory`]).
pub(super) struct Fetched {
    /// The thread that calls.
    pid: u32,
    hands: Arc<Hands>,
    /// The call has been answered: its thread does not wait any more, and its number may be another's.
    over: AtomicBool,
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
    pub(super) fn new(pid: u32, hands: Arc<Hands>) -> Self {
        Fetched { pid, hands, over: AtomicBool::new(false), state: Mutex::default() }
    }

    /// The call is answered: nothing is written by hand from here on. A write that is stalled does not hold this up, and
    /// it is the last: what it writes to is the memory that it found.
    pub(super) fn let_go(&self) {
        self.over.store(true, SeqCst);
    }

    fn write_by_hand(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        // Nobody is number 0: the client is outside of our pid namespace.
        if self.pid == 0 || self.over.load(SeqCst) {
            return Err(Fault);
        }
        ClientMemory::of(self.pid).write(address, from)
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
        if from.is_empty() || self.hands.lend(|| self.write_by_hand(address, from)) == Some(Ok(())) {
            return Ok(());
        }
        let mut state = self.state();
        let size: usize = state.written.iter().map(|(_, bytes)| bytes.len()).sum();
        if size + from.len() <= MOST && state.written.len() < MOST_PARTS {
            state.written.push((address, from.to_vec()));
            return Ok(());
        }
        drop(state);
        // More than the kernel carries.
        self.write_by_hand(address, from)
    }

    fn caller(&self) -> Option<Caller> {
        caller(self.pid)
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
        let memory = out_of_reach();
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
        let memory = out_of_reach();
        memory.expect(&[(0, MOST), (1 << 20, 1), (1 << 21, MOST + 1)]);
        assert_eq!(pairs(&memory.take_missing()), [(0, MOST as u64)]);
        let many: Vec<_> = (0..1000).map(|at| (at * 2, 1)).collect();
        memory.expect(&many);
        assert_eq!(memory.take_missing().len(), wire::IOCTL_MAX_PARTS);
        memory.expect(&[(0, MOST + 1)]);
        assert!(memory.take_missing().is_empty(), "no round carries it: it stays a fault");
    }

    /// Fetched for a client that waits outside of our namespace, whose memory is nobody's.
    fn out_of_reach() -> Fetched {
        Fetched::new(0, Arc::default())
    }

    #[test]
    fn what_is_written_is_there_at_once_where_it_can_be() {
        let memory = Fetched::new(std::process::id(), Arc::default());
        let mut there = *b"before";
        memory.write(there.as_mut_ptr() as u64, b"after!").unwrap();
        assert_eq!(std::hint::black_box(&there), b"after!");
        assert!(memory.take_written().is_empty());
        // Nothing is there: the kernel shall say so.
        memory.write(8, b"x").unwrap();
        assert_eq!(pairs(&memory.take_written().parts()), [(8, 1)]);
    }

    #[test]
    fn once_the_call_is_over_nothing_is_written_by_hand() {
        let memory = Fetched::new(std::process::id(), Arc::default());
        memory.let_go();
        let mut there = *b"before";
        memory.write(there.as_mut_ptr() as u64, b"after!").unwrap();
        assert_eq!(std::hint::black_box(&there), b"before");
        let mut there = vec![0_u8; MOST];
        assert_eq!(memory.write(there.as_mut_ptr() as u64, &vec![7; MOST]), Err(Fault));
        assert!(std::hint::black_box(&there).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn so_many_hands_are_busy_and_no_more() {
        fn nested(hands: &Hands, depth: usize) -> usize {
            hands.lend(|| nested(hands, depth + 1)).unwrap_or(depth)
        }
        let hands = Hands::default();
        for _ in 0..3 {
            assert_eq!(nested(&hands, 0), MOST_HANDS);
        }
    }

    #[test]
    fn what_is_written_out_of_reach_goes_with_the_last_round() {
        let memory = out_of_reach();
        memory.write(16, b"ab").unwrap();
        memory.write(32, b"").unwrap();
        memory.write(64, b"c").unwrap();
        assert_eq!(memory.write(128, &vec![7; MOST]), Err(Fault), "more than the kernel carries");
        let written = memory.take_written();
        assert_eq!((pairs(&written.parts()), written.size()), (vec![(16, 2), (64, 1)], 3));
        assert_eq!(written.bytes().collect::<Vec<_>>(), b"abc");
        assert!(memory.take_written().is_empty());
    }
}
