//! The life of a TPM.

use super::bench::{Behaviour, Bench, READ_WRITE, data, get_random, random};
use crate::{Answer, Contract, Errno, Plugged, PollBits};
use outlive::{Policy, Reason, State};
use std::{
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};

/// I2, I7, I8: a removal waits for no command; after it none runs and none starts.
#[test]
fn the_fence_is_strong() {
    for nonblock in [false, true] {
        let bench = Bench::new();
        bench.notes.behave(Behaviour::Hold);
        bench.file.set_nonblock(nonblock);
        let write = bench.begin_write(&get_random(8));
        let read = bench.begin_read();
        assert!(bench.notes.is_holding() && read.is_waiting());
        assert!(bench.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(1)).unwrap().is_some());
        assert!(!bench.notes.is_holding() && bench.notes.unplugged.load(SeqCst));
        let written = if nonblock { Ok(Answer::Value(12)) } else { Err(Errno::NODEV) };
        assert_eq!((write.answer(), read.answer()), (written, Err(Errno::NODEV)));
        for nonblock in [false, true] {
            bench.file.set_nonblock(nonblock);
            assert_eq!(bench.write(&get_random(8)), Err(Errno::NODEV));
        }
        assert_eq!(bench.commands(), 1);
    }
}

/// I3, I34: from inside, and as a call arrives.
#[test]
fn it_can_be_pulled_as_a_call_arrives() {
    for nonblock in [false, true] {
        let bench = Bench::new();
        bench.file.set_nonblock(nonblock);
        let chip = bench.chip.clone();
        let pull = move || drop(chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(1)).unwrap());
        let write = bench.begin_with(crate::Call::Write { data: get_random(8) }, Some(Box::new(pull)));
        assert_eq!((write.answer(), bench.commands()), (Err(Errno::NODEV), 0));
    }
}

/// A TPM whose process went says so; its users hear ENOTCONN under strict, and what Linux says under linux.
#[test]
fn who_lost_the_driver_is_not_connected() {
    for (contract, errno) in [(Contract::Strict, Errno::NOTCONN), (Contract::Linux, Errno::CANCELED)] {
        let bench = Bench::under(contract);
        bench.notes.behave(Behaviour::Hold);
        let write = bench.begin_write(&get_random(8));
        let noticer = bench.notes.noticer.lock().unwrap().clone().expect("it is plugged in");
        noticer.gone(Reason::DriverLost);
        assert_eq!(write.answer(), Err(errno), "{contract}");
        bench.pull();
        if contract == Contract::Strict {
            assert_eq!((bench.write(&get_random(8)), bench.read(0)), (Err(errno), Err(errno)));
        }
    }
}

/// I5, I33
#[test]
fn states_are_kept() {
    let bench = Bench::new();
    bench.chip.set_state(State::Blocked).unwrap();
    let write = bench.begin_write(&get_random(8));
    assert!(write.is_waiting());
    assert_eq!(bench.commands(), 0);
    bench.chip.set_state(State::Running).unwrap();
    assert_eq!((write.answer(), bench.read(99)), (Ok(Answer::Value(12)), data(&random(8))));
    bench.chip.set_state(State::Offline).unwrap();
    assert_eq!(bench.write(&get_random(8)), Err(Errno::IO));
    bench.file.set_nonblock(true);
    assert_eq!(bench.write(&get_random(8)), Err(Errno::IO));
    assert_eq!(bench.read(9), data(b""));
    let Bench { chip, file, .. } = bench;
    drop(file);
    assert_eq!(chip.open(READ_WRITE).err(), Some(Errno::NXIO));
}

/// I19: pollers are woken by the mark, but under linux.
#[test]
fn pollers_are_woken_by_the_mark() {
    for contract in Contract::ALL {
        let bench = Bench::under(contract);
        let woken = Arc::new(Mutex::new(0));
        let count = woken.clone();
        let watch = bench.file.on_news(Arc::new(move || *count.lock().unwrap() += 1));
        bench.pull();
        assert_eq!(*woken.lock().unwrap() > 0, contract != Contract::Linux);
        drop(watch);
    }
}

/// I29: nothing of a closed device is left.
#[test]
fn a_sleeper_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.notes.behave(Behaviour::Hold);
    bench.file.set_nonblock(true);
    bench.write(&get_random(8)).unwrap();
    let read = bench.begin_read();
    bench.pull();
    assert_eq!((read.answer(), bench.file.poll()), (Err(Errno::NODEV), PollBits::ZOMBIE));
    let Bench { chip, file, notes } = bench;
    assert_eq!(chip.handles(), 1);
    drop(file);
    assert_eq!(chip.handles(), 0);
    drop(chip);
    assert_eq!(Arc::strong_count(&notes), 1);
}
