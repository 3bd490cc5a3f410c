//! What the states of a device and the policies of its removal mean for this class.

use super::manual::{Bench, SOON, gathered, memcpy, start};
use crate::{
    Errno,
    dma::{Abort, Completions, Error, Failure, Kinds, Status},
};
use outlive::{Policy, Reason, State};
use std::{thread, time::Duration};

#[test]
fn what_is_issued_on_a_blocked_device_is_handed_over_when_it_runs_again() {
    for state in [State::Blocked, State::Quiesced] {
        let (bench, registry, engine) = Bench::new();
        let channel = registry.request(Kinds::MEMCPY).unwrap();
        let completions = Completions::new();
        engine.set_state(state).unwrap();
        let cookies: Vec<_> = (0..3).map(|seed| start(&channel, memcpy(seed, 10), &completions)).collect();
        assert_eq!((bench.held(), cookies[2].status()), (0, Status::InProgress), "{state:?}");
        engine.set_state(State::Running).unwrap();
        assert_eq!(bench.held(), 3, "{state:?}");
        bench.work();
        let back = gathered(&completions);
        assert_eq!(back.iter().map(|one| one.cookie.number()).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
    }
}

#[test]
fn a_blocked_device_goes_and_what_waits_for_it_is_aborted() {
    let (bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    engine.set_state(State::Blocked).unwrap();
    start(&channel, memcpy(1, 10), &completions);
    assert!(engine.unplug(Reason::Pulled, Policy::Detach, SOON).unwrap().is_some());
    let back = gathered(&completions);
    assert!(matches!(back[..], [ref one] if matches!(one.result, Err(Failure::Aborted(Abort::Gone(_))))), "{back:?}");
    assert_eq!(bench.calls(), ["allocate 0"]);
}

#[test]
fn an_offline_device_refuses_and_what_was_submitted_stays_so() {
    let (bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    channel.prepare(memcpy(1, 10)).unwrap().gather(&completions).submit().unwrap();
    engine.set_state(State::Offline).unwrap();
    assert_eq!(channel.issue_pending(), Err(Error::State(State::Offline)));
    assert_eq!(Errno::from(Error::State(State::Offline)), Errno::NXIO);
    assert_eq!(registry.request(Kinds::MEMCPY).unwrap_err(), Error::State(State::Offline));
    engine.set_state(State::Running).unwrap();
    channel.issue_pending().unwrap();
    bench.work();
    assert_eq!(gathered(&completions)[0].result, Ok(()));
}

#[test]
fn a_drain_leaves_the_engine_time_for_what_it_has() {
    let (bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    start(&channel, memcpy(1, 10), &completions);
    channel.prepare(memcpy(2, 10)).unwrap().gather(&completions).submit().unwrap();
    thread::scope(|scope| {
        let unplug = scope.spawn(|| engine.unplug(Reason::Orderly, Policy::Drain, SOON).unwrap().is_some());
        while channel.gone().is_none() || gathered_is_empty(&completions) {
            thread::yield_now();
        }
        assert!(!unplug.is_finished());
        bench.work();
        assert!(unplug.join().unwrap());
    });
    let back = gathered(&completions);
    assert_eq!(back[0].result, Ok(()), "it was in flight, and the limit had not passed");
}

/// Whether the one that had not been issued is still out; it is taken when it is back.
fn gathered_is_empty(completions: &Completions) -> bool {
    let back = gathered(completions);
    assert!(back.iter().all(|one| one.cookie.number() == 2 && one.result.is_err()));
    back.is_empty()
}

#[test]
fn a_drain_stops_what_is_in_flight_when_its_limit_has_passed() {
    let (_bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let completions = Completions::new();
    start(&channel, memcpy(1, 10), &completions);
    let limit = Duration::from_millis(10);
    let unplugged = engine.unplug(Reason::Pulled, Policy::Drain, limit);
    let unplugged = unplugged.or_else(|_| engine.unplug(Reason::Pulled, Policy::Drain, SOON));
    assert!(unplugged.unwrap().is_some());
    assert!(matches!(gathered(&completions)[0].result, Err(Failure::Aborted(Abort::Gone(_)))));
}

#[test]
fn a_prepared_removal_waits_until_the_channels_are_released() {
    let (_bench, registry, engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    assert!(!engine.prepare(Duration::from_millis(5)).unwrap());
    assert!(registry.request(Kinds::MEMCPY).is_err());
    drop(channel);
    assert!(engine.prepare(SOON).unwrap());
}
