//! Each descriptor ends exactly once under random pulls and terminations, on an engine with a thread of its own. The
//! same check finds the bug in each engine that has one.

use super::{
    engine::{Engine, Planted},
    ledger::{Allowed, Ledger},
    manual::{Bench, SOON, gathered, memcpy, start},
};
use crate::dma::{Abort, Completions, Failure, Kinds, Registry};
use outlive::{Policy, Reason};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// A random number generator (xorshift): the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// One life of one engine: two consumers submit and terminate at random, and a pull comes at random.
fn check(planted: Planted, seed: u64) -> Result<[usize; 3], String> {
    let registry = Registry::new();
    let (provider, running) = Engine::start(planted);
    let engine = registry.plug(provider);
    let ledgers: Vec<Arc<Ledger>> = (0..2).map(|_| Arc::default()).collect();
    let channels: Vec<_> = (0..2).map(|_| registry.request(Kinds::MEMCPY).unwrap()).collect();
    let unplugged = thread::scope(|scope| {
        for (at, (channel, ledger)) in channels.into_iter().zip(&ledgers).enumerate() {
            let mut random = Random(seed * 2 + at as u64 + 1);
            scope.spawn(move || {
                for number in 0..400 {
                    // Round and round until somebody stops it: only where that is done.
                    if number % 8 == 2 && at == 0 {
                        continue;
                    }
                    if !ledger.submit(&channel, number) {
                        break;
                    }
                    if random.below(4) == 0 && channel.issue_pending().is_err() {
                        break;
                    }
                    if at == 1 && random.below(20) == 0 {
                        channel.terminate();
                    }
                    if random.below(50) == 0 {
                        thread::sleep(Duration::from_micros(random.below(200)));
                    }
                }
                // With all that is in flight.
                if random.below(2) == 0 {
                    thread::sleep(Duration::from_micros(random.below(2000)));
                }
                drop(channel);
            });
        }
        thread::sleep(Duration::from_micros(Random(seed + 77).below(6000)));
        engine.unplug(Reason::Pulled, Policy::Detach, Duration::from_millis(500))
    });
    match unplugged {
        Ok(Some(_provider)) => {}
        Ok(None) => return Err("another unplug has taken the provider".to_owned()),
        Err(busy) => return Err(busy.message),
    }
    let steps = running.steps();
    let begin = Instant::now();
    while !ledgers.iter().all(|ledger| ledger.is_complete()) && begin.elapsed() < Duration::from_millis(500) {
        thread::sleep(Duration::from_millis(1));
    }
    for ledger in &ledgers {
        ledger.verify(Allowed { gone: true, terminated: true })?;
    }
    thread::sleep(Duration::from_millis(3));
    if running.steps() != steps {
        return Err("the engine does something after the fence".to_owned());
    }
    let count = |how: fn(&Result<(), Failure>) -> bool| ledgers.iter().map(|ledger| ledger.count(how)).sum();
    Ok([
        count(Result::is_ok),
        count(|end| matches!(end, Err(Failure::Aborted(Abort::Gone(_))))),
        count(|end| matches!(end, Err(Failure::Aborted(Abort::Terminated)))),
    ])
}

#[test]
fn each_descriptor_ends_exactly_once_under_random_pulls() {
    let mut sum = [0; 3];
    for seed in 0..60 {
        let counts = check(Planted::Nothing, seed).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        sum = [0, 1, 2].map(|kind| sum[kind] + counts[kind]);
    }
    assert!(sum.iter().all(|count| *count > 100), "done, gone, terminated: {sum:?} are too few to say anything");
}

#[test]
fn each_planted_bug_is_found() {
    let table = [
        (Planted::Drops, "Forgotten"),
        (Planted::Leaks, "operation "),
        (Planted::EndsEarly, "wrong content"),
        (Planted::WritesLate, "wrong content"),
        (Planted::DoneWhenStopped, "wrong content"),
        (Planted::NewestFirst, "out of order"),
        (Planted::GoesOn, "after the fence"),
        (Planted::Clings, "operation "),
    ];
    for (planted, want) in table {
        let mut faults = (0..40).filter_map(|seed| check(planted, seed).err());
        assert!(faults.any(|fault| fault.contains(want)), "{planted:?} was not found");
    }
}

/// What an engine cannot do in safe Rust, the ledger would find all the same.
#[test]
fn the_ledger_finds_what_ends_twice_or_never() {
    let (bench, registry, _engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let ledger = Arc::new(Ledger::default());
    let allowed = Allowed { gone: false, terminated: false };
    assert!(ledger.submit(&channel, 3));
    assert_eq!(ledger.verify(allowed), Err("3 ended 0 times".to_owned()));
    channel.issue_pending().unwrap();
    bench.work();
    assert_eq!(ledger.verify(allowed), Ok(()));
    let completions = Completions::new();
    start(&channel, memcpy(3, 10), &completions);
    bench.work();
    ledger.note(3, &gathered(&completions)[0]);
    assert_eq!(ledger.verify(allowed), Err("3 ended 2 times".to_owned()));
}

#[test]
fn terminating_races_with_completing() {
    let registry = Registry::new();
    let (provider, _running) = Engine::start(Planted::Nothing);
    let _engine = registry.plug(provider);
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let ledger = Arc::new(Ledger::default());
    for number in 0..3000 {
        assert!(ledger.submit(&channel, number));
        channel.issue_pending().unwrap();
        for _ in 0..number % 50 {
            std::hint::spin_loop();
        }
        channel.terminate();
        if number % 100 == 0 {
            channel.synchronize(SOON).unwrap();
            assert!(ledger.is_complete(), "something terminated is not back after synchronizing");
        }
    }
    channel.synchronize(SOON).unwrap();
    ledger.verify(Allowed { gone: false, terminated: true }).unwrap();
}
