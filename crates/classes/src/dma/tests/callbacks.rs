//! What a callback may do.

use super::manual::{Bench, SOON, gathered, memcpy, start, wait_for};
use crate::dma::{Abort, Channel, Completion, Completions, Error, Failure, Kinds};
use outlive::{Policy, Reason};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

fn channel(registry: &crate::dma::Registry) -> Arc<Channel> {
    Arc::new(registry.request(Kinds::MEMCPY).unwrap())
}

/// Submits itself again and again.
fn chain(channel: &Arc<Channel>, left: usize, completions: &Completions) {
    let descriptor = channel.prepare(memcpy(left, 10)).unwrap();
    let (again, all) = (channel.clone(), completions.clone());
    let descriptor = if left == 0 {
        descriptor.gather(completions)
    } else {
        descriptor.on_complete(move |completion| {
            completion.result.unwrap();
            chain(&again, left - 1, &all);
        })
    };
    descriptor.submit().unwrap();
    channel.issue_pending().unwrap();
}

#[test]
fn it_submits_again_also_with_an_engine_that_is_done_at_once() {
    let (bench, registry, _engine) = Bench::new();
    bench.prompt.store(true, Ordering::Relaxed);
    let channel = channel(&registry);
    let completions = Completions::new();
    // Without a stack frame for each.
    chain(&channel, 100_000, &completions);
    assert_eq!(gathered(&completions).len(), 1);
}

#[test]
fn it_unplugs_its_provider_and_waits_for_the_fence() {
    for prompt in [false, true] {
        let (bench, registry, engine) = Bench::new();
        bench.prompt.store(prompt, Ordering::Relaxed);
        let channel = channel(&registry);
        let completions = Completions::new();
        let (tell, told) = mpsc::channel();
        let pulled = engine.clone();
        let pull = move |_: Completion| {
            tell.send(pulled.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some()).unwrap()
        };
        channel.prepare(memcpy(1, 10)).unwrap().on_complete(pull).submit().unwrap();
        channel.prepare(memcpy(2, 10)).unwrap().gather(&completions).submit().unwrap();
        channel.issue_pending().unwrap();
        if !prompt {
            super::manual::finish(bench.take());
        }
        assert!(told.recv_timeout(SOON).unwrap());
        let result = wait_for(&completions, 1).pop().unwrap().result;
        // One that is done at once had done it before anybody heard.
        assert_eq!(matches!(result, Err(Failure::Aborted(Abort::Gone(_)))), !prompt, "{result:?}");
    }
}

#[test]
fn it_drops_the_channel_and_terminates() {
    let (bench, registry, _engine) = Bench::new();
    let completions = Completions::new();
    let slot = Arc::new(Mutex::new(Some(registry.request(Kinds::MEMCPY).unwrap())));
    let held = slot.clone();
    let release = move |_: Completion| {
        let channel = held.lock().unwrap().take().unwrap();
        channel.terminate();
        drop(channel);
    };
    {
        let channel = slot.lock().unwrap();
        let channel = channel.as_ref().unwrap();
        channel.prepare(memcpy(1, 10)).unwrap().on_complete(release).submit().unwrap();
        channel.prepare(memcpy(2, 10)).unwrap().gather(&completions).submit().unwrap();
        channel.issue_pending().unwrap();
    }
    super::manual::finish(bench.take());
    let result = gathered(&completions).pop().unwrap().result;
    assert_eq!(result, Err(Failure::Aborted(Abort::Terminated)));
    assert_eq!(bench.calls().iter().filter(|call| *call == "free 0").count(), 1);
}

#[test]
fn it_cannot_wait_for_itself() {
    let (bench, registry, _engine) = Bench::new();
    let channel = channel(&registry);
    let (tell, told) = mpsc::channel();
    let waits = channel.clone();
    let synchronize = move |_: Completion| tell.send(waits.synchronize(Duration::MAX)).unwrap();
    channel.prepare(memcpy(1, 10)).unwrap().on_complete(synchronize).submit().unwrap();
    channel.issue_pending().unwrap();
    bench.work();
    assert_eq!(told.recv_timeout(SOON).unwrap(), Err(Error::InCallback));
}

#[test]
fn one_that_panics_keeps_nobody_from_hearing() {
    let (bench, registry, engine) = Bench::new();
    let channel = channel(&registry);
    let completions = Completions::new();
    channel.prepare(memcpy(1, 10)).unwrap().on_complete(|_| panic!("a bug of the consumer's")).submit().unwrap();
    start(&channel, memcpy(2, 10), &completions);
    bench.work();
    assert_eq!(gathered(&completions).len(), 1);
    channel.synchronize(SOON).unwrap();
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
}

#[test]
fn they_come_one_at_a_time_and_in_order() {
    let (bench, registry, _engine) = Bench::new();
    let channel = channel(&registry);
    let (seen, inside) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    for seed in 0..200 {
        let (seen, inside) = (seen.clone(), inside.clone());
        let note = move |completion: Completion| {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
            seen.lock().unwrap().push(completion.cookie.number());
            std::thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
        };
        channel.prepare(memcpy(seed, 10)).unwrap().on_complete(note).submit().unwrap();
    }
    channel.issue_pending().unwrap();
    // From two threads: the order is that in which they ended.
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let mut ended = ended.lock().unwrap();
                    let transaction = bench.take();
                    ended.push(transaction.number());
                    super::manual::finish(transaction);
                }
            });
        }
    });
    channel.synchronize(SOON).unwrap();
    assert_eq!(*seen.lock().unwrap(), ended.into_inner().unwrap());
}
