use super::{Caller, Event, Operation, Record, Tally, kind};
use crate::{
    lab::{Arrival, Detail, DeviceChange, Observer},
    trial::{Answered, Comms},
};
use outlive_classes::Payload;
use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How much may wait for its reader, in bytes: tens of thousands of records.
const QUEUE: usize = 16 << 20;
/// What a record is taken to need besides its data, in bytes.
const OVERHEAD: usize = 256;
/// How often operations that are on their way are looked at while nothing else happens.
const LOOK: Duration = Duration::from_millis(250);

/// Watches a lab; made before its first operation and given to [`Lab::observe`](crate::lab::Lab::observe).
#[derive(Debug)]
pub struct Tracer {
    begin: Instant,
    wanted: Wanted,
    state: Mutex<State>,
    changed: Condvar,
    comms: Mutex<Comms>,
}

/// What a tracer is to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Whether there are to be records, or nothing but the tallies.
    pub records: bool,
    /// Whether operations are to be counted by their kind.
    pub tallies: bool,
}

/// What a reader gets at a time.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Batch {
    /// In the order in which it came to its end.
    pub records: Vec<Record>,
    /// How many records after these found the queue full.
    pub lost: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Operations that have no answer yet, by number.
    pending: BTreeMap<u64, Pending>,
    queue: VecDeque<Record>,
    /// What is in the queue, in bytes.
    queued: usize,
    lost: u64,
    tallies: BTreeMap<String, Tally>,
    finished: bool,
}

#[derive(Debug)]
struct Pending {
    at: Duration,
    device: String,
    operation: Operation,
    /// Whether the device was marked as gone since it arrived.
    marked: bool,
}

impl Tracer {
    /// An operation that takes longer is told before its answer is there.
    pub const STALL: Duration = Duration::from_secs(1);

    /// Begins now.
    pub fn new(wanted: Wanted) -> Self {
        Tracer {
            begin: Instant::now(),
            wanted,
            state: Mutex::default(),
            changed: Condvar::new(),
            comms: Mutex::default(),
        }
    }

    /// How long ago it began.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// What has happened since the last time; waits until there is something. `None` if nothing will come any more.
    pub fn next(&self) -> Option<Batch> {
        let mut state = self.state();
        loop {
            if self.wanted.records {
                state.tell_stalled(self.elapsed());
            }
            if !state.queue.is_empty() || state.lost > 0 {
                state.queued = 0;
                return Some(Batch { records: mem::take(&mut state.queue).into(), lost: mem::take(&mut state.lost) });
            }
            if state.finished {
                return None;
            }
            state = if state.pending.is_empty() {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    /// The program has ended: what has no answer by now gets none, and nothing more is kept.
    pub fn finish(&self) {
        let now = self.elapsed();
        let mut state = self.state();
        if mem::replace(&mut state.finished, true) {
            return;
        }
        for (_, mut pending) in mem::take(&mut state.pending) {
            pending.operation.took = now.saturating_sub(pending.at);
            if self.wanted.records {
                state.push(pending.record());
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The operations that were answered, by kind.
    pub fn tallies(&self) -> BTreeMap<String, Tally> {
        self.state().tallies.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn caller(&self, pid: u32) -> Caller {
        let comm = self.comms.lock().unwrap_or_else(PoisonError::into_inner).of(pid).unwrap_or_default();
        Caller { pid, comm }
    }

    fn tell(&self, device: &str, event: Event) {
        let record = Record { at: self.elapsed(), device: device.to_owned(), event };
        let mut state = self.state();
        if !state.finished && self.wanted.records {
            state.push(record);
            drop(state);
            self.changed.notify_all();
        }
    }

    fn on(&self, number: u64, change: impl FnOnce(&mut Operation)) {
        if let Some(pending) = self.state().pending.get_mut(&number) {
            change(&mut pending.operation);
        }
    }
}

impl State {
    fn push(&mut self, record: Record) {
        let size = record.size();
        if self.queued + size > QUEUE || self.lost > 0 {
            // Nothing is told out of order: what comes after something that was lost is lost until the reader is back.
            self.lost += 1;
        } else {
            self.queued += size;
            self.queue.push_back(record);
        }
    }

    fn tell_stalled(&mut self, now: Duration) {
        let is_stalled = |pending: &&mut Pending| !pending.operation.resumed && now >= pending.at + Tracer::STALL;
        let mut begun = Vec::new();
        for pending in self.pending.values_mut().filter(is_stalled) {
            let mut operation = pending.operation.clone();
            operation.took = now.saturating_sub(pending.at);
            begun.push(Record { at: pending.at, device: pending.device.clone(), event: Event::Begun(operation) });
            pending.operation.resumed = true;
        }
        begun.into_iter().for_each(|record| self.push(record));
    }
}

impl Pending {
    fn record(self) -> Record {
        Record { at: self.at, device: self.device, event: Event::Operation(self.operation) }
    }
}

impl Record {
    /// About how much memory it takes, in bytes.
    fn size(&self) -> usize {
        let of = |payload: &Option<Payload>| match payload {
            Some(Payload::Pieces(pieces)) => pieces.iter().map(|piece| piece.len() + mem::size_of::<Vec<u8>>()).sum(),
            Some(Payload::Number { .. }) | None => 0,
        };
        OVERHEAD
            + match &self.event {
                Event::Operation(operation) | Event::Begun(operation) => {
                    operation.what.len() + of(&operation.sent) + of(&operation.brought)
                }
                Event::Closed { .. } | Event::Polled { .. } | Event::Changed { .. } => 0,
            }
    }
}

impl Observer for Tracer {
    fn arrived(&self, arrival: &Arrival<'_>) {
        let operation = Operation {
            number: arrival.number,
            caller: self.caller(arrival.pid),
            handle: None,
            call: arrival.call,
            what: arrival.what.to_string(),
            sent: None,
            brought: None,
            answer: None,
            took: Duration::ZERO,
            cut: false,
            resumed: false,
        };
        let pending = Pending { at: self.elapsed(), device: arrival.device.to_owned(), operation, marked: false };
        let mut state = self.state();
        if state.finished {
            return;
        }
        let first = state.pending.is_empty();
        state.pending.insert(arrival.number, pending);
        drop(state);
        if first {
            // The reader looks at what is on its way from now on.
            self.changed.notify_all();
        }
    }

    fn answered(&self, number: u64, answer: Answered, _gone: bool) {
        let now = self.elapsed();
        let mut state = self.state();
        let Some(mut pending) = state.pending.remove(&number) else { return };
        let failed = matches!(answer, Answered::Errno(_));
        let operation = &mut pending.operation;
        operation.took = now.saturating_sub(pending.at);
        operation.answer = Some(answer);
        operation.cut = failed && pending.marked;
        operation.brought = operation.brought.take().filter(|_| !failed);
        if self.wanted.tallies {
            let kind = kind(operation.call, &operation.what);
            state.tallies.entry(kind).or_default().count(answer, operation.took);
        }
        if self.wanted.records {
            state.push(pending.record());
            drop(state);
            self.changed.notify_all();
        }
    }

    fn wants_detail(&self) -> bool {
        self.wanted.records
    }

    fn detail(&self, detail: Detail<'_>) {
        match detail {
            Detail::On { number, handle } | Detail::Opened { number, handle } => {
                self.on(number, |operation| operation.handle = Some(handle.0));
            }
            Detail::Sent { number, payload } => self.on(number, |operation| operation.sent = Some(payload)),
            Detail::Brought { number, payload } => self.on(number, |operation| operation.brought = Some(payload)),
            Detail::Closed { device, handle } => self.tell(device, Event::Closed { handle: handle.0 }),
            Detail::Polled { device, handle, pid, bits, waits } => {
                self.tell(device, Event::Polled { handle: handle.0, caller: self.caller(pid), bits, waits });
            }
            Detail::Changed { device, generation, change } => {
                if let DeviceChange::Unplugged(_) = change {
                    let mut state = self.state();
                    let of_it = state.pending.values_mut().filter(|pending| pending.device == device);
                    of_it.for_each(|pending| pending.marked = true);
                }
                self.tell(device, Event::Changed { generation: generation.0, change });
            }
        }
    }
}

#[cfg(test)]
mod tests;
