//! The consumer that falls back to copying by itself.

use super::{
    engine::{Engine, Planted},
    manual::{Bench, SOON, memcpy, pattern},
};
use crate::dma::{Copied, Copier, Error, Invalid, Kinds, Progress, Registry, Rejected, Transfer};
use outlive::{Policy, Reason};
use std::{
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

fn assert_right(copied: &Copied, seed: usize, by_channel: bool) {
    let length = copied.transfer.length();
    assert_eq!(copied.transfer.destination(), pattern(seed, length));
    assert_eq!(*copied.transfer.buffers()[0], pattern(seed, length));
    assert_eq!(copied.by_channel, by_channel);
}

/// Carries out the next transaction, up to byte `until`.
fn copy_until(bench: &Bench, until: usize) -> Option<crate::dma::Transaction> {
    while bench.held() == 0 {
        thread::yield_now();
    }
    let mut transaction = bench.take();
    while transaction.copy(until) == Progress::More {
        if until < transaction.transfer().length() {
            return Some(transaction);
        }
    }
    transaction.complete();
    None
}

#[test]
fn it_copies_by_itself_without_an_engine_and_by_a_channel_with_one() {
    let (bench, registry) = (Bench::default(), Registry::new());
    let copier = Copier::new(&registry);
    assert_right(&copier.copy(memcpy(1, 100)).unwrap(), 1, false);
    let engine = registry.plug(bench.provider());
    thread::scope(|scope| {
        let copy = scope.spawn(|| copier.copy(memcpy(2, 100)).unwrap());
        copy_until(&bench, 100);
        assert_right(&copy.join().unwrap(), 2, true);
    });
    engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap();
    assert_right(&copier.copy(memcpy(3, 100)).unwrap(), 3, false);
    assert_eq!(engine.handles(), 0, "it holds on to a channel that has gone");
}

#[test]
fn a_pull_in_the_middle_of_a_copy_changes_nothing_about_its_result() {
    for clings in [false, true] {
        let (bench, registry, engine) = Bench::new();
        let copier = Copier::new(&registry);
        thread::scope(|scope| {
            let copy = scope.spawn(|| copier.copy(memcpy(4, 100)).unwrap());
            let half_done = copy_until(&bench, 50).unwrap();
            if clings {
                assert!(engine.unplug(Reason::Pulled, Policy::Detach, Duration::from_millis(5)).is_err());
                assert!(!copy.is_finished(), "the engine could still write there");
            }
            drop(half_done);
            if !clings {
                // Dropped before the pull: the engine's bug, and the copy is right all the same.
                assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
            }
            assert_right(&copy.join().unwrap(), 4, false);
        });
    }
}

#[test]
fn it_takes_the_channel_of_the_next_engine() {
    let (_bench, registry, engine) = Bench::new();
    let copier = Copier::new(&registry);
    engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap();
    let (provider, _running) = Engine::start(Planted::Nothing);
    let _engine = registry.plug(provider);
    assert_right(&copier.copy(memcpy(5, 1000)).unwrap(), 5, true);
}

#[test]
fn it_refuses_only_what_makes_no_sense_and_copies_round_once() {
    let (_bench, registry, _engine) = Bench::new();
    let copier = Copier::new(&registry);
    let rejected = copier.copy(Transfer::memcpy([1, 2], [0])).unwrap_err();
    assert_eq!(rejected.error, Error::Invalid(Invalid::Mismatch));
    let cyclic = Transfer::cyclic(pattern(6, 8), vec![0; 8], 4, Duration::ZERO);
    assert_right(&copier.copy(cyclic).unwrap(), 6, false);
}

#[test]
fn many_copy_across_pulls_and_replugs() {
    let registry = Registry::new();
    let copier = Copier::new(&registry);
    let (by_channel, by_itself, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let patience = Instant::now() + Duration::from_secs(60);
    thread::scope(|scope| {
        let copiers: Vec<_> = (0..3)
            .map(|thread| {
                let (copier, by_channel, by_itself, done) = (&copier, &by_channel, &by_itself, &done);
                scope.spawn(move || {
                    for seed in 0.. {
                        let copied = copier.copy(memcpy(seed + thread, 2000)).unwrap();
                        assert_right(&copied, seed + thread, copied.by_channel);
                        let count = if copied.by_channel { by_channel } else { by_itself };
                        count.fetch_add(1, Relaxed);
                        if done.load(Relaxed) {
                            return;
                        }
                    }
                })
            })
            .collect();
        let is_enough = || by_channel.load(Relaxed) > 300 && by_itself.load(Relaxed) > 300;
        let ended = || copiers.iter().any(thread::ScopedJoinHandle::is_finished);
        for pulls in 0.. {
            if pulls > 20 && is_enough() || ended() || Instant::now() > patience {
                break;
            }
            let (provider, _running) = Engine::start(Planted::Nothing);
            let engine = registry.plug(provider);
            thread::sleep(Duration::from_micros(500 + 300 * (pulls % 5)));
            assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
        }
        done.store(true, Relaxed);
        copiers.into_iter().for_each(|copier| copier.join().unwrap());
    });
    let counts = (by_channel.into_inner(), by_itself.into_inner());
    assert!(counts.0 > 300 && counts.1 > 300, "{counts:?}: both ways should have been gone");
    assert_eq!(registry.request(Kinds::MEMCPY).unwrap_err(), Error::NoChannel);
}

/// What [`Copier::copy_then`] came to.
fn copy_then(copier: &Copier, transfer: Transfer) -> mpsc::Receiver<Result<Copied, Rejected>> {
    let (tell, heard) = mpsc::channel();
    copier.copy_then(transfer, move |end| tell.send(end).unwrap());
    heard
}

#[test]
fn without_waiting_it_copies_at_once_by_itself_or_later_by_a_channel() {
    let (bench, registry) = (Bench::default(), Registry::new());
    let copier = Copier::new(&registry);
    assert_right(&copy_then(&copier, memcpy(1, 100)).try_recv().unwrap().unwrap(), 1, false);
    let _engine = registry.plug(bench.provider());
    let heard = copy_then(&copier, memcpy(2, 100));
    assert!(heard.try_recv().is_err());
    copy_until(&bench, 100);
    assert_right(&heard.try_recv().unwrap().unwrap(), 2, true);
    let rejected = copy_then(&copier, Transfer::memcpy([1; 4], [0; 5])).try_recv().unwrap().unwrap_err();
    assert!(matches!(rejected.error, Error::Invalid(_)), "{rejected:?}");
}

#[test]
fn without_waiting_too_a_pull_in_the_middle_changes_nothing_about_the_result() {
    let (bench, registry, engine) = Bench::new();
    let copier = Copier::new(&registry);
    let (first, second) = (copy_then(&copier, memcpy(3, 100)), copy_then(&copier, memcpy(4, 100)));
    let half_done = copy_until(&bench, 50).unwrap();
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, Duration::ZERO).is_err());
    assert!(first.try_recv().is_err(), "the engine could still write there");
    drop(half_done);
    for (heard, seed) in [(first, 3), (second, 4)] {
        assert_right(&heard.recv_timeout(SOON).unwrap().unwrap(), seed, false);
        assert!(heard.try_recv().is_err(), "once");
    }
    assert_eq!(engine.handles(), 0, "it holds on to a channel that has gone");
}
