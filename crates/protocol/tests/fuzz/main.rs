//! Both ends of the protocol, fed with what nobody has planned: `OUTLIVE_SECONDS` says for how long, `OUTLIVE_SEED` with
//! what to begin.
//!
//! One seed is one connection. Its ends mean well; whether somebody meddles with what one of them sends, or both, is the
//! seed's. What has to hold: nothing panics; a host has no more than a window outstanding, and no two operations of it have
//! one place; each operation ends once, with an answer of the size that was asked for if it is one; a server takes no
//! operation twice, and answers each once; after an accusation nothing more is sent; and nobody is accused who did nothing.

#[path = "../../../drivers/tests/chance/mod.rs"]
mod chance;
mod ledger;
mod meddler;
mod plant;
mod requests;
mod wire;

use chance::{Chance, asked};
use meddler::Meddler;
use outlive_protocol::{Class, Hello, Welcome, host};
use plant::Plant;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};
use wire::{Tally, Wire};

/// Things done on one connection.
const STEPS: u64 = 1500;

/// One connection. What is wrong, if anything is.
fn connection(seed: u64, plant: Plant) -> Result<Tally, String> {
    let mut chance = Chance::new(seed);
    let meddled = [[false, false], [true, false], [false, true], [true, true]][chance.below(4) as usize];
    let run = || {
        greetings(&mut chance)?;
        let mut wire = Wire::new(chance, meddled, plant)?;
        wire.run(STEPS)?;
        Ok(wire.tally)
    };
    let done = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("it panics".into()));
    done.map_err(|wrong: String| format!("{wrong}; again with OUTLIVE_SEED={seed}"))
}

/// First frames that are changed are refused, or understood as what they are.
fn greetings(chance: &mut Chance) -> Result<(), String> {
    let class = Class::ALL[chance.below(3) as usize];
    let mut meddler = Meddler::default();
    let first = requests::hello(class).encode().map_err(|wrong| wrong.to_string())?;
    let (_, second) = host::Session::<()>::new(class, chance.number());
    for frame in [first, second] {
        for (packet, descriptors) in (0..20).flat_map(|_| meddler.passes(chance, frame.clone())).collect::<Vec<_>>() {
            let hello = host::hello(&packet, descriptors, class);
            let welcome = Welcome::decode(&packet);
            let again = |hello: &Hello| hello.encode().is_ok_and(|frame| frame == packet);
            if hello.as_ref().is_ok_and(|hello| descriptors > 0 || !again(hello)) {
                return Err(format!("{hello:?} is understood of {packet:?}"));
            }
            if welcome.as_ref().is_ok_and(|welcome| welcome.encode() != packet) {
                return Err(format!("{welcome:?} is understood of {packet:?}"));
            }
        }
    }
    Ok(())
}

/// One connection after another, from `seed` on.
fn connections(seed: u64, length: Duration, plant: Plant) -> Result<Tally, String> {
    let (end, mut total) = (Instant::now() + length, Tally::default());
    for seed in seed.. {
        let tally = connection(seed, plant)?;
        total.runs += tally.runs;
        total.frames += tally.frames;
        total.operations += tally.operations;
        total.violations += tally.violations;
        if Instant::now() >= end {
            break;
        }
    }
    Ok(total)
}

#[test]
fn nothing_that_is_sent_does_harm() {
    let (seed, seconds) = (asked("OUTLIVE_SEED", 1), asked("OUTLIVE_SECONDS", 5));
    let tally =
        connections(seed, Duration::from_secs(seconds), Plant::Nothing).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("OUTLIVE_SEED={seed}: {tally:?}");
    assert!(tally.operations > tally.runs && tally.violations > 0, "{tally:?}");
}

/// The canary: each of them is found.
#[test]
fn planted_bugs_are_found() {
    for bug in Plant::BUGS {
        let found = (1..=200).find_map(|seed| connection(seed, bug).err());
        assert!(found.is_some(), "{bug:?} is not found");
        println!("{bug:?}: {}", found.unwrap_or_default());
    }
}
