//! The core without std on the platform that spins, since none is installed.
#![cfg(not(feature = "std"))]

use outlive::{
    Device, Gone, Instant, REMOVAL_BUDGET, Reason, Subscribers,
    platform::{self, AlreadyDecided, Platform},
};
use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Comes too late.
struct Late;

impl Platform for Late {
    fn wait(&self, _word: &AtomicU32, _value: u32, _limit: Option<Duration>) {
        unreachable!("it is never installed");
    }

    fn wake_one(&self, _word: &AtomicU32) {}
    fn wake_all(&self, _word: &AtomicU32) {}

    fn now(&self) -> Duration {
        unreachable!("it is never installed");
    }

    fn thread(&self) -> u64 {
        unreachable!("it is never installed");
    }
}

/// The first device decides: threads may be asleep by then.
#[test]
fn a_platform_that_comes_after_a_device_comes_too_late() {
    let device = Device::new((), 7);
    assert_eq!(platform::install(&Late), Err(AlreadyDecided));
    assert_eq!(device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap(), Some(7));
}

/// What needs no time: a limit of zero is one look.
#[test]
fn a_look_takes_no_time() {
    let device = Device::new("shared", 7);
    let handle = device.open().unwrap();
    let guard = handle.enter().unwrap();
    let busy = device.unplug(Reason::Pulled).wait(Duration::ZERO).unwrap_err();
    assert_eq!(handle.enter().map(|_| ()), Err(device.gone().unwrap()));
    let busy = busy.wait(Duration::ZERO).unwrap_err();
    drop(guard);
    assert_eq!(busy.wait(Duration::ZERO).unwrap(), Some(7));
    assert_eq!(*handle.shared(), "shared");
}

/// Without a limit the drain turns until the last one has left.
#[test]
fn a_drain_turns_until_the_last_one_leaves() {
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let inside = Barrier::new(2);
    let left = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let guard = handle.enter().unwrap();
            inside.wait();
            thread::sleep(Duration::from_millis(20));
            left.store(1, Ordering::Relaxed);
            drop(guard);
        });
        inside.wait();
        assert_eq!(device.unplug(Reason::Pulled).wait(Duration::MAX).unwrap(), Some(7));
        assert_eq!(left.load(Ordering::Relaxed), 1, "returned before the fence");
    });
}

/// There is no clock, so turns are counted: a limit passes, and it is the turns that it takes.
#[test]
fn a_limit_passes_by_waiting() {
    const LIMIT: Duration = Duration::from_micros(100);
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let guard = handle.enter().unwrap();
    let before = Instant::now();
    let busy = device.unplug(Reason::Pulled).wait(LIMIT).unwrap_err();
    assert!(before.elapsed() >= LIMIT);
    drop(guard);
    assert_eq!(busy.wait(LIMIT).unwrap(), Some(7));
    let nothing = Subscribers::<()>::new();
    let other = Device::new((), ());
    assert_eq!(nothing.subscribe(&other.open().unwrap(), 1).next(LIMIT), None);
}

/// All threads are one to this platform: whoever would wait for a hook of another is told at once that it cannot.
#[test]
fn another_thread_s_hook_is_not_waited_for() {
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let ((begin, begun), (end, ended)) = (mpsc::channel(), mpsc::channel());
    let hook = move |_: Gone| {
        begin.send(()).unwrap();
        ended.recv().unwrap();
    };
    let _watch = handle.on_gone(hook);
    thread::scope(|scope| {
        let first = scope.spawn(|| device.unplug(Reason::Pulled).wait(Duration::MAX).unwrap());
        begun.recv().unwrap();
        let busy = device.unplug(Reason::Pulled).wait(Duration::MAX).unwrap_err();
        assert!(busy.to_string().contains("a hook of its removal has not returned"), "{busy}");
        end.send(()).unwrap();
        assert_eq!(first.join().unwrap(), Some(7));
        assert_eq!(busy.wait(Duration::ZERO).unwrap(), None);
    });
}
