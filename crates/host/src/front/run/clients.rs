//! What descriptors of clients are known to be, so that a trapped call need not look it up.
//!
//! To look up what a descriptor is takes as long as the rest of a call. What was found is kept for a moment, by thread,
//! and forgotten as soon as a descriptor of that file is closed, however that comes (close, dup2 onto it, execve, exit,
//! io_uring): the kernel tells of each by FLUSH, and goes on when that is answered. What it does not tell of, a thread
//! that ends while others keep its table, and whose number is given out again, would have to come round within
//! [`KEPT`].
//!
//! A process that hides its memory from its user (`PR_SET_DUMPABLE` of prctl(2)) is unknown from then on: the kernel, which
//! can read it, is to carry its calls to us by FUSE.

use super::{files::Files, table::OpenFile};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// How long it is kept. Far shorter than the numbers of threads take to come round.
const KEPT: Duration = Duration::from_millis(100);
/// More threads than this are not remembered at a time.
const MANY: usize = 1024;

/// The descriptors that calls were made on lately.
#[derive(Default)]
pub(super) struct Clients {
    known: Mutex<HashMap<u32, Client>>,
}

/// A thread's.
struct Client {
    since: Instant,
    files: Vec<(u32, Weak<OpenFile>)>,
}

impl Clients {
    fn known(&self) -> MutexGuard<'_, HashMap<u32, Client>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file behind descriptor `number` of thread `pid`, if it is ours alone to answer for.
    pub(super) fn file(&self, files: &Files, pid: u32, number: u32) -> Option<Arc<OpenFile>> {
        let now = Instant::now();
        if let Some(client) = self.known().get(&pid)
            && now.duration_since(client.since) < KEPT
            && let Some((_, file)) = client.files.iter().find(|(known, _)| *known == number)
            && let Some(file) = file.upgrade()
            && files.is_sole(&file)
        {
            return Some(file);
        }
        // Written down before it is looked for: a close meanwhile takes it out again.
        // With the table in hand: a close before this look is seen by it, and one after it takes out what it finds.
        let mut known = self.known();
        let file = files.file_at(pid, number)?;
        if known.len() >= MANY {
            known.clear();
        }
        let client = known.entry(pid).or_insert_with(|| Client { since: now, files: Vec::new() });
        if now.duration_since(client.since) >= KEPT {
            *client = Client { since: now, files: Vec::new() };
        }
        client.files.retain(|(known, _)| *known != number);
        client.files.push((number, Arc::downgrade(&file)));
        Some(file)
    }

    /// A descriptor of `file` is being closed, nobody says which.
    pub(super) fn forget(&self, file: &Arc<OpenFile>) {
        let is_it = |known: &Weak<OpenFile>| std::ptr::eq(known.as_ptr(), Arc::as_ptr(file));
        self.known().values_mut().for_each(|client| client.files.retain(|(_, known)| !is_it(known)));
    }

    /// Some process may be about to hide its memory.
    pub(super) fn forget_all(&self) {
        self.known().clear();
    }
}
