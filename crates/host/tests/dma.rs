//! The engine with the worker thread: copies, rhythms, pulls, replugs.

use outlive::{Policy, Reason};
use outlive_classes::dma::{
    Abort, Buffer, Completion, Completions, Copier, Failure, Kinds, Registry, Segment, Status, Transfer,
};
use outlive_host::dma::Worker;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(20);

fn pattern(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ seed.wrapping_mul(131)) as u8).collect()
}

#[test]
fn it_copies_what_it_is_given() {
    let registry = Registry::new();
    let (_engine, _worker) = Worker::plug(&registry, 1).unwrap();
    let channel = registry.request(Kinds::MEMCPY | Kinds::SCATTER_GATHER).unwrap();
    let completions = Completions::new();
    let length = 40 << 20;
    let large = Transfer::memcpy(pattern(1, length), vec![0; length]);
    let segment = |buffer, offset, length| Segment { buffer, offset, length };
    let buffers: Vec<Buffer> = vec![pattern(2, 100).into(), vec![0; 100].into()];
    let from = vec![segment(0, 50, 50), segment(0, 0, 0), segment(0, 0, 50)];
    let list = Transfer::scatter_gather(buffers, from, vec![segment(1, 0, 100)]);
    let cookies: Vec<_> = [large, list]
        .map(|transfer| channel.prepare(transfer).unwrap().gather(&completions).submit().unwrap())
        .into_iter()
        .collect();
    channel.issue_pending().unwrap();
    assert!(cookies.iter().all(|cookie| cookie.wait(SOON) == Status::Complete));
    let mut back = Vec::new();
    completions.take(2, SOON, &mut back);
    assert!(back[0].transfer.destination() == pattern(1, length));
    let source = pattern(2, 100);
    assert_eq!(*back[1].transfer.buffers()[1], [&source[50..], &source[..50]].concat());
}

#[test]
fn a_rhythm_is_kept_and_stops_at_the_pull() {
    let registry = Registry::new();
    let (engine, _worker) = Worker::plug(&registry, 1).unwrap();
    let channel = registry.request(Kinds::CYCLIC).unwrap();
    let (seen, completions) = (Arc::new(Mutex::new(Vec::new())), Completions::new());
    let every = Duration::from_millis(2);
    let (notes, begin) = (seen.clone(), Instant::now());
    let descriptor = channel.prepare(Transfer::cyclic(pattern(3, 64), vec![0; 64], 16, every)).unwrap();
    let note = move |period: outlive_classes::dma::Period<'_>| {
        notes.lock().unwrap().push((period.number, begin.elapsed()));
    };
    descriptor.on_period(note).gather(&completions).submit().unwrap();
    channel.issue_pending().unwrap();
    while seen.lock().unwrap().len() < 10 {
        thread::sleep(every);
    }
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
    let (count, mut back) = (seen.lock().unwrap().len(), Vec::new());
    completions.take(1, SOON, &mut back);
    assert!(matches!(back[0].result, Err(Failure::Aborted(Abort::Gone(_)))));
    thread::sleep(5 * every);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), count, "a period after the fence");
    assert!(seen.iter().enumerate().all(|(at, (number, _))| at as u64 == *number));
    assert!(seen.iter().all(|(number, at)| *at >= every * *number as u32), "too early: {seen:?}");
}

#[test]
fn a_callback_on_the_workers_thread_unplugs_and_waits_for_the_fence() {
    let registry = Registry::new();
    let (engine, _worker) = Worker::plug(&registry, 1).unwrap();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let (tell, told) = mpsc::channel();
    let (pulled, completions) = (engine.clone(), Completions::new());
    let pull =
        move |_: Completion| tell.send(pulled.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some()).unwrap();
    channel.prepare(Transfer::memcpy([1; 8], [0; 8])).unwrap().on_complete(pull).submit().unwrap();
    for _ in 0..10 {
        channel.prepare(Transfer::memcpy([1; 8], [0; 8])).unwrap().gather(&completions).submit().unwrap();
    }
    channel.issue_pending().unwrap();
    assert!(told.recv_timeout(SOON).unwrap());
    let mut back = Vec::new();
    completions.take(10, SOON, &mut back);
    assert!(back.iter().all(|one| matches!(one.result, Err(Failure::Aborted(Abort::Gone(_))))), "{back:?}");
    assert_eq!(back.len(), 10);
}

#[test]
fn a_worker_that_ends_gives_up_and_may_be_ended_by_a_callback() {
    let registry = Registry::new();
    let (_engine, worker) = Worker::plug(&registry, 1).unwrap();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    let descriptor = channel.prepare(Transfer::memcpy([1; 8], [0; 8])).unwrap();
    descriptor.on_complete(move |_| drop(worker)).submit().unwrap();
    channel.prepare(Transfer::memcpy([1; 8], [0; 8])).unwrap().gather(&completions).submit().unwrap();
    channel.issue_pending().unwrap();
    let mut back = Vec::new();
    completions.take(1, SOON, &mut back);
    assert_eq!(back[0].result, Err(Failure::Aborted(Abort::GivenUp)));
}

/// Three consumers keep descriptors in flight and terminate now and then; a copier copies; engines come and go.
#[test]
fn consumers_live_through_pulls_at_any_moment() {
    let registry = Registry::new();
    let (submitted, ended, done) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (wrong, stop) = (Arc::new(AtomicU64::new(0)), AtomicUsize::new(0));
    thread::scope(|scope| {
        for seed in 0..3_usize {
            let (registry, submitted, stop) = (&registry, &submitted, &stop);
            let (ended, done, wrong) = (ended.clone(), done.clone(), wrong.clone());
            scope.spawn(move || {
                let mut turn = seed;
                while stop.load(Ordering::Relaxed) == 0 {
                    let Ok(channel) = registry.request(Kinds::MEMCPY) else {
                        thread::yield_now();
                        continue;
                    };
                    loop {
                        turn += 1;
                        let length = 1 + turn * 977 % 30_000;
                        let (ended, done, wrong) = (ended.clone(), done.clone(), wrong.clone());
                        let number = turn;
                        let note = move |completion: Completion| {
                            ended.fetch_add(1, Ordering::Relaxed);
                            // A panic here would be caught, and nobody would know.
                            let right = completion.transfer.destination() == pattern(number, length);
                            let ended = if right { &done } else { &wrong };
                            ended.fetch_add(u64::from(completion.result.is_ok()), Ordering::Relaxed);
                        };
                        let transfer = Transfer::memcpy(pattern(number, length), vec![0; length]);
                        let accepted = channel.prepare(transfer).and_then(|one| one.on_complete(note).submit());
                        if accepted.is_err() {
                            break;
                        }
                        submitted.fetch_add(1, Ordering::Relaxed);
                        if turn % 3 == 0 && channel.issue_pending().is_err() {
                            break;
                        }
                        if turn % 61 == 0 {
                            channel.terminate();
                        }
                        if turn % 500 == 0 || stop.load(Ordering::Relaxed) > 0 {
                            break;
                        }
                    }
                }
            });
        }
        let copier = Copier::new(&registry);
        let pulls = scope.spawn(|| {
            let begin = Instant::now();
            // Longer where others have the machine, and little is done between two pulls.
            let enough = |pull| pull >= 40 && (done.load(Ordering::Relaxed) > 100 || begin.elapsed() > SOON);
            for pull in (0..).take_while(|pull| !enough(*pull)) {
                let (engine, _worker) = Worker::plug(&registry, 4).unwrap();
                thread::sleep(Duration::from_micros(pull * 379 % 5000));
                assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
            }
        });
        let mut seed = 0;
        while !pulls.is_finished() {
            seed += 1;
            let copied = copier.copy(Transfer::memcpy(pattern(seed, 5000), vec![0; 5000])).unwrap();
            assert!(copied.transfer.destination() == pattern(seed, 5000));
        }
        stop.store(1, Ordering::Relaxed);
        pulls.join().unwrap();
    });
    let begin = Instant::now();
    while ended.load(Ordering::Relaxed) < submitted.load(Ordering::Relaxed) && begin.elapsed() < SOON {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(ended.load(Ordering::Relaxed), submitted.load(Ordering::Relaxed));
    assert_eq!(wrong.load(Ordering::Relaxed), 0, "copies that are done, and wrong");
    let done = done.load(Ordering::Relaxed);
    assert!(done > 100 && done < submitted.load(Ordering::Relaxed), "{done} of {submitted:?} done: no test of a pull");
}
