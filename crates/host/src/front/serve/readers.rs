//! Who reads the requests of a connection.
//!
//! At first a crew that serves all connections, which learns by epoll whose turn it is. That is a system call more for
//! each request. So a connection that is used a lot gets a crew of its own, which waits in read(2) itself, as long as not
//! too many have one; and then two devices that are used at once do not wait for each other either.

use crate::fuse::channel::{Channel, Read, Room};
use rustix::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A connection that has had so many requests is used a lot.
const MANY: u32 = 64;

/// Who reads from one channel.
#[derive(Default, Debug)]
pub(super) struct Readers(Mutex<Who>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    /// Those who serve all connections; they have read so many requests.
    Everybody(u32),
    /// A crew of its own.
    Own,
}

impl Default for Who {
    fn default() -> Self {
        Who::Everybody(0)
    }
}

impl Readers {
    fn who(&self) -> MutexGuard<'_, Who> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a request for the crew that serves all, without waiting. The lock is what keeps it from waiting: nobody
    /// changes that meanwhile.
    pub(super) fn read_for_everybody(&self, channel: &Channel, room: &mut Room) -> Read {
        let mut who = self.who();
        let Who::Everybody(requests) = &mut *who else { return Read::Nothing };
        let read = channel.read(room);
        if matches!(read, Read::Request(_)) {
            *requests = requests.saturating_add(1);
        }
        read
    }

    /// Whether it is used a lot, and has no crew of its own.
    pub(super) fn are_too_few(&self) -> bool {
        matches!(*self.who(), Who::Everybody(requests) if requests >= MANY)
    }

    /// Whether it has a crew of its own.
    pub(super) fn are_its_own(&self) -> bool {
        *self.who() == Who::Own
    }

    /// It cannot have one now; in a while it may be asked for again.
    pub(super) fn count_again(&self) {
        let mut who = self.who();
        if let Who::Everybody(requests) = &mut *who {
            *requests = 0;
        }
    }

    /// Leaves the channel to a crew of its own. `false` if it was left to one already.
    pub(super) fn leave_to_own(&self, channel: &Channel) -> io::Result<bool> {
        let mut who = self.who();
        if *who == Who::Own {
            return Ok(false);
        }
        channel.set_waiting(true)?;
        *who = Who::Own;
        Ok(true)
    }

    /// Takes that back, for a crew that could not be had; it is not tried again soon.
    pub(super) fn leave_to_everybody(&self, channel: &Channel) -> io::Result<()> {
        let mut who = self.who();
        channel.set_waiting(false)?;
        *who = Who::Everybody(0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};

    /// A pipe does for a channel here: a byte in it is a request.
    #[test]
    fn what_is_used_a_lot_is_left_to_its_own_crew() {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK).unwrap();
        let (channel, mut room) = (Channel::new(read), Room::new());
        let readers = Readers::default();
        let mut ask = |readers: &Readers| {
            io::write(&write, b"x").unwrap();
            matches!(readers.read_for_everybody(&channel, &mut room), Read::Request(1))
        };
        for _ in 0..2 {
            for _ in 1..MANY {
                assert!(ask(&readers) && !readers.are_too_few());
            }
            assert!(ask(&readers) && readers.are_too_few());
            readers.count_again();
            assert!(!readers.are_too_few());
        }
        assert!(readers.leave_to_own(&channel).unwrap() && !readers.leave_to_own(&channel).unwrap());
        assert!(readers.are_its_own() && !readers.are_too_few());
        assert!(!ask(&readers), "it is another crew's");
        readers.leave_to_everybody(&channel).unwrap();
        assert!(!readers.are_its_own());
        // What came meanwhile; then without waiting, or this would be for ever.
        let mut room = Room::new();
        assert!(matches!(readers.read_for_everybody(&channel, &mut room), Read::Request(1)));
        assert!(matches!(readers.read_for_everybody(&channel, &mut room), Read::Nothing));
    }
}
