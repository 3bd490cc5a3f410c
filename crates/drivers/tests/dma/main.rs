//! The software engine, worked by hand and in a time of the test's own.

use outlive::{Policy, Reason};
use outlive_classes::dma::{
    Abort, Channel, Completion, Completions, Cookie, Engine, Failure, Granularity, Kinds, Progress, Registry, Status,
    Transaction, Transfer,
};
use outlive_drivers::dma::{Next, SoftwareEngine, Work};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const SOON: Duration = Duration::from_secs(10);
const ANY: Kinds = Kinds::MEMCPY;

fn plug(channels: usize) -> (Arc<Engine>, Work, Vec<Channel>) {
    let registry = Registry::new();
    let (engine, work) = SoftwareEngine::new(channels);
    let engine = registry.plug(Box::new(engine));
    let channels = (0..channels).map(|_| registry.request(ANY).unwrap()).collect();
    (engine, work, channels)
}

fn memcpy(byte: u8) -> Transfer {
    Transfer::memcpy([byte; 8], [0; 8])
}

fn cyclic(every: Duration) -> Transfer {
    Transfer::cyclic([7; 8], [0; 8], 4, every)
}

fn start(channel: &Channel, transfer: Transfer, completions: &Completions) -> Cookie {
    let cookie = channel.prepare(transfer).unwrap().gather(completions).submit().unwrap();
    channel.issue_pending().unwrap();
    cookie
}

fn gathered(completions: &Completions) -> Vec<Completion> {
    let mut gathered = Vec::new();
    completions.take(0, Duration::ZERO, &mut gathered);
    gathered
}

fn next(work: &Work, now: Duration) -> Transaction {
    match work.next(|| now) {
        Next::Run(transaction) => transaction,
        other => panic!("nothing to do: {other:?}"),
    }
}

fn is_idle(work: &Work) -> bool {
    matches!(work.next(|| Duration::ZERO), Next::Idle)
}

#[test]
fn a_lane_keeps_its_order_and_lanes_take_turns() {
    let (_engine, work, channels) = plug(2);
    let completions = Completions::new();
    for (channel, byte) in [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5)] {
        start(&channels[channel], memcpy(byte), &completions);
    }
    let mut order = Vec::new();
    for _ in 0..5 {
        let mut transaction = next(&work, Duration::ZERO);
        order.push(transaction.transfer().buffers()[0][0]);
        assert_eq!(transaction.copy(8), Progress::Done);
        transaction.complete();
    }
    assert_eq!(order, [1, 4, 2, 5, 3]);
    assert!(is_idle(&work));
    assert!(gathered(&completions).iter().all(|done| done.result == Ok(()) && done.residue == 0));
}

#[test]
fn the_doorbell_rings_once_for_each_time_the_worker_found_nothing() {
    let (engine, work, channels) = plug(1);
    let rings = Arc::new(AtomicUsize::new(0));
    let count = rings.clone();
    work.set_doorbell(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let completions = Completions::new();
    start(&channels[0], memcpy(1), &completions);
    assert_eq!(rings.load(Ordering::Relaxed), 0, "the worker has not slept yet");
    drop(next(&work, Duration::ZERO));
    for _ in 0..3 {
        assert!(is_idle(&work));
        for byte in 0..10 {
            start(&channels[0], memcpy(byte), &completions);
        }
        (0..10).for_each(|_| next(&work, Duration::ZERO).complete());
    }
    assert_eq!(rings.load(Ordering::Relaxed), 3);
    assert!(engine.unplug(Reason::Orderly, Policy::Detach, SOON).unwrap().is_some());
}

#[test]
fn a_cyclic_transfer_has_its_time_and_leaves_it_to_the_others() {
    let (_engine, work, channels) = plug(2);
    let completions = Completions::new();
    let every = Duration::from_millis(10);
    start(&channels[0], cyclic(every), &completions);
    let after_it = start(&channels[0], memcpy(1), &completions);
    let mut now = Duration::from_secs(1);
    for _ in 0..5 {
        let mut transaction = next(&work, now);
        assert_eq!(transaction.every(), every);
        assert_eq!(transaction.copy(8), Progress::Period);
        work.put_back(transaction, now + every);
        assert!(matches!(work.next(|| now), Next::At(due) if due == now + every));
        start(&channels[1], memcpy(2), &completions);
        next(&work, now).complete();
        now += every;
    }
    channels[0].terminate();
    assert_eq!(after_it.status(), Status::Error);
    assert!(is_idle(&work));
    let aborted = gathered(&completions).iter().filter(|one| one.result.is_err()).count();
    assert_eq!(aborted, 2);
}

#[test]
fn a_paused_lane_keeps_what_was_begun() {
    let (_engine, work, channels) = plug(1);
    let completions = Completions::new();
    let cookie = start(&channels[0], memcpy(9), &completions);
    let mut transaction = next(&work, Duration::ZERO);
    transaction.copy(3);
    channels[0].pause().unwrap();
    assert_eq!(transaction.copy(3), Progress::Paused);
    work.put_back(transaction, Duration::ZERO);
    assert!(is_idle(&work));
    assert_eq!((cookie.status(), cookie.residue()), (Status::Paused, 5));
    channels[0].resume().unwrap();
    let mut transaction = next(&work, Duration::ZERO);
    assert_eq!(transaction.copy(8), Progress::Done);
    transaction.complete();
    assert_eq!(gathered(&completions)[0].transfer.destination(), [9; 8]);
}

#[test]
fn a_pull_takes_what_lies_in_the_lanes_also_in_paused_ones() {
    let (engine, work, channels) = plug(2);
    let completions = Completions::new();
    start(&channels[0], cyclic(Duration::from_secs(3600)), &completions);
    let mut parked = next(&work, Duration::ZERO);
    parked.copy(8);
    work.put_back(parked, Duration::from_secs(3600));
    channels[1].pause().unwrap();
    for byte in 0..20 {
        start(&channels[1], memcpy(byte), &completions);
    }
    let provider = engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap();
    assert!(provider.is_some(), "nobody has to work for the fence");
    let back = gathered(&completions);
    assert_eq!(back.len(), 21);
    assert!(back.iter().all(|one| matches!(one.result, Err(Failure::Aborted(Abort::Gone(_))))));
    assert!(is_idle(&work));
}

#[test]
fn what_is_being_copied_at_the_pull_is_let_go_when_it_is_put_back() {
    let (engine, work, channels) = plug(1);
    let completions = Completions::new();
    start(&channels[0], cyclic(Duration::ZERO), &completions);
    let mut transaction = next(&work, Duration::ZERO);
    assert_eq!(transaction.copy(8), Progress::Period);
    let busy = engine.unplug(Reason::Pulled, Policy::Detach, Duration::ZERO).unwrap_err();
    assert_eq!(busy.culprits.len(), 1);
    work.put_back(transaction, Duration::ZERO);
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
    assert_eq!(gathered(&completions).len(), 1);
}

#[test]
fn an_engine_whose_work_nobody_does_gives_up() {
    let (engine, work, channels) = plug(1);
    let completions = Completions::new();
    start(&channels[0], memcpy(1), &completions);
    drop(work);
    start(&channels[0], memcpy(2), &completions);
    let given_up = Err(Failure::Aborted(Abort::GivenUp));
    assert_eq!(gathered(&completions).iter().map(|one| one.result).collect::<Vec<_>>(), [given_up; 2]);
    assert!(engine.unplug(Reason::Orderly, Policy::Detach, SOON).unwrap().is_some());
}

#[test]
fn its_residue_is_as_coarse_as_wished() {
    let registry = Registry::new();
    let (engine, work) = SoftwareEngine::new(1);
    let _engine = registry.plug(Box::new(engine.with_granularity(Granularity::Descriptor)));
    let channel = registry.request(ANY).unwrap();
    let cookie = start(&channel, memcpy(1), &Completions::new());
    let mut transaction = next(&work, Duration::ZERO);
    transaction.copy(5);
    assert_eq!(cookie.residue(), 8);
    transaction.copy(5);
    transaction.complete();
    assert_eq!(cookie.residue(), 0);
}
