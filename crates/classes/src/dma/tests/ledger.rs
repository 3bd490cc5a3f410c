//! What was submitted, and how each ended.

use super::manual::pattern;
use crate::dma::{Abort, Channel, Completion, Failure, Segment, Transfer};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Default)]
pub(super) struct Ledger {
    entries: Mutex<BTreeMap<usize, Entry>>,
    /// In the order in which they were told.
    told: Mutex<Vec<usize>>,
}

#[derive(Default)]
struct Entry {
    ends: Vec<Result<(), Failure>>,
    /// Whether its memory came back as it should be.
    right: bool,
}

/// What may have happened to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    pub(super) gone: bool,
    pub(super) terminated: bool,
}

/// A transfer by its number: of any kind, and with content of its own.
pub(super) fn transfer(number: usize) -> Transfer {
    let length = 1 + number * 37 % 300;
    let source = pattern(number, length);
    match number % 8 {
        0 => {
            let from = (0..length).rev().map(|offset| Segment { buffer: 0, offset, length: 1 }).collect();
            let to = vec![Segment { buffer: 1, offset: 0, length }];
            Transfer::scatter_gather(vec![source.into(), vec![0; length].into()], from, to)
        }
        1 => Transfer::memcpy(Arc::<[u8]>::from(source), vec![0; length]),
        2 => Transfer::cyclic(source, vec![0; length], length, Duration::from_micros(1)),
        _ => Transfer::memcpy(source, vec![0; length]),
    }
}

fn is_right(number: usize, transfer: &Transfer) -> bool {
    let mut want = transfer.buffers()[0].to_vec();
    let untouched = want == pattern(number, want.len());
    if number.is_multiple_of(8) {
        want.reverse();
    }
    untouched && transfer.destination() == want
}

impl Ledger {
    /// Submits transfer `number`; false if it was refused, and the memory came back.
    pub(super) fn submit(self: &Arc<Self>, channel: &Channel, number: usize) -> bool {
        self.entries.lock().unwrap().insert(number, Entry::default());
        let ledger = self.clone();
        let submitted = channel
            .prepare(transfer(number))
            .and_then(|descriptor| descriptor.on_complete(move |completion| ledger.note(number, &completion)).submit());
        match submitted {
            Ok(_) => true,
            Err(rejected) => {
                assert_eq!(rejected.transfer.length(), transfer(number).length());
                let entry = self.entries.lock().unwrap().remove(&number).unwrap();
                assert!(entry.ends.is_empty(), "{number} was refused, and ended");
                false
            }
        }
    }

    pub(super) fn note(&self, number: usize, completion: &Completion) {
        let mut entries = self.entries.lock().unwrap();
        let entry = entries.entry(number).or_default();
        entry.ends.push(completion.result);
        entry.right = match completion.result {
            Ok(()) => is_right(number, &completion.transfer),
            Err(_) => completion.transfer.length() == transfer(number).length(),
        };
        self.told.lock().unwrap().push(number);
    }

    /// Whether all have ended.
    pub(super) fn is_complete(&self) -> bool {
        self.entries.lock().unwrap().values().all(|entry| !entry.ends.is_empty())
    }

    /// How many ended in this way.
    pub(super) fn count(&self, how: impl Fn(&Result<(), Failure>) -> bool) -> usize {
        self.entries.lock().unwrap().values().filter(|entry| entry.ends.iter().all(&how)).count()
    }

    /// Each exactly once, with the right content, for a reason that there was, and done in order.
    pub(super) fn verify(&self, allowed: Allowed) -> Result<(), String> {
        let entries = self.entries.lock().unwrap();
        for (number, entry) in &*entries {
            let [end] = entry.ends[..] else { return Err(format!("{number} ended {} times", entry.ends.len())) };
            let legitimate = match end {
                Ok(()) => true,
                Err(Failure::Aborted(Abort::Gone(_))) => allowed.gone,
                Err(Failure::Aborted(Abort::Terminated)) => allowed.terminated,
                Err(_) => false,
            };
            if !legitimate {
                return Err(format!("{number} ended with {end:?}"));
            }
            if !entry.right {
                return Err(format!("{number} ended with {end:?}, and the wrong content"));
            }
        }
        let told = self.told.lock().unwrap();
        let done: Vec<_> = told.iter().filter(|number| entries[number].ends[0].is_ok()).collect();
        if done.is_sorted() { Ok(()) } else { Err(format!("out of order: {done:?}")) }
    }
}
