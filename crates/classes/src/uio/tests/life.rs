//! The life of a board.

use super::bench::{Behaviour, Bench, LONG, READ_WRITE};
use crate::{Answer, Call, Errno, Hardware, PAGE_SIZE, Plugged, PollBits};
use outlive::{Policy, Reason, State};
use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

/// I24, I28: behind the fence the board has let go of its memory, whose content is gone; who mapped it has it still.
#[test]
fn the_memory_stays_with_its_clients_alone() {
    let bench = Bench::new();
    let mapping = bench.map(PAGE_SIZE, PAGE_SIZE).unwrap();
    assert!(matches!(bench.pull(), Hardware::Uio(_)));
    assert!(!bench.notes.is_wired());
    assert!(bench.memory.iter().all(|region| region.discarded.load(SeqCst)));
    mapping.memory.store(0, 7);
    drop(mapping);
    for region in &bench.memory {
        assert_eq!(Arc::strong_count(region), 1, "somebody of the device's keeps it");
    }
}

/// I1, I2: neither a sleeper in a read nor a held control keeps a removal waiting.
#[test]
fn a_removal_waits_for_no_sleeper() {
    let bench = Bench::new();
    let read = bench.read();
    *bench.notes.behaviour.lock().unwrap() = Behaviour::Hold;
    let control = bench.begin(Call::Write { data: vec![1, 0, 0, 0] });
    assert!(read.is_waiting() && control.is_waiting());
    assert!(bench.board.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(1)).unwrap().is_some());
    assert_eq!((read.answer(), control.answer()), (Err(Errno::NODEV), Err(Errno::NODEV)));
    assert_eq!(bench.file.poll(), PollBits::ZOMBIE);
}

/// I3: from inside, and as it arrives.
#[test]
fn it_can_be_pulled_as_a_call_arrives_and_as_it_is_answered() {
    let bench = Bench::new();
    let board = bench.board.clone();
    let pull = move || drop(board.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap());
    let read = bench.begin_with(Call::Read { size: 4 }, Some(Box::new(pull)));
    assert_eq!(read.answer(), Err(Errno::NODEV));
}

/// I29: nothing of a closed device is left, whoever slept on it.
#[test]
fn a_sleeper_leaves_nothing_behind() {
    let bench = Bench::new();
    let read = bench.read();
    let line = bench.notes.line();
    drop(bench.pull());
    assert_eq!(read.answer(), Err(Errno::NODEV));
    assert_eq!(format!("{line:?}"), "Line { count: 0, sleepers: 0 }");
    let Bench { board, file, .. } = bench;
    assert_eq!(board.handles(), 1);
    drop(file);
    assert_eq!(board.handles(), 0);
}

/// I5, I33
#[test]
fn states_are_kept() {
    let bench = Bench::new();
    bench.board.set_state(State::Blocked).unwrap();
    let control = bench.begin(Call::Write { data: vec![0; 4] });
    assert!(control.is_waiting());
    bench.board.set_state(State::Running).unwrap();
    assert_eq!(control.answer(), Ok(Answer::Value(4)));
    bench.board.set_state(State::Offline).unwrap();
    assert_eq!((bench.control(1), bench.read().answer()), (Err(Errno::IO), Err(Errno::IO)));
    assert_eq!(bench.board.open(READ_WRITE).err(), Some(Errno::NXIO));
}
