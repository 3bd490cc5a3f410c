//! Cyclic transfers: period after period, and the pull in the middle.

use super::manual::{Bench, SOON, gathered, pattern, wait_for};
use crate::dma::{Abort, Channel, Completions, Failure, Kinds, Period, Progress, Status, Transfer};
use outlive::{Policy, Reason};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const LENGTH: usize = 12;
const PERIOD: usize = 4;

fn transfer() -> Transfer {
    Transfer::cyclic(pattern(1, LENGTH), vec![0; LENGTH], PERIOD, Duration::ZERO)
}

fn begin(
    channel: &Channel,
    completions: &Completions,
    callback: impl FnMut(Period<'_>) + Send + 'static,
) -> crate::dma::Cookie {
    let descriptor = channel.prepare(transfer()).unwrap();
    let cookie = descriptor.on_period(callback).gather(completions).submit().unwrap();
    channel.issue_pending().unwrap();
    cookie
}

#[test]
fn it_goes_round_and_the_callback_sees_each_period_once() {
    let (bench, registry, _engine) = Bench::new();
    let channel = registry.request(Kinds::CYCLIC).unwrap();
    let (seen, completions) = (Arc::new(Mutex::new(Vec::new())), Completions::new());
    let notes = seen.clone();
    let cookie = begin(&channel, &completions, move |period: Period<'_>| {
        notes.lock().unwrap().push((period.number, period.destination.to_vec()));
        // What comes round next time.
        period.source.unwrap().fill(period.number as u8);
    });
    let mut transaction = bench.take();
    let mut residues = Vec::new();
    for _ in 0..8 {
        assert_eq!(transaction.copy(3), Progress::More);
        residues.push(cookie.residue());
        assert_eq!(transaction.copy(3), Progress::Period);
        residues.push(cookie.residue());
    }
    assert_eq!(residues[..8], [9, 8, 5, 4, 1, 12, 9, 8], "of the round, in bytes");
    let first: Vec<_> = pattern(1, LENGTH).chunks(PERIOD).map(<[u8]>::to_vec).collect();
    let want: Vec<_> = (0..8_u64)
        .map(|number| (number, first.get(number as usize).cloned().unwrap_or_else(|| vec![number as u8 - 3; PERIOD])))
        .collect();
    assert_eq!(*seen.lock().unwrap(), want);
    channel.terminate();
    assert_eq!(transaction.copy(3), Progress::Stopped);
    drop(transaction);
    let end = wait_for(&completions, 1).pop().unwrap();
    assert_eq!(end.result, Err(Failure::Aborted(Abort::Terminated)));
    assert_eq!(seen.lock().unwrap().len(), 8);
}

#[test]
fn a_pull_in_the_middle_of_a_period_ends_it_once() {
    let (bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::CYCLIC).unwrap();
    let (seen, completions) = (Arc::new(Mutex::new(0)), Completions::new());
    let count = seen.clone();
    let cookie = begin(&channel, &completions, move |_| *count.lock().unwrap() += 1);
    let mut transaction = bench.take();
    for want in [Progress::Period, Progress::Period, Progress::Period, Progress::Period] {
        assert_eq!(transaction.copy(PERIOD), want);
    }
    assert_eq!(transaction.copy(1), Progress::More);
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, Duration::ZERO).is_err(), "the engine has it in hand");
    assert!(gathered(&completions).is_empty());
    assert_eq!(transaction.copy(PERIOD), Progress::Stopped);
    drop(transaction);
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
    let back = gathered(&completions);
    assert_eq!(back.len(), 1);
    assert!(matches!(back[0].result, Err(Failure::Aborted(Abort::Gone(_)))));
    assert_eq!((back[0].residue, cookie.status()), (LENGTH - PERIOD - 1, Status::Error));
    assert_eq!(*seen.lock().unwrap(), 4, "a callback after the mark");
    assert_eq!(back[0].transfer.destination(), pattern(1, LENGTH));
}

#[test]
fn its_callback_terminates_it_or_unplugs_the_engine_but_cannot_wait_for_itself() {
    for pull in [false, true] {
        let (bench, registry, engine) = Bench::new();
        let channel = Arc::new(registry.request(Kinds::CYCLIC).unwrap());
        let completions = Completions::new();
        let (within, pulled) = (channel.clone(), engine.clone());
        begin(&channel, &completions, move |_| {
            if pull {
                let busy = pulled.unplug(Reason::Pulled, Policy::Detach, Duration::from_millis(10)).unwrap_err();
                assert_eq!(busy.culprits.len(), 1);
            } else {
                within.terminate();
            }
        });
        let mut transaction = bench.take();
        assert_eq!(transaction.copy(PERIOD), Progress::Period);
        assert_eq!(transaction.copy(PERIOD), Progress::Stopped);
        drop(transaction);
        let end = gathered(&completions).pop().unwrap();
        assert_eq!(matches!(end.result, Err(Failure::Aborted(Abort::Gone(_)))), pull, "{:?}", end.result);
    }
}
