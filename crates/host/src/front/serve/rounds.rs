//! An ioctl by CUSE, which takes several rounds: the kernel gives us the number and the argument, and no memory.
//!
//! ```text
//! round 1    number, argument                 the class says what it would read; we ask for that (FUSE_IOCTL_RETRY)
//! round 2    the same call with those bytes   until the class misses nothing; then it is carried out, once
//! round 3    the same call with room          what could not be written by hand is handed over, with the result
//! ```
//!
//! A round after one that brought data asks for a byte of them again; see [`Stage`]. A round that is not needed does not
//! take place: mostly the third. The kernel names rounds by nothing; but a thread is in one call at a time, and a first
//! round comes without memory. So a call that was given up between two rounds, since its client was killed or has no such
//! memory, is found out by the next one.

use super::memory::{Fetched, Hands, Written};
use crate::{
    front::{flight, open_file::value_body},
    fuse::{
        channel::Reply,
        wire::{self, IoctlOut, IoctlPart},
    },
};
use outlive_classes::{Answer, Errno};
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use zerocopy::IntoBytes;

/// So many calls may be between two rounds before those of threads that have ended are looked for.
const MANY: usize = 1024;

/// A call: the open file, the thread, the number and the argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) fh: u64,
    pub(super) pid: u32,
    pub(super) command: u32,
    pub(super) argument: u64,
}

/// What a call waits for between two rounds.
enum Stage {
    /// These parts of its client's memory.
    Fetching { asked: Vec<IoctlPart>, memory: Arc<Fetched> },
    /// Room for what it wrote. `again` is asked for and not looked at: where a round brought data, Linux takes the words of
    /// one after it that brings none from the wrong place (`fuse_do_ioctl` leaves `in_pages` set; seen on 6.1).
    Delivering { written: Written, again: Option<IoctlPart>, value: i32 },
}

/// The calls that are between two rounds.
#[derive(Default)]
pub(super) struct Rounds {
    hands: Arc<Hands>,
    stages: Mutex<HashMap<(u64, u32), (Key, Stage)>>,
}

/// What to do with a round.
pub(super) enum Next {
    /// The call has been carried out, and this is the answer.
    Answer(Vec<u8>),
    /// It goes on, with what is known of its client's memory.
    GoOn(Arc<Fetched>),
}

impl Rounds {
    fn stages(&self) -> MutexGuard<'_, HashMap<(u64, u32), (Key, Stage)>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round has come: with `data`, and with room for `room` bytes.
    ///
    /// # Errors
    /// EIO: it continues nothing that we know of.
    pub(super) fn next(&self, key: Key, data: &[u8], room: usize) -> Result<Next, Errno> {
        let stage = self.stages().remove(&(key.fh, key.pid));
        if data.is_empty() && room == 0 {
            return Ok(Next::GoOn(Arc::new(Fetched::new(key.pid, self.hands.clone()))));
        }
        match stage.filter(|(former, _)| *former == key).ok_or(Errno::IO)?.1 {
            Stage::Fetching { asked, memory } if room == 0 && total(&asked) == data.len() as u64 => {
                memory.learn(&asked, data);
                Ok(Next::GoOn(memory))
            }
            Stage::Delivering { written, again, value }
                if data.len() as u64 == total(again.as_slice()) && written.size() == room =>
            {
                let out = IoctlOut { result: value, ..Default::default() };
                Ok(Next::Answer(out.as_bytes().iter().copied().chain(written.bytes()).collect()))
            }
            _ => Err(Errno::IO),
        }
    }

    /// Asks for memory that the class missed.
    pub(super) fn fetch(&self, key: Key, asked: Vec<IoctlPart>, memory: Arc<Fetched>, reply: Reply) {
        let body = retry(&asked, &[]);
        self.wait(key, Stage::Fetching { asked, memory }, &body, reply);
    }

    /// Asks for room for what was written, or answers at once if nothing was.
    fn deliver(&self, key: Key, memory: &Fetched, value: i32, reply: Reply) {
        let (written, again) = (memory.take_written(), memory.known_byte());
        if written.is_empty() {
            return reply.bytes(&value_body("ioctl", value));
        }
        let body = retry(again.as_slice(), &written.parts());
        self.wait(key, Stage::Delivering { written, again, value }, &body, reply);
    }

    fn wait(&self, key: Key, stage: Stage, body: &[u8], reply: Reply) {
        if key.pid == 0 {
            // Outside of our pid namespace: what thread it is we would not know again.
            return reply.error(Errno::PERM);
        }
        let mut stages = self.stages();
        if stages.len() >= MANY {
            stages.retain(|(_, pid), _| Path::new("/proc").join(pid.to_string()).exists());
        }
        // Before the kernel comes back with it.
        stages.insert((key.fh, key.pid), (key, stage));
        drop(stages);
        reply.bytes(body);
    }

    /// A file has been closed for good: no call on it goes on.
    pub(super) fn forget(&self, fh: u64) {
        self.stages().retain(|(other, _), _| *other != fh);
    }
}

fn total(parts: &[IoctlPart]) -> u64 {
    parts.iter().map(|part| part.len).sum()
}

/// `struct fuse_ioctl_out` that asks for another round, and the parts.
fn retry(input: &[IoctlPart], output: &[IoctlPart]) -> Vec<u8> {
    let (in_iovs, out_iovs) = (input.len() as u32, output.len() as u32);
    let out = IoctlOut { result: 0, flags: wire::IOCTL_RETRY, in_iovs, out_iovs };
    [out.as_bytes(), input.as_bytes(), output.as_bytes()].concat()
}

/// The answer to a call on a device that is served: for an ioctl what it wrote comes first.
pub(super) struct Owed {
    pub(super) reply: Reply,
    /// Of an ioctl.
    pub(super) ioctl: Option<(Arc<Rounds>, Key, Arc<Fetched>)>,
}

impl flight::Owed for Owed {
    /// The kernel's number of the request.
    type Id = u64;

    fn give(self, name: &str, room: usize, answer: Result<Answer, Errno>) {
        if let Some((_, _, memory)) = &self.ioctl {
            memory.let_go();
        }
        match (answer, self.ioctl) {
            (Err(errno), _) => self.reply.error(errno),
            (Ok(Answer::Data(data)), _) => self.reply.bytes(&data[..data.len().min(room)]),
            (Ok(Answer::Value(value)), Some((rounds, key, memory))) => {
                rounds.deliver(key, &memory, value, self.reply);
            }
            (Ok(Answer::Value(value)), None) => self.reply.bytes(&value_body(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlive_classes::Memory;

    const KEY: Key = Key { fh: 3, pid: 77, command: 0x0720, argument: 0x1000 };

    fn fetching(rounds: &Rounds, key: Key) {
        let asked = vec![IoctlPart { base: 0x1000, len: 2 }, IoctlPart { base: 0x2000, len: 1 }];
        let stage = Stage::Fetching { asked, memory: Arc::new(Fetched::new(key.pid, Arc::default())) };
        rounds.stages().insert((key.fh, key.pid), (key, stage));
    }

    fn delivering(rounds: &Rounds, again: Option<IoctlPart>) {
        let memory = Fetched::new(KEY.pid, Arc::default());
        // As if it were out of reach.
        memory.let_go();
        memory.write(0x1000, b"ab").unwrap();
        memory.write(0x2000, b"c").unwrap();
        let stage = Stage::Delivering { written: memory.take_written(), again, value: 5 };
        rounds.stages().insert((KEY.fh, KEY.pid), (KEY, stage));
    }

    #[test]
    fn what_was_asked_for_is_known_then() {
        let rounds = Rounds::default();
        fetching(&rounds, KEY);
        let Ok(Next::GoOn(memory)) = rounds.next(KEY, b"abc", 0) else { panic!("it goes on") };
        let mut two = [0; 2];
        memory.read(0x1000, &mut two).unwrap();
        assert_eq!(&two, b"ab");
    }

    #[test]
    fn what_was_written_is_handed_over_once() {
        let rounds = Rounds::default();
        for (again, data) in [(None, &b""[..]), (Some(IoctlPart { base: 0x1000, len: 1 }), b"?")] {
            delivering(&rounds, again);
            let Ok(Next::Answer(body)) = rounds.next(KEY, data, 3) else { panic!("it is answered") };
            assert_eq!((&body[..4], &body[16..]), (&5_i32.to_ne_bytes()[..], &b"abc"[..]));
        }
        assert!(matches!(rounds.next(KEY, &[], 3), Err(Errno::IO)));
    }

    #[test]
    fn rounds_that_continue_nothing_are_refused() {
        for (data, room) in [(&b"ab"[..], 0), (b"abcd", 0), (b"abc", 1), (b"", 3)] {
            let rounds = Rounds::default();
            fetching(&rounds, KEY);
            assert!(matches!(rounds.next(KEY, data, room), Err(Errno::IO)), "{data:?} {room}");
        }
        for (data, room) in [(&b"a"[..], 3), (b"", 2), (b"", 4)] {
            let rounds = Rounds::default();
            delivering(&rounds, None);
            assert!(matches!(rounds.next(KEY, data, room), Err(Errno::IO)), "{data:?} {room}");
        }
        for other in
            [Key { pid: 78, ..KEY }, Key { fh: 4, ..KEY }, Key { argument: 0, ..KEY }, Key { command: 1, ..KEY }]
        {
            let rounds = Rounds::default();
            fetching(&rounds, KEY);
            assert!(matches!(rounds.next(other, b"abc", 0), Err(Errno::IO)), "{other:?}");
        }
    }

    #[test]
    fn a_first_round_forgets_what_was_given_up() {
        let rounds = Rounds::default();
        delivering(&rounds, None);
        assert!(matches!(rounds.next(KEY, &[], 0), Ok(Next::GoOn(_))));
        assert!(matches!(rounds.next(KEY, &[], 3), Err(Errno::IO)));
        fetching(&rounds, KEY);
        rounds.forget(KEY.fh);
        assert!(rounds.stages().is_empty());
    }

    #[test]
    fn a_retry_names_its_parts() {
        let part = |base| IoctlPart { base, len: 1 };
        let body = retry(&[part(1), part(2)], &[part(3)]);
        assert_eq!(body.len(), 16 + 3 * 16);
        assert_eq!(body[4..16], [4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]);
    }
}
