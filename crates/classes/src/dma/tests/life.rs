//! The provider goes; the consumer goes.

use super::manual::{Bench, SOON, finish, gathered, memcpy, pattern, start, wait_for};
use crate::{
    Errno,
    dma::{Abort, Completions, Error, Failure, Kinds, Progress, Status},
};
use outlive::{Policy, Reason};
use std::{sync::atomic::Ordering, time::Duration};

const ABORTED: fn(&Result<(), Failure>) -> Option<Abort> = |result| match result {
    Err(Failure::Aborted(why)) => Some(*why),
    _ => None,
};

#[test]
fn nothing_is_begun_before_it_is_issued() {
    let (bench, registry, _engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    let cookie = channel.prepare(memcpy(1, 10)).unwrap().gather(&completions).submit().unwrap();
    assert_eq!((bench.held(), cookie.status(), cookie.residue()), (0, Status::InProgress, 10));
    channel.issue_pending().unwrap();
    let mut transaction = bench.take();
    assert_eq!(transaction.copy(4), Progress::More);
    assert_eq!((cookie.status(), cookie.residue()), (Status::InProgress, 6));
    assert!(gathered(&completions).is_empty());
    finish(transaction);
    let done = gathered(&completions).pop().unwrap();
    assert_eq!((cookie.status(), done.residue, done.result), (Status::Complete, 0, Ok(())));
    assert_eq!(done.transfer.destination(), pattern(1, 10));
    channel.issue_pending().unwrap();
    assert_eq!(bench.held(), 0, "it was issued twice");
}

#[test]
fn a_pull_aborts_what_is_submitted_and_what_is_in_flight() {
    let (bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    let in_flight = start(&channel, memcpy(1, 10), &completions);
    let pending = channel.prepare(memcpy(2, 20)).unwrap().gather(&completions).submit().unwrap();
    assert_eq!(bench.held(), 1);
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());

    let mut back = gathered(&completions);
    back.sort_by_key(|completion| completion.cookie.number());
    let gone = channel.gone().unwrap();
    let seen: Vec<_> = back.iter().map(|one| (one.cookie.number(), ABORTED(&one.result), one.residue)).collect();
    assert_eq!(seen, [(1, Some(Abort::Gone(gone)), 10), (2, Some(Abort::Gone(gone)), 20)]);
    assert_eq!(back.iter().map(|one| one.transfer.buffers()[0].len()).collect::<Vec<_>>(), [10, 20]);
    assert_eq!((in_flight.status(), pending.status()), (Status::Error, Status::Error));
    assert_eq!(in_flight.wait(Duration::ZERO), Status::Error);
}

#[test]
fn a_zombie_says_enodev_to_all_but_release_and_queries() {
    let (bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap();
    let calls = bench.calls();
    let refusals = [
        channel.prepare(memcpy(1, 10)).unwrap_err().error,
        channel.prepare(memcpy(1, 0)).unwrap_err().error,
        channel.issue_pending().unwrap_err(),
        channel.pause().unwrap_err(),
        channel.resume().unwrap_err(),
        engine.request(Kinds::MEMCPY).unwrap_err(),
    ];
    assert!(refusals.iter().all(|refusal| Errno::from(*refusal) == Errno::NODEV), "{refusals:?}");
    assert_eq!(registry.request(Kinds::MEMCPY).unwrap_err(), Error::NoChannel);
    channel.terminate();
    channel.synchronize(SOON).unwrap();
    assert_eq!((channel.name(), channel.capabilities().channels), ("dma0chan0".to_owned(), 2));
    drop(channel);
    assert_eq!(bench.calls(), calls, "the provider was called after the fence (I8)");
}

#[test]
fn what_was_prepared_before_the_mark_is_not_accepted_after_it() {
    let (_bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let descriptor = channel.prepare(memcpy(1, 10)).unwrap().on_complete(|_| panic!("it never was submitted"));
    engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap();
    let rejected = descriptor.submit().unwrap_err();
    assert!(matches!(rejected.error, Error::Gone(_)));
    assert_eq!(rejected.transfer.buffers()[0].len(), 10);
}

#[test]
fn an_engine_that_clings_holds_the_fence_and_is_named_and_its_result_counts() {
    let (bench, registry, engine) = Bench::new();
    bench.clings.store(true, Ordering::Relaxed);
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    let cookie = start(&channel, memcpy(1, 10), &completions);
    let mut transaction = bench.take();
    assert_eq!(transaction.copy(9), Progress::More);
    let busy = engine.unplug(Reason::Pulled, Policy::Detach, Duration::from_millis(20)).unwrap_err();
    assert_eq!(busy.culprits.iter().map(|one| one.kind).collect::<Vec<_>>(), ["dma memcpy"]);
    assert!(gathered(&completions).is_empty(), "its memory is still the engine's");
    assert!(transaction.is_stopped());
    assert_eq!(transaction.copy(9), Progress::Stopped);
    assert_eq!(cookie.residue(), 1);
    transaction.complete();
    assert_eq!(gathered(&completions).pop().unwrap().result, Ok(()));
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
}

#[test]
fn a_dropped_transaction_is_the_providers_bug() {
    let (bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    start(&channel, memcpy(1, 10), &completions);
    drop(bench.take());
    start(&channel, memcpy(1, 10), &completions);
    bench.take().fail(Failure::Read);
    let back = gathered(&completions);
    assert_eq!(ABORTED(&back[0].result), Some(Abort::Forgotten));
    assert_eq!(back[1].result, Err(Failure::Read));
    assert!(engine.unplug(Reason::Orderly, Policy::Detach, SOON).unwrap().is_some());
}

#[test]
fn a_channel_is_released_once_its_last_descriptor_is_back() {
    let (bench, registry, _engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let _other = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    for seed in 0..3 {
        start(&channel, memcpy(seed, 10), &completions);
    }
    let running = bench.take();
    drop(channel);
    let back = gathered(&completions);
    assert_eq!(back.iter().map(|one| ABORTED(&one.result)).collect::<Vec<_>>(), [Some(Abort::Terminated); 2]);
    assert_eq!(registry.request(Kinds::MEMCPY).unwrap_err(), Error::Busy);
    assert!(!bench.calls().contains(&"free 0".to_owned()));
    assert!(running.is_stopped());
    drop(running);
    assert_eq!(ABORTED(&gathered(&completions)[0].result), Some(Abort::Terminated));
    assert_eq!(bench.calls().iter().filter(|call| *call == "free 0").count(), 1);
    assert_eq!(registry.request(Kinds::MEMCPY).unwrap().name(), "dma0chan0");
}

#[test]
fn a_channel_released_after_the_pull_does_not_reach_the_provider() {
    let (bench, registry, engine) = Bench::new();
    bench.clings.store(true, Ordering::Relaxed);
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    start(&channel, memcpy(1, 10), &completions);
    let running = bench.take();
    drop(channel);
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, Duration::ZERO).is_err());
    finish(running);
    assert_eq!(wait_for(&completions, 1).len(), 1);
    engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap();
    assert!(!bench.calls().contains(&"free 0".to_owned()), "device_free_chan_resources after the mark");
    assert_eq!(engine.handles(), 0);
}

#[test]
fn terminating_leaves_alone_what_comes_later() {
    let (bench, registry, _engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    start(&channel, memcpy(1, 10), &completions);
    let done_all_the_same = bench.take();
    start(&channel, memcpy(2, 10), &completions);
    channel.prepare(memcpy(3, 10)).unwrap().gather(&completions).submit().unwrap();
    channel.terminate();
    let later = start(&channel, memcpy(4, 10), &completions);
    done_all_the_same.complete();
    bench.work();
    channel.synchronize(SOON).unwrap();
    let mut back = gathered(&completions);
    back.sort_by_key(|one| one.cookie.number());
    let ends: Vec<_> = back.iter().map(|one| ABORTED(&one.result)).collect();
    assert_eq!(ends, [None, Some(Abort::Terminated), Some(Abort::Terminated), None]);
    assert_eq!(later.status(), Status::Complete);
}

#[test]
fn synchronizing_waits_for_what_the_engine_still_has() {
    let (bench, registry, _engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    start(&channel, memcpy(1, 10), &completions);
    let running = bench.take();
    channel.terminate();
    let limit = Duration::from_millis(10);
    assert_eq!(channel.synchronize(limit), Err(Error::TimedOut(limit)));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| channel.synchronize(SOON));
        std::thread::sleep(Duration::from_millis(10));
        assert!(!waits.is_finished());
        drop(running);
        waits.join().unwrap().unwrap();
    });
}

#[test]
fn a_paused_channel_is_paused_until_it_is_resumed() {
    let (bench, registry, _engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let cookie = start(&channel, memcpy(1, 10), &Completions::new());
    let mut transaction = bench.take();
    transaction.copy(4);
    assert_eq!(channel.resume(), Err(Error::NotPaused));
    channel.pause().unwrap();
    assert_eq!((cookie.status(), transaction.copy(4)), (Status::Paused, Progress::Paused));
    assert_eq!(cookie.residue(), 6);
    channel.resume().unwrap();
    assert_eq!((cookie.status(), transaction.copy(4)), (Status::InProgress, Progress::More));
    channel.pause().unwrap();
    channel.terminate();
    assert_eq!(channel.resume(), Err(Error::NotPaused));
}

#[test]
fn channels_are_given_out_by_what_they_can_do_and_only_once() {
    let (bench, registry, first) = Bench::new();
    let second = registry.plug(bench.provider());
    let names: Vec<_> = (0..4).map(|_| registry.request(Kinds::CYCLIC | Kinds::MEMCPY).unwrap()).collect();
    assert_eq!(
        names.iter().map(crate::dma::Channel::name).collect::<Vec<_>>(),
        ["dma0chan0", "dma0chan1", "dma1chan0", "dma1chan1"]
    );
    assert_eq!(registry.request(Kinds::MEMCPY).unwrap_err(), Error::Busy);
    first.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap();
    // Its zombies hold the number (I27).
    assert_eq!(registry.plug(bench.provider()).number().value(), 2);
    drop((names, first));
    assert_eq!(registry.plug(bench.provider()).number().value(), 0);
    drop(second);
    assert_eq!(registry.request(Kinds::MEMCPY).unwrap_err(), Error::NoChannel);
}
