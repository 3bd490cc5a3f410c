//! A user in the process.

use super::{
    bench::{Bench, range},
    flash::{BAD, BLOCK, Behaviour, Memory, PAGE, SIZE, nand, nor},
};
use crate::{
    Contract, Errno, Hardware, Plugged,
    mtd::{Chip, Condition, Consumer, Error, Failure, Fault, Geometry, uapi::ioctl::MEMERASE},
};
use outlive::{Numbers, Policy, Reason, State};
use std::{sync::Arc, thread, time::Duration};

const LONG: Duration = Duration::from_secs(10);

fn consumer(geometry: Geometry) -> (Bench, Consumer) {
    let bench = Bench::new(geometry);
    let consumer = bench.chip.consumer().unwrap();
    (bench, consumer)
}

#[test]
fn what_it_programs_is_what_it_and_clients_read_until_it_is_erased() {
    let (bench, consumer) = consumer(nor());
    consumer.program(10, b"kept").unwrap();
    let mut found = [0; 6];
    assert_eq!(consumer.read(9, &mut found), Ok(Condition::Sound));
    assert_eq!((&found, bench.read(9, 6)), (b"\xffkept\xff", Ok(found.to_vec())));
    bench.ioctl_with(MEMERASE, &range(0, BLOCK)).unwrap();
    consumer.read(9, &mut found).unwrap();
    assert_eq!(found, [0xff; 6]);
    bench.write(BLOCK.into(), b"x").unwrap();
    consumer.erase(BLOCK.into(), BLOCK.into()).unwrap();
    assert_eq!(bench.read(BLOCK.into(), 1), Ok(vec![0xff]));
    assert_eq!(bench.chip.handles(), 2, "it counts as an open file");
}

#[test]
fn what_cannot_be_does_not_reach_the_flash() {
    let (bench, consumer) = consumer(nand());
    let (page, block) = (u64::from(PAGE), u64::from(BLOCK));
    let bytes = &mut [0; PAGE as usize];
    for (what, is) in [
        ("a read beyond the end", consumer.read(SIZE - 1, &mut bytes[..2]).map(drop)),
        ("a read far beyond the end", consumer.read(u64::MAX, &mut bytes[..1]).map(drop)),
        ("a program within a page", consumer.program(1, bytes)),
        ("a program of half a page", consumer.program(0, &bytes[..256])),
        ("a program beyond the end", consumer.program(SIZE, bytes)),
        ("an erase within a block", consumer.erase(page, block)),
        ("an erase of half a block", consumer.erase(0, page)),
        ("an erase beyond the end", consumer.erase(SIZE - block, 2 * block)),
        ("a block within a block", consumer.is_bad(page).map(drop)),
        ("a block beyond the end", consumer.mark_bad(SIZE)),
    ] {
        assert_eq!(is, Err(Failure::Invalid), "{what}");
    }
    assert_eq!(Errno::from(Failure::Invalid), Errno::INVAL);
    // Nothing is nothing.
    assert_eq!((consumer.read(0, &mut []), consumer.program(0, &[])), (Ok(Condition::Sound), Ok(())));
    assert_eq!(consumer.erase(0, 0), Ok(()));
    assert_eq!(bench.flash.take_commands(), []);
}

#[test]
fn a_flash_that_can_only_be_read_is_read() {
    let flash = Memory::new(Geometry { writable: false, ..nand() });
    let number = Numbers::new().claim(0).unwrap();
    let chip = Chip::plug_under(Contract::Strict, number, Box::new(flash.clone()), None);
    let consumer = chip.consumer().unwrap();
    let bytes = &mut [0; PAGE as usize];
    assert_eq!(consumer.read(0, bytes), Ok(Condition::Sound));
    flash.take_commands();
    assert_eq!(consumer.program(0, bytes), Err(Failure::ReadOnly));
    assert_eq!(consumer.erase(0, BLOCK.into()), Err(Failure::ReadOnly));
    assert_eq!(consumer.mark_bad(0), Err(Failure::ReadOnly));
    assert_eq!((flash.take_commands(), Errno::from(Failure::ReadOnly)), (vec![], Errno::ROFS));
}

#[test]
fn bad_blocks_are_known_and_made() {
    let (_bench, consumer) = consumer(nand());
    assert_eq!((consumer.is_bad(BAD), consumer.is_bad(0)), (Ok(true), Ok(false)));
    consumer.mark_bad(0).unwrap();
    assert_eq!(consumer.is_bad(0), Ok(true));
    let erased = consumer.erase(0, BLOCK.into());
    assert!(matches!(erased, Err(Failure::Flash(Error { fault: Fault::Bad, .. }))), "{erased:?}");
    let (_bench, consumer) = self::consumer(nor());
    assert_eq!(consumer.is_bad(0), Ok(false));
    assert_eq!(consumer.mark_bad(0).map_err(Errno::from), Err(Errno::OPNOTSUPP));
}

#[test]
fn bits_that_flip_are_told_of_from_the_threshold_on() {
    let (bench, consumer) = consumer(nand());
    bench.flash.put(0, b"four");
    let read = |behaviour| {
        let mut found = [0; 4];
        bench.flash.behave(behaviour);
        (consumer.read(0, &mut found), found)
    };
    assert_eq!(read(Behaviour::Flips(2, 2, 0)), (Ok(Condition::Sound), *b"four"));
    assert_eq!(read(Behaviour::Flips(3, 3, 0)), (Ok(Condition::Worn), *b"four"));
    assert_eq!(read(Behaviour::Flips(5, 2, 0)), (Ok(Condition::Sound), *b"four"), "of the worst step");
    assert_eq!(read(Behaviour::Flips(0, 0, 1)), (Err(Failure::Uncorrectable), *b"four"));
    assert_eq!(read(Behaviour::Fail(Fault::TimedOut)).0, Err(Failure::Flash(Fault::TimedOut.into())));
    for behaviour in [Behaviour::Forget, Behaviour::Panic, Behaviour::Wrong] {
        assert_eq!(read(behaviour).0, Err(Failure::Flash(Fault::Io.into())), "{behaviour:?}");
    }
}

#[test]
fn it_sleeps_until_the_flash_has_done_it() {
    let (bench, consumer) = consumer(nor());
    bench.flash.behave(Behaviour::Park);
    let sleeper = thread::spawn(move || consumer.program(0, b"later"));
    while bench.flash.parked() == 0 {
        thread::yield_now();
    }
    assert_eq!(bench.chip.inside()[0].kind, "program");
    bench.flash.release();
    assert_eq!(sleeper.join().unwrap(), Ok(()));
    assert_eq!(bench.flash.get(0, 5), b"later");
}

#[test]
fn the_pull_wakes_it_and_the_next_generation_is_taken_anew() {
    for contract in Contract::ALL {
        let numbers = Numbers::new();
        let flash = Memory::new(nor());
        let plug = |flash| Chip::plug_under(contract, numbers.claim_again(0), flash, None);
        let chip = plug(Box::new(flash.clone()));
        let consumer = Arc::new(chip.consumer().unwrap());
        consumer.program(0, b"old").unwrap();
        flash.behave(Behaviour::Park);
        let there = consumer.clone();
        let sleeper = thread::spawn(move || there.erase(0, BLOCK.into()));
        while flash.parked() == 0 {
            thread::yield_now();
        }
        let Ok(Some(Hardware::Mtd(hardware))) = chip.unplug(Reason::Pulled, Policy::Detach, LONG) else {
            panic!("nobody stays inside")
        };
        let woken = sleeper.join().unwrap().unwrap_err();
        assert!(matches!(woken, Failure::Gone(gone) if gone.reason == Reason::Pulled), "{contract}: {woken:?}");
        flash.behave(Behaviour::Prompt);
        flash.take_commands();
        // A zombie, whatever is asked of it and however.
        let mut found = [0; 3];
        let is_gone = |end: Result<(), Failure>| end.map_err(Errno::from) == Err(Errno::NODEV);
        assert!(is_gone(consumer.read(u64::MAX, &mut found).map(drop)) && is_gone(consumer.program(0, b"new")));
        assert!(is_gone(consumer.is_bad(0).map(drop)) && is_gone(consumer.mark_bad(0)));
        assert_eq!((consumer.gone().is_some(), consumer.geometry()), (true, &nor()));
        assert_eq!((flash.take_commands(), chip.consumer().unwrap_err()), (vec![], Errno::NODEV));
        let next = plug(hardware);
        next.consumer().unwrap().read(0, &mut found).unwrap();
        assert_eq!((&found, is_gone(consumer.erase(0, 0))), (b"old", true), "{contract}: it stays dead");
    }
}

#[test]
fn on_a_blocked_flash_it_waits_and_on_one_that_is_offline_it_fails() {
    let (bench, consumer) = consumer(nor());
    bench.chip.set_state(State::Blocked).unwrap();
    let sleeper = thread::spawn(move || (consumer.program(0, b"x"), consumer));
    thread::sleep(Duration::from_millis(20));
    assert!(!sleeper.is_finished() && bench.flash.take_commands().is_empty());
    bench.chip.set_state(State::Running).unwrap();
    let (end, consumer) = sleeper.join().unwrap();
    assert_eq!((end, bench.flash.get(0, 1)), (Ok(()), b"x".to_vec()));
    bench.chip.set_state(State::Offline).unwrap();
    assert_eq!(consumer.program(0, b"x"), Err(Failure::Flash(Fault::Io.into())));
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "inside a gate by a guard")]
fn it_must_not_be_called_inside_of_a_gate() {
    let (_bench, consumer) = consumer(nor());
    let other = outlive::Device::new((), ());
    let handle = other.open().unwrap();
    let _guard = handle.enter().unwrap();
    let _ = consumer.read(0, &mut [0]);
}
