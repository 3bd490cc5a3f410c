//! Events for handles that ask for them: bounded, told without waiting, the removal last and once.
#![cfg(not(loom))]

use outlive::{Device, Item, REMOVAL_BUDGET, Reason, State, Stream, Subscribers};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

fn all<E, S, H>(stream: &Stream<E, S, H>) -> Vec<Item<E>> {
    std::iter::from_fn(|| stream.try_next()).collect()
}

/// I21: who is slow learns what it missed, at the place where it is missing, and nobody else misses anything.
#[test]
fn a_slow_reader_learns_what_it_missed() {
    let keys = Subscribers::new();
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let (small, large) = (keys.subscribe(&handle, 2), keys.subscribe(&handle, 100));
    (1..=3).for_each(|key| keys.tell(key));
    device.set_state(State::Closing).unwrap();
    (4..=5).for_each(|key| keys.tell(key));
    let unplug = device.unplug(Reason::Pulled);
    keys.tell(6);
    unplug.wait(REMOVAL_BUDGET).unwrap();
    let gone = Item::Gone(device.gone().unwrap());
    assert_eq!(all(&small), [Item::Missed(3), Item::Closing, Item::Event(4), Item::Event(5), gone]);
    let events = |from, to| (from..=to).map(Item::Event);
    let whole: Vec<_> = events(1, 3).chain([Item::Closing]).chain(events(4, 5)).chain([gone]).collect();
    assert_eq!(all(&large), whole);
    assert!(small.next(Duration::MAX).is_none() && !small.is_readable(), "the end is the end");
}

/// I18, I21: a zombie that subscribes hears its end; nobody is told of what came before it subscribed.
#[test]
fn a_stream_begins_now_and_ends_once() {
    let keys = Subscribers::new();
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    keys.tell(1);
    let early = keys.subscribe(&handle, 4);
    assert!(!early.is_readable() && early.next(Duration::from_millis(1)).is_none());
    device.unplug(Reason::Orderly).wait(REMOVAL_BUDGET).unwrap();
    assert!(early.is_readable());
    let late = keys.subscribe(&handle, 4);
    keys.tell(2);
    for stream in [&early, &late] {
        assert_eq!(all(stream), [Item::Gone(device.gone().unwrap())]);
    }
    drop((early, late));
    assert!(keys.is_empty());
}

/// I2, I19: a sleeping reader, a hook and a future are woken by events and by the mark.
#[test]
fn sleepers_are_woken() {
    let keys = Subscribers::new();
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let stream = keys.subscribe(&handle, 4);
    let readable = Arc::new(AtomicUsize::new(0));
    let count = readable.clone();
    stream.on_readable(move || _ = count.fetch_add(1, Ordering::SeqCst));
    let reader = thread::spawn(move || {
        let first = stream.next(Duration::MAX);
        (first, stream.next(Duration::MAX), stream.next(Duration::MAX))
    });
    let future = keys.subscribe(&handle, 4);
    let awaiting = thread::spawn(move || {
        block_on(async move { (future.next_item().await, future.next_item().await, future.next_item().await) })
    });
    thread::sleep(Duration::from_millis(20));
    keys.tell(7);
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    let gone = Item::Gone(device.gone().unwrap());
    let heard = (Some(Item::Event(7)), Some(gone), None);
    assert_eq!((reader.join().unwrap(), awaiting.join().unwrap()), (heard, heard));
    assert_eq!(readable.load(Ordering::SeqCst), 2);
}

/// A small executor: what any of them does.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

/// Telling never waits: not for a reader that never reads, nor for one that is told to go away meanwhile.
#[test]
fn nobody_is_waited_for() {
    let keys = Subscribers::new();
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let stuck = keys.subscribe(&handle, 1);
    thread::scope(|scope| {
        scope.spawn(|| (0..10_000).for_each(|key| keys.tell(key)));
        scope.spawn(|| (0..100).for_each(|_| drop(keys.subscribe(&handle, 1))));
    });
    assert_eq!(all(&stuck), [Item::Missed(9_999), Item::Event(9_999)]);
    assert_eq!(keys.len(), 1);
}
