//! Numbers never alias.
#![cfg(not(loom))]

use outlive::{Device, Held, Numbers, REMOVAL_BUDGET, Reason};
use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// I27: refused while a device or a zombie of it has the number, given out again after the last close.
#[test]
fn zombies_hold_their_number() {
    let numbers = Numbers::new();
    let device = Device::new(numbers.claim(7).unwrap(), ());
    assert_eq!(numbers.claim(7).unwrap_err(), Held(7));
    let zombie = device.open().unwrap();
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    drop(device);
    assert_eq!(numbers.claim(7).unwrap_err(), Held(7));
    assert!(numbers.is_held(7) && !numbers.is_held(8));
    drop(zombie);
    assert!(!numbers.is_held(7));
    assert_eq!(numbers.claim(7).unwrap().generation().0, 2, "a generation never comes back");
}

/// I26, I27, I31: by name the next generation comes in the same place while zombies live. They learn that their number
/// lives on, and reach nothing of it; the number is free when both generations are closed.
#[test]
fn a_replug_in_the_same_place_is_another_device() {
    let numbers = Numbers::new();
    let first = Device::new(numbers.claim(7).unwrap(), "first");
    let zombie = first.open().unwrap();
    first.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    assert!(!zombie.shared().lives_elsewhere());
    let second = Device::new(numbers.claim_again(7), "second");
    assert!(zombie.shared().lives_elsewhere() && !second.shared().lives_elsewhere());
    assert_eq!((zombie.shared().value(), second.shared().value()), (7, 7));
    assert_eq!((zombie.shared().generation().0, second.shared().generation().0), (1, 2));
    assert!(zombie.enter().is_err() && zombie.reopen().is_err());
    assert_eq!(*second.open().unwrap().enter().unwrap(), "second");
    drop(second);
    assert_eq!(numbers.claim(7).unwrap_err(), Held(7), "the older zombie holds it on");
    drop((first, zombie));
    assert_eq!(numbers.claim(7).unwrap().generation().0, 3);
}

#[test]
fn the_lowest_free_number_is_found() {
    let numbers = Numbers::new();
    let (zero, two) = (numbers.claim(0).unwrap(), numbers.claim(2).unwrap());
    assert_eq!(numbers.claim_lowest(0, |_| true).value(), 1, "nobody keeps it");
    let one = numbers.claim_lowest(0, |_| true);
    assert_eq!((one.value(), numbers.claim_lowest(0, |_| true).value()), (1, 3));
    assert_eq!(numbers.claim_lowest(1, |number| number % 4 == 0).value(), 4);
    drop(zero);
    assert_eq!(numbers.claim_lowest(0, |_| true).value(), 0);
    assert_eq!(format!("{one:?} {two:?}"), "1#2 2#1");
}

/// I26, I27: threads that fight for a few numbers: never two owners at a time, and never the same generation twice.
#[test]
fn a_fight_for_numbers_has_one_winner_each() {
    let numbers = Numbers::new();
    let owners: [AtomicUsize; 2] = Default::default();
    let lives = Mutex::new(HashSet::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..20_000 {
                    let value = round % 2;
                    let Ok(number) = numbers.claim(value) else { continue };
                    let owner = &owners[value as usize];
                    assert_eq!(owner.fetch_add(1, Ordering::SeqCst), 0, "two owners");
                    assert!(lives.lock().unwrap().insert((value, number.generation())), "a generation twice");
                    owner.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(!lives.lock().unwrap().is_empty());
}
