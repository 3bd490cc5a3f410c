//! The core without std, on a platform that this test installs. (Most of the other tests run without std, too, on the
//! platform that spins.) Run by `cargo test -p outlive --no-default-features`.
#![cfg(not(feature = "std"))]

#[path = "bare/parking.rs"]
mod parking;

use outlive::{
    Builder, Busy, Cause, Device, Instant, Item, Outcome, REMOVAL_BUDGET, Reason, Request, Step, Subscribers,
    platform::{self, AlreadyDecided, Platform},
    unplug_all,
};
use parking::parking;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

const SHORT: Duration = Duration::from_millis(30);
/// Long enough that whoever reaches it hangs.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_platform_is_installed_once() {
    let parking = parking();
    assert_eq!(platform::install(parking), Err(AlreadyDecided));
    assert!(!outlive::prepare(), "every guard is counted");
}

/// I1, I15, I31: open, enter, pull under idle handles; zombies know what they were, why they are none, and since when.
#[test]
fn a_pull_under_idle_handles() {
    parking();
    let device = Device::new("shared", vec![21, 22]);
    let handles: Vec<_> = (0..1000).map(|_| device.open().unwrap()).collect();
    assert_eq!(handles[0].enter().unwrap()[1], 22);
    let before = Instant::now();
    assert_eq!(device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap(), Some(vec![21, 22]));
    let gone = device.gone().unwrap();
    assert!(gone.reason == Reason::Pulled && gone.since >= before && gone.since <= Instant::now());
    assert!(device.open().is_err());
    assert!(handles.iter().all(|handle| handle.enter().unwrap_err() == gone && *handle.shared() == "shared"));
    assert_eq!(device.handles(), 1000, "they stay open");
}

/// I6: a guard holds the fence up until the limit, and for as long as it likes; it is waited for again.
#[test]
fn a_guard_holds_the_fence_up() {
    parking();
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let guard = handle.enter().unwrap();
    let start = Instant::now();
    let busy = device.unplug(Reason::Pulled).wait(SHORT).unwrap_err();
    assert!(start.elapsed() >= SHORT, "by the platform's clock");
    assert_eq!((busy.inside(), busy.guards().len(), busy.culprits().len()), (1, 0, 0));
    assert!(busy.to_string().contains("1 inside without a record"), "{busy}");
    let busy = busy.wait(Duration::ZERO).unwrap_err();
    assert_eq!(*guard, 7, "whoever is inside works on");
    drop(guard);
    assert_eq!(busy.wait(REMOVAL_BUDGET).unwrap(), Some(7));
}

/// An operation is named, with its age; so is one of the very thread that waits (I3, I6).
#[test]
fn an_operation_is_named() {
    parking();
    let device = Device::new((), ());
    let operation = device.open().unwrap().begin("sluggish").unwrap();
    let busy = device.unplug(Reason::Pulled).wait(SHORT).unwrap_err();
    let culprit = &busy.culprits()[0];
    assert!(culprit.kind == "sluggish" && culprit.own_thread && culprit.age >= SHORT);
    let elsewhere = thread::scope(|scope| scope.spawn(|| device.inside()[0].own_thread).join().unwrap());
    assert!(!elsewhere);
    drop(operation);
    busy.wait(REMOVAL_BUDGET).unwrap();
}

/// The drain sleeps by the platform's means, and whoever leaves last wakes it: by a guard, and by an operation.
#[test]
fn a_drain_sleeps_and_is_woken() {
    let parking = parking();
    for by_guard in [true, false] {
        let device = Device::new((), 7);
        let handle = device.open().unwrap();
        let drainer = parking.thread();
        let (inside, unplugged) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let guard = by_guard.then(|| handle.enter().unwrap());
                let operation = (!by_guard).then(|| handle.begin("inside").unwrap());
                inside.wait();
                unplugged.wait();
                parking.until_asleep(drainer);
                drop((guard, operation));
            });
            inside.wait();
            let unplug = device.unplug(Reason::Pulled);
            unplugged.wait();
            assert_eq!(unplug.wait(Duration::MAX).unwrap(), Some(7));
        });
    }
}

/// I13: of concurrent unplugs one gets the hardware, and all return after the fence and after the hooks of the one that
/// acts.
#[test]
fn many_unplugs_are_one() {
    parking();
    for _ in 0..100 {
        let inside = Arc::new(AtomicUsize::new(2));
        let device = Device::new((), 7);
        let handle = device.open().unwrap();
        let operation = handle.begin("inside").unwrap();
        let slow = inside.clone();
        let _watch = handle.on_gone(move |_| {
            thread::yield_now();
            slow.fetch_sub(1, Ordering::Relaxed);
        });
        let taken = AtomicUsize::new(0);
        thread::scope(|scope| {
            for reason in [Reason::Pulled, Reason::Orderly, Reason::Pulled, Reason::Orderly] {
                let (device, inside, taken) = (&device, &inside, &taken);
                scope.spawn(move || {
                    let hardware = device.unplug(reason).wait(LONG).unwrap();
                    assert_eq!(inside.load(Ordering::Relaxed), 0, "returned before the fence");
                    taken.fetch_add(usize::from(hardware.is_some()), Ordering::Relaxed);
                });
            }
            inside.fetch_sub(1, Ordering::Relaxed);
            drop(operation);
        });
        assert_eq!(taken.into_inner(), 1);
        assert_eq!(device.unplug(Reason::Orderly).wait(Duration::ZERO).unwrap(), None);
    }
}

/// I10, I12: the same order of the same steps, with the driver's last word between the drain and the end.
#[test]
fn the_steps_have_one_order() {
    parking();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = steps.clone();
    let device = Builder::new()
        .observed(move |step| seen.lock().unwrap().push(step))
        .teardown(|disk: &mut Vec<u8>| disk.push(0))
        .build((), vec![1]);
    let handle = device.open().unwrap();
    assert_eq!(device.unplug(Reason::Orderly).wait(REMOVAL_BUDGET).unwrap(), Some(vec![1, 0]));
    drop((device, handle));
    assert_eq!(*steps.lock().unwrap(), Step::ALL[1..]);
}

/// I17: what is inside is cancelled by the mark, and each request is heard of once.
#[test]
fn requests_are_cancelled() {
    parking();
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let driver: Vec<Request<(), (), u32>> = (0..3)
        .map(|_| {
            let heard = heard.clone();
            Request::new(handle.begin("read").unwrap(), move |outcome| heard.lock().unwrap().push(outcome))
        })
        .collect();
    assert!(handle.cancel(driver[0].number()) && !handle.cancel(driver[0].number()));
    let unplug = device.unplug(Reason::Pulled);
    let gone = Outcome::Cancelled(Cause::Gone(device.gone().unwrap()));
    assert_eq!(*heard.lock().unwrap(), [Outcome::Cancelled(Cause::Interrupted), gone, gone]);
    driver.into_iter().for_each(|request| request.answer(7));
    unplug.wait(REMOVAL_BUDGET).unwrap();
    assert_eq!(heard.lock().unwrap().len(), 3, "late answers are discarded");
}

/// I2, I21: a reader that sleeps is woken by the mark, and the removal is the last that it hears.
#[test]
fn a_sleeping_reader_is_woken() {
    let parking = parking();
    let keys = Subscribers::new();
    let device = Device::new(keys.clone(), ());
    let stream = keys.subscribe(&device.open().unwrap(), 8);
    let (name, named) = mpsc::channel();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            name.send(parking.thread()).unwrap();
            [(); 3].map(|()| stream.next(LONG))
        });
        let reader_thread = named.recv().unwrap();
        parking.until_asleep(reader_thread);
        keys.tell('a');
        parking.until_asleep(reader_thread);
        device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
        let gone = Item::Gone(device.gone().unwrap());
        assert_eq!(reader.join().unwrap(), [Some(Item::Event('a')), Some(gone), None]);
    });
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A removal is a future here, too.
#[test]
fn a_removal_can_be_awaited() {
    parking();
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let guard = handle.enter().unwrap();
    let woken = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    let mut finish = pin!(IntoFuture::into_future(device.unplug(Reason::Pulled)));
    assert_eq!(finish.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
    assert!(!woken.0.load(Ordering::SeqCst));
    drop(guard);
    assert!(woken.0.load(Ordering::SeqCst));
    assert_eq!(finish.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(Some(7)));
}

/// Many at once: who is inside of one delays no other (I4).
#[test]
fn a_stuck_device_delays_no_other() {
    parking();
    let devices: Vec<_> = (0..10).map(|number| Device::new((), number)).collect();
    let handle = devices[3].open().unwrap();
    let guard = handle.enter().unwrap();
    let ends = unplug_all(&devices, Reason::Pulled).wait(SHORT);
    let (gone, stuck): (Vec<_>, Vec<Result<_, Busy<_, _>>>) = ends.into_iter().partition(Result::is_ok);
    assert_eq!(gone.into_iter().map(|end| end.unwrap().unwrap()).sum::<i32>(), 45 - 3);
    drop(guard);
    let [stuck] = <[_; 1]>::try_from(stuck).unwrap();
    assert_eq!(stuck.unwrap_err().wait(REMOVAL_BUDGET).unwrap(), Some(3));
}

/// Nobody here catches a panic. One in a hook leaves its removal half done: the device stays dead, and no fence is
/// claimed.
#[test]
fn a_hook_that_panics_leaves_no_false_fence() {
    parking();
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let _watch = handle.on_gone(|_| panic!("a hook that panics"));
    assert!(catch_unwind(AssertUnwindSafe(|| device.unplug(Reason::Pulled))).is_err());
    assert!(handle.enter().is_err());
    let busy = device.unplug(Reason::Pulled).wait(SHORT).unwrap_err();
    assert!(busy.to_string().contains("a hook of its removal has not returned"), "{busy}");
}

/// I7, I8, I9: threads come and go by guards and operations while the device goes; the hardware that has been taken out
/// is never seen in use.
#[test]
fn nobody_is_inside_after_the_fence() {
    parking();
    for round in 0..300 {
        let (out, seen) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
        let device = Device::new((), out.clone());
        thread::scope(|scope| {
            for by_guard in [true, false, true] {
                let (handle, seen) = (device.open().unwrap(), &seen);
                scope.spawn(move || {
                    loop {
                        let operation = match by_guard {
                            true => None,
                            false => handle.begin("use").ok(),
                        };
                        let Ok(hardware) = handle.enter() else { break };
                        seen.fetch_add(usize::from(hardware.load(Ordering::Relaxed)), Ordering::Relaxed);
                        drop(hardware);
                        drop(operation);
                    }
                });
            }
            (0..round * 10).for_each(|_| std::hint::spin_loop());
            let hardware = device.unplug(Reason::Pulled).wait(LONG).unwrap().unwrap();
            hardware.store(true, Ordering::Relaxed);
        });
        assert_eq!(seen.into_inner(), 0, "used after the fence");
    }
}
