//! Unplugging: what had come, keys that were down, and who sleeps.

use super::bench::{A, B, Bench, LONG, OWN_SYNC, SYNC, events, flags, key};
use crate::{Contract, Errno, Plugged, PollBits, input::uapi::ev};
use outlive::{Policy, Reason};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

/// I18, I19, I21: everything that had come, the keys that go up, and then the removal, for ever.
#[test]
fn what_had_come_is_read_and_then_the_removal() {
    let bench = Bench::new();
    let client = &bench.client;
    bench.send(&[key(A, 1), key(B, 1), SYNC]);
    bench.send(&[(ev::REL, 0, 5)]);
    bench.pull();
    bench.sink();
    assert_eq!(client.file.poll(), PollBits::ZOMBIE | PollBits::IN | PollBits::RDNORM);
    let up = [(ev::REL, 0, 5), key(A, 0), key(B, 0), OWN_SYNC];
    assert_eq!(client.read(), Ok([&[key(A, 1), key(B, 1), SYNC][..], &up].concat()));
    for _ in 0..2 {
        assert_eq!(client.file.poll(), PollBits::ZOMBIE);
        assert_eq!(client.read(), Err(Errno::NODEV));
    }
}

/// I2, I18: also of who sleeps, who gets the keys that went up.
#[test]
fn sleepers_get_the_keys_that_went_up() {
    for contract in Contract::ALL {
        let bench = Bench::under(contract);
        bench.client.file.set_nonblock(false);
        bench.send(&[key(A, 1), SYNC]);
        assert_eq!(bench.client.read(), Ok(vec![key(A, 1), SYNC]));
        let (sleeper, second) = (bench.client.begin_read(), bench.client.begin_read());
        let idle = bench.open();
        idle.file.set_nonblock(false);
        bench.pull();
        assert_eq!(events(sleeper.answer()), Ok(vec![key(A, 0), OWN_SYNC]), "{contract}");
        assert_eq!(events(second.answer()), Err(Errno::NODEV), "{contract}");
        let late = idle.read();
        match contract {
            Contract::Linux => assert_eq!(late, Err(Errno::NODEV)),
            _ => assert_eq!(late, Ok(vec![key(A, 0), OWN_SYNC])),
        }
    }
}

/// Who polls may hold what those who are told want.
#[test]
fn a_poll_that_is_faster_than_the_mark_wakes_nobody() {
    let bench = Bench::new();
    bench.client.file.set_nonblock(false);
    bench.send(&[key(A, 1), SYNC]);
    assert_eq!(bench.client.read(), Ok(vec![key(A, 1), SYNC]));
    let (woken, sleeper) = (Arc::new(AtomicUsize::new(0)), bench.client.begin_read());
    let counter = woken.clone();
    let _watch = bench.client.file.on_news(Arc::new(move || _ = counter.fetch_add(1, SeqCst)));
    bench.sink().0.end_in_silence();
    assert!(sleeper.is_waiting() && woken.load(SeqCst) == 0);
    bench.pull();
    assert_eq!(events(sleeper.answer()), Ok(vec![key(A, 0), OWN_SYNC]));
    assert!(woken.load(SeqCst) > 0);
}

#[test]
fn nothing_comes_after_the_removal() {
    let bench = Bench::new();
    let sink = bench.sink();
    bench.send(&[key(A, 1), SYNC]);
    bench.pull();
    assert!(sink.has_ended());
    bench.send(&[key(B, 1), SYNC]);
    bench.clock.pass(10_000);
    assert_eq!(bench.client.read(), Ok(vec![key(A, 1), SYNC, key(A, 0), OWN_SYNC]));
    assert_eq!(bench.client.read(), Err(Errno::NODEV));
}

/// I34: by the device itself, from its own thread.
#[test]
fn a_device_says_that_it_has_gone() {
    let bench = Bench::new();
    let woken = Arc::new(AtomicUsize::new(0));
    let counter = woken.clone();
    let _watch = bench.client.file.on_news(Arc::new(move || _ = counter.fetch_add(1, SeqCst)));
    bench.notice();
    assert!(woken.load(SeqCst) > 0);
    assert_eq!(bench.client.read(), Err(Errno::NODEV));
    assert!(bench.device.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap().is_some());
    assert_eq!(bench.device.open(flags(true)).err(), Some(Errno::NODEV));
}

/// I8, I22: the driver is told of the first user and the last, and of nothing once it has gone.
#[test]
fn the_driver_hears_of_its_users() {
    let bench = Bench::new();
    let second = bench.open();
    drop(second);
    assert_eq!(bench.told(), ["opened"]);
    let Bench { device, client, notes, .. } = bench;
    let told = || std::mem::take(&mut *notes.told.lock().unwrap());
    drop(client);
    assert_eq!(told(), ["closed"]);
    let again = device.open(flags(false)).unwrap();
    assert_eq!(told(), ["opened"]);
    device.unplug(Reason::Orderly, Policy::Detach, LONG).unwrap();
    assert_eq!(told(), ["unplugged"]);
    drop(again);
    assert!(told().is_empty());
}
