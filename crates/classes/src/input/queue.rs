//! What one client has not read yet: the buffer of `struct evdev_client` (`drivers/input/evdev.c`).

use super::{
    Bits, Value,
    uapi::{self, EVENT_SIZE, ev, syn},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// The clocks that a client can have its events' times by: `EVIOCSCLOCKID`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ClockId {
    /// `CLOCK_REALTIME`
    #[default]
    Real,
    /// `CLOCK_MONOTONIC`
    Monotonic,
    /// `CLOCK_BOOTTIME`
    Boot,
}

impl ClockId {
    /// By its number in `linux/time.h`.
    pub(super) const fn numbered(number: u32) -> Option<Self> {
        match number {
            0 => Some(ClockId::Real),
            1 => Some(ClockId::Monotonic),
            7 => Some(ClockId::Boot),
            _ => None,
        }
    }
}

/// An event, as a client reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// Since the epoch of the client's clock.
    pub(crate) time: Duration,
    pub(crate) value: Value,
}

impl Event {
    /// How long it is there, in bytes.
    pub(crate) const SIZE: usize = EVENT_SIZE;

    /// `struct input_event`
    pub(crate) fn write_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend((self.time.as_secs() as i64).to_ne_bytes());
        bytes.extend(i64::from(self.time.subsec_micros()).to_ne_bytes());
        bytes.extend(self.value.kind.to_ne_bytes());
        bytes.extend(self.value.code.to_ne_bytes());
        bytes.extend(self.value.value.to_ne_bytes());
    }
}

/// Takes what a client wrote apart. What is less than an event at the end is left out.
pub(crate) fn events(bytes: &[u8]) -> Vec<Value> {
    let event = |bytes: &[u8]| {
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let value = i32::from_ne_bytes([bytes[20], bytes[21], bytes[22], bytes[23]]);
        Value::new(word(16), word(18), value)
    };
    bytes.chunks_exact(EVENT_SIZE).map(event).collect()
}

/// The times that stand in what a client wrote, in nanoseconds since some epoch.
pub(crate) fn times(bytes: &[u8]) -> impl Iterator<Item = i128> {
    let word = |event: &[u8], at: usize| i128::from(i64::from_ne_bytes(std::array::from_fn(|index| event[at + index])));
    bytes.chunks_exact(EVENT_SIZE).map(move |event| word(event, 0) * 1_000_000_000 + word(event, 8) * 1000)
}

/// A client's queue, with what decides what gets there.
#[derive(Debug)]
pub(super) struct Queue {
    events: VecDeque<Event>,
    /// How many of them can be read: those of whole packets.
    readable: usize,
    /// One less fits, as into a ring.
    size: usize,
    clock: ClockId,
    /// The codes of a type that get here; the types themselves stand under `EV_SYN`.
    masks: BTreeMap<u16, Bits>,
}

impl Queue {
    /// An empty one with room for `size` events, less one.
    pub(super) fn new(size: usize) -> Self {
        Queue { events: VecDeque::new(), readable: 0, size, clock: ClockId::default(), masks: BTreeMap::new() }
    }

    /// The clock of its events' times.
    pub(super) fn clock(&self) -> ClockId {
        self.clock
    }

    /// Whether there is a whole packet, or what is left of one.
    pub(super) fn is_readable(&self) -> bool {
        self.readable > 0
    }

    /// Takes as many events as fit into `size` bytes.
    pub(super) fn take(&mut self, size: usize) -> Vec<u8> {
        let count = self.readable.min(size / EVENT_SIZE);
        self.readable -= count;
        let mut bytes = Vec::with_capacity(count * EVENT_SIZE);
        self.events.drain(..count).for_each(|event| event.write_to(&mut bytes));
        bytes
    }

    /// Puts back what was taken last, and has not been read after all.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        for (event, value) in bytes.chunks_exact(EVENT_SIZE).zip(events(bytes)).rev() {
            let word = |at: usize| i64::from_ne_bytes(std::array::from_fn(|index| event[at + index])) as u64;
            let time = Duration::from_secs(word(0)) + Duration::from_micros(word(8));
            self.events.push_front(Event { time, value });
            self.readable += 1;
        }
    }

    /// A packet comes, at `time` of its clock (`evdev_pass_values`). Whether there is something new to read.
    pub(super) fn pass(&mut self, packet: &[Value], time: Duration) -> bool {
        let mut news = false;
        for value in packet {
            // A packet of which nothing is left does not get here.
            let empty = value.is_report() && self.readable == self.events.len();
            if empty || is_filtered(&self.masks, *value) {
                continue;
            }
            self.push(Event { time, value: *value });
            news |= value.is_report();
        }
        news
    }

    /// `__pass_event`
    fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() >= self.size {
            self.events.clear();
            self.readable = 0;
            self.events.push_back(dropped(event.time));
            self.events.push_back(event);
        }
        if event.value.is_report() {
            self.readable = self.events.len();
        }
    }

    /// Something is missing here (`__evdev_queue_syn_dropped`): it is read with the next packet.
    pub(super) fn tell_dropped(&mut self, time: Duration) {
        self.events.push_back(dropped(time));
        if self.events.len() >= self.size {
            self.events.clear();
            self.readable = 0;
            self.events.push_back(dropped(time));
        }
    }

    /// Leaves out what has come of that type, since the client is told the state as a whole (`__evdev_flush_queue`).
    pub(super) fn flush(&mut self, kind: u16) {
        let mut left = VecDeque::with_capacity(self.events.len());
        // As if there were something before the first: a report there stays.
        let (mut in_packet, mut readable) = (1, 0);
        for event in self.events.drain(..) {
            let report = event.value.is_report();
            if event.value.kind == kind || (report && in_packet == 0) {
                continue;
            }
            left.push_back(event);
            in_packet += 1;
            if report {
                in_packet = 0;
                readable = left.len();
            }
        }
        (self.events, self.readable) = (left, readable);
    }

    /// Sets the clock. What is there has times of the other one, and goes (`evdev_set_clk_type`). `now`: by the new one.
    pub(super) fn set_clock(&mut self, clock: ClockId, now: Duration) {
        if std::mem::replace(&mut self.clock, clock) != clock && !self.events.is_empty() {
            self.events.clear();
            self.readable = 0;
            self.tell_dropped(now);
        }
    }

    /// The codes of that type that get here; `None`: all.
    pub(super) fn mask(&self, kind: u16) -> Option<Bits> {
        self.masks.get(&kind).copied()
    }

    /// Sets them.
    pub(super) fn set_mask(&mut self, kind: u16, codes: Bits) {
        self.masks.insert(kind, codes);
    }
}

fn dropped(time: Duration) -> Event {
    Event { time, value: Value::new(ev::SYN, syn::DROPPED, 0) }
}

/// `__evdev_is_filtered`
fn is_filtered(masks: &BTreeMap<u16, Bits>, value: Value) -> bool {
    if value.kind == ev::SYN || value.kind > ev::MAX {
        return false;
    }
    let hides = |kind: u16, code: u16| masks.get(&kind).is_some_and(|mask| !mask.has(code));
    let has_code = uapi::highest(value.kind).is_some_and(|most| value.code <= most);
    hides(ev::SYN, value.kind) || (has_code && hides(value.kind, value.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_micros(7_000_009);

    fn key(code: u16) -> Value {
        Value::new(ev::KEY, code, 1)
    }

    fn read(queue: &mut Queue) -> Vec<Value> {
        events(&queue.take(usize::MAX))
    }

    fn pass(queue: &mut Queue, values: &[Value]) -> bool {
        queue.pass(values, NOW)
    }

    #[test]
    fn what_has_not_ended_cannot_be_read() {
        let mut queue = Queue::new(64);
        assert!(!pass(&mut queue, &[key(1)]) && !queue.is_readable());
        assert!(pass(&mut queue, &[Value::SYNC]) && queue.is_readable());
        let bytes = queue.take(EVENT_SIZE + 5);
        assert_eq!(bytes.len(), EVENT_SIZE);
        assert_eq!(bytes[..16], [7i64.to_ne_bytes(), 9i64.to_ne_bytes()].concat());
        assert_eq!(events(&bytes), [key(1)]);
        queue.put_back(&bytes);
        assert_eq!(queue.take(EVENT_SIZE), bytes);
        assert_eq!((read(&mut queue), queue.is_readable()), (vec![Value::SYNC], false));
    }

    /// As of a ring that is full: what was there goes, and the newest event stays.
    #[test]
    fn who_lags_is_told_that_events_are_missing() {
        let mut queue = Queue::new(8);
        for code in 1..=3 {
            pass(&mut queue, &[key(code), Value::SYNC]);
        }
        assert!(!pass(&mut queue, &[key(4), key(5)]) && !queue.is_readable());
        pass(&mut queue, &[Value::SYNC]);
        assert_eq!(read(&mut queue), [Value::new(ev::SYN, syn::DROPPED, 0), key(5), Value::SYNC]);
    }

    #[test]
    fn what_is_told_as_a_whole_is_not_told_again() {
        let mut queue = Queue::new(64);
        let moved = Value::new(ev::REL, 0, 1);
        pass(&mut queue, &[key(1), Value::SYNC]);
        pass(&mut queue, &[key(2), moved, Value::SYNC]);
        pass(&mut queue, &[key(3)]);
        queue.flush(ev::KEY);
        assert_eq!(read(&mut queue), [Value::SYNC, moved, Value::SYNC], "a report at the beginning stays");
        pass(&mut queue, &[Value::SYNC]);
        assert!(!queue.is_readable(), "the last packet is empty");
    }

    #[test]
    fn another_clock_empties_it() {
        let mut queue = Queue::new(64);
        queue.set_clock(ClockId::Boot, NOW);
        pass(&mut queue, &[key(1), Value::SYNC]);
        queue.set_clock(ClockId::Boot, NOW);
        assert!(queue.is_readable());
        queue.set_clock(ClockId::Monotonic, NOW);
        assert!(!queue.is_readable());
        pass(&mut queue, &[key(1), Value::SYNC]);
        assert_eq!(read(&mut queue), [Value::new(ev::SYN, syn::DROPPED, 0), key(1), Value::SYNC]);
        assert_eq!(ClockId::numbered(1), Some(queue.clock()));
    }

    #[test]
    fn masks_keep_events_away() {
        let mut queue = Queue::new(64);
        queue.set_mask(ev::KEY, Bits::of([1]));
        queue.set_mask(ev::SYN, Bits::of([ev::KEY]));
        pass(&mut queue, &[key(2), Value::new(ev::REL, 0, 1), Value::SYNC]);
        assert!(!queue.is_readable());
        pass(&mut queue, &[key(1), key(2), Value::SYNC]);
        assert_eq!(read(&mut queue), [key(1), Value::SYNC]);
    }
}
