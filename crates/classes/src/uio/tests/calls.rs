//! What a live board says.

use super::bench::{Behaviour, Bench, READ_WRITE, SIZE, count};
use crate::{Access, Answer, Call, Errno, MapCall, PAGE_SIZE, Plugged, PollBits};
use std::sync::{
    Arc,
    atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
};

const READY: PollBits = PollBits(0x41);

/// `uio_read`: the count, once it has moved; for each open file by itself.
#[test]
fn a_read_waits_for_the_count_to_move() {
    let bench = Bench::new();
    let line = bench.notes.line();
    let read = bench.read();
    assert!(read.is_waiting());
    assert_eq!(bench.file.poll(), PollBits::default());
    line.raise();
    assert_eq!(read.answer(), count(1));
    assert_eq!(bench.file.poll(), PollBits::default());
    line.raise();
    line.raise();
    assert_eq!(bench.file.poll(), READY);
    assert_eq!(bench.read().answer(), count(3));
    assert!(bench.read().is_waiting());
    let other = bench.board.open(READ_WRITE).unwrap();
    assert_eq!(other.poll(), PollBits::default(), "it has seen all that was before its open");
    line.raise();
    assert_eq!(other.poll(), READY);
    assert_eq!(*bench.arrived.lock().unwrap(), ["interrupt count"; 3]);
}

#[test]
fn all_who_sleep_hear_of_one_interrupt() {
    let bench = Bench::new();
    let reads: Vec<_> = (0..10).map(|_| bench.read()).collect();
    bench.notes.line().raise();
    for read in &reads {
        assert_eq!(read.answer(), count(1));
    }
}

#[test]
fn without_waiting_there_is_eagain() {
    let bench = Bench::new();
    bench.file.set_nonblock(true);
    assert_eq!(bench.read().answer(), Err(Errno::AGAIN));
    bench.notes.line().raise();
    assert_eq!(bench.read().answer(), count(1));
    assert_eq!(bench.read().answer(), Err(Errno::AGAIN));
    bench.file.set_nonblock(false);
    assert!(bench.read().is_waiting());
}

/// A read that is given up leaves nothing behind, and the count is not lost.
#[test]
fn a_read_can_be_given_up() {
    let bench = Bench::new();
    let read = bench.read();
    bench.file.cancel(read.number.expect("it is inside"));
    assert_eq!(read.answer(), Err(Errno::INTR));
    bench.notes.line().raise();
    assert_eq!(bench.read().answer(), count(1));
}

/// `uio_write`
#[test]
fn a_write_turns_the_interrupt_on_and_off() {
    let bench = Bench::new();
    assert_eq!(bench.control(0), Ok(Answer::Value(4)));
    assert_eq!(bench.control(1), Ok(Answer::Value(4)));
    assert_eq!(*bench.notes.settings.lock().unwrap(), [0, 1]);
    *bench.notes.behaviour.lock().unwrap() = Behaviour::Refuse;
    assert_eq!(bench.control(1), Err(Errno::INVAL));
    *bench.notes.behaviour.lock().unwrap() = Behaviour::Hold;
    let held = bench.begin(Call::Write { data: vec![0; 4] });
    assert!(held.is_waiting());
    bench.file.cancel(held.number.expect("it is inside"));
    assert_eq!(held.answer(), Err(Errno::INTR));
}

#[test]
fn what_is_no_call_of_the_class_is_refused() {
    let bench = Bench::new();
    for size in [0, 1, 3, 5, 4096] {
        assert_eq!(bench.call(Call::Read { size }), Err(Errno::INVAL), "{size}");
        assert_eq!(bench.call(Call::Write { data: vec![0; size] }), Err(Errno::INVAL), "{size}");
    }
    assert_eq!(bench.call(Call::Ioctl { command: 0x1234, argument: 0 }), Err(Errno::NOTTY));
    bench.notes.control.store(false, SeqCst);
    assert_eq!(bench.control(1), Err(Errno::NOSYS));
    bench.notes.interrupt.store(false, SeqCst);
    assert_eq!(bench.control(1), Err(Errno::IO));
    assert_eq!(bench.read().answer(), Err(Errno::IO));
    // I20: Linux has HUP among the bits here.
    assert_eq!(bench.file.poll(), READY | PollBits::ERR);
}

/// `uio_mmap`: region n at offset n pages, all of it or its beginning.
#[test]
fn regions_are_mapped_by_their_number() {
    let bench = Bench::new();
    for (region, memory) in bench.memory.iter().enumerate() {
        let offset = region as u64 * PAGE_SIZE;
        for length in [1, PAGE_SIZE, SIZE] {
            let mapping = bench.map(offset, length).unwrap();
            mapping.memory.store(8, 7 + region as u32);
            assert_eq!((mapping.offset, crate::SharedMemory::load(&**memory, 8)), (0, 7 + region as u32));
        }
        assert_eq!(bench.map(offset, SIZE + 1).err(), Some(Errno::INVAL));
    }
    for offset in [2 * PAGE_SIZE, 5 * PAGE_SIZE, u64::MAX - PAGE_SIZE + 1, 1] {
        assert_eq!(bench.map(offset, PAGE_SIZE).err(), Some(Errno::INVAL), "{offset:#x}");
    }
    let write_only = MapCall { offset: 0, length: 1, access: Access::Write, shared: true };
    assert_eq!(bench.file.map(&write_only).err(), Some(Errno::ACCESS));
}

#[test]
fn pollers_are_woken_by_each_interrupt_until_they_leave() {
    let bench = Bench::new();
    let woken = Arc::new(AtomicUsize::new(0));
    let count = woken.clone();
    let watch = bench.file.on_news(Arc::new(move || _ = count.fetch_add(1, Relaxed)));
    let line = bench.notes.line();
    line.raise();
    line.raise();
    assert_eq!(woken.load(Relaxed), 2);
    drop(watch);
    line.raise();
    assert_eq!(woken.load(Relaxed), 2);
}
