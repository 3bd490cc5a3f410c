//! What watchers hear.
#![cfg(not(loom))]

use outlive::{Change, Device, Events, Generation, REMOVAL_BUDGET, Reason};
use std::{thread, time::Duration};

const LONG: Duration = Duration::from_secs(20);

/// I21: watchers hear of removal at the mark, once, while somebody is inside and handles are open; the close of the last
/// one says nothing more.
#[test]
fn removal_is_heard_at_the_mark() {
    let events = Events::new();
    let watcher = events.watch();
    let device = Device::new((), ());
    events.tell("i2c-7", Generation(1), Change::Plugged);
    let bus = events.clone();
    device.on_names(move |gone| bus.tell("i2c-7", Generation(1), Change::Unplugged(gone.reason)));
    let handle = device.open().unwrap();
    let operation = handle.begin("inside").unwrap();
    let unplug = device.unplug(Reason::Pulled);
    let plugged = watcher.next(LONG).unwrap();
    assert_eq!((plugged.sequence, plugged.name.as_str(), plugged.change), (1, "i2c-7", Change::Plugged));
    let unplugged = watcher.next(LONG).unwrap();
    assert_eq!((unplugged.sequence, unplugged.change), (2, Change::Unplugged(Reason::Pulled)));
    drop(operation);
    unplug.wait(REMOVAL_BUDGET).unwrap();
    drop((handle, device));
    assert_eq!(watcher.next(Duration::ZERO), None);
}

/// Every watcher hears the same events in the same order from when it began; a watcher that waits is woken.
#[test]
fn all_watchers_hear_the_same() {
    let events = Events::new();
    events.tell("before", Generation(1), Change::Plugged);
    let (first, second) = (events.watch(), events.watch());
    let told = thread::scope(|scope| {
        let waiting = scope.spawn(|| (0..400).map(|_| first.next(LONG).unwrap()).collect::<Vec<_>>());
        for name in ["a", "b"] {
            let events = &events;
            scope.spawn(move || {
                for generation in 1..=200 {
                    events.tell(name, Generation(generation), Change::Plugged);
                }
            });
        }
        waiting.join().unwrap()
    });
    assert_eq!(told.iter().map(|event| event.sequence).collect::<Vec<_>>(), (2..=401).collect::<Vec<_>>());
    assert_eq!((0..400).map(|_| second.next(Duration::ZERO).unwrap()).collect::<Vec<_>>(), told);
    assert_eq!((first.take_lost(), second.take_lost()), (0, 0));
}

/// A watcher that lags loses the oldest, is told how many, and never delays the others; the last event is there (I21).
#[test]
fn a_watcher_that_lags_loses_the_oldest() {
    let events = Events::new();
    let watcher = events.watch();
    for generation in 1..=2000 {
        events.tell("i2c-7", Generation(generation), Change::Plugged);
    }
    assert_eq!(watcher.take_lost(), 2000 - 1024);
    assert_eq!(watcher.take_lost(), 0);
    let kept: Vec<_> = std::iter::from_fn(|| watcher.next(Duration::ZERO)).map(|event| event.sequence).collect();
    assert_eq!(kept, (977..=2000).collect::<Vec<_>>());
}

#[test]
fn watchers_that_left_are_forgotten() {
    let events = Events::new();
    drop(events.watch());
    let _stays = events.watch();
    events.tell("i2c-7", Generation(1), Change::Plugged);
    assert_eq!(format!("{events:?}"), "Events { watchers: 1 }");
}
