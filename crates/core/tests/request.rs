//! Every operation that a driver accepts is answered exactly once.
#![cfg(not(loom))]

use outlive::{Cause, Device, Handle, Outcome, REMOVAL_BUDGET, Reason, Request};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

type Heard = Arc<Mutex<Vec<Outcome<u32>>>>;

fn request<S, H>(handle: &Handle<S, H>) -> (Request<S, H, u32>, Heard) {
    let heard = Heard::default();
    let outcomes = heard.clone();
    let operation = handle.begin("request").unwrap();
    (Request::new(operation, move |outcome| outcomes.lock().unwrap().push(outcome)), heard)
}

fn heard(heard: &Heard) -> Vec<Outcome<u32>> {
    heard.lock().unwrap().clone()
}

/// I17: each way to end a request, as its client hears it.
#[test]
fn each_end_is_heard_once() {
    let device = Device::new((), ());
    let handle = device.open().unwrap();

    let (answered, outcomes) = request(&handle);
    assert!(heard(&outcomes).is_empty());
    answered.answer(7);
    assert_eq!(heard(&outcomes), [Outcome::Done(7)]);

    let (let_go, outcomes) = request(&handle);
    let_go.let_go(Cause::Interrupted);
    assert_eq!(heard(&outcomes), [Outcome::Cancelled(Cause::Interrupted)]);

    let (forgotten, outcomes) = request(&handle);
    drop(forgotten);
    assert_eq!(heard(&outcomes), [Outcome::Forgotten]);

    let (interrupted, outcomes) = request(&handle);
    let number = interrupted.number();
    assert!(!interrupted.is_cancelled());
    assert!(handle.cancel(number) && !handle.cancel(number), "once");
    assert!(interrupted.is_cancelled());
    interrupted.answer(7);
    assert!(!handle.cancel(number));
    assert_eq!(heard(&outcomes), [Outcome::Cancelled(Cause::Interrupted)], "an answer that comes late is discarded");
    assert!(device.inside().is_empty());
}

type Asked = Request<(), (), u32>;

/// I17: the driver was told to let go, and dropping the request is what it is told to do, not a bug.
#[test]
fn marked_requests_are_heard_as_gone() {
    let ends: [fn(Asked); 2] = [drop, |request| request.answer(7)];
    for end in ends {
        let device = Device::new((), ());
        let handle = device.open().unwrap();
        let (request, outcomes) = request(&handle);
        let unplug = device.unplug(Reason::Pulled);
        let gone = Outcome::Cancelled(Cause::Gone(device.gone().unwrap()));
        assert_eq!(heard(&outcomes), [gone], "at the mark, though it is still with its driver");
        end(request);
        unplug.wait(REMOVAL_BUDGET).unwrap();
        assert_eq!(heard(&outcomes), [gone]);
    }
}

/// A handle cancels its own operations only.
#[test]
fn another_handle_cannot_cancel() {
    let device = Device::new((), ());
    let (handle, other) = (device.open().unwrap(), device.open().unwrap());
    let (request, outcomes) = request(&handle);
    assert!(!other.cancel(request.number()) && !handle.cancel(request.number() + 1));
    assert!(handle.clone().cancel(request.number()));
    assert_eq!(heard(&outcomes).len(), 1);
}

/// The client hears before the driver is told; a driver that comes late with its hook is told at once, and once.
#[test]
fn the_client_hears_first() {
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let (request, outcomes) = request(&handle);
    let told = Arc::new(AtomicUsize::new(0));
    let hook = |told: &Arc<AtomicUsize>| {
        let (told, outcomes) = (told.clone(), outcomes.clone());
        move |cause| {
            assert_eq!(heard(&outcomes), [Outcome::Cancelled(cause)]);
            told.fetch_add(1, Ordering::Relaxed);
        }
    };
    request.on_cancel(hook(&told));
    assert!(handle.cancel(request.number()));
    assert_eq!(told.load(Ordering::Relaxed), 1);
    request.on_cancel(hook(&told));
    assert_eq!(told.load(Ordering::Relaxed), 2, "late, so at once");
    let unplug = device.unplug(Reason::Pulled);
    assert_eq!(told.load(Ordering::Relaxed), 2, "not told again by the mark: the first cause stays");
    drop(request);
    unplug.wait(REMOVAL_BUDGET).unwrap();
}

/// I1: the operation has left the gate when its client hears, so an unplug from there finishes.
#[test]
fn an_answer_is_heard_outside_the_gate() {
    let device = Arc::new(Device::new((), ()));
    let owner = device.clone();
    let operation = device.open().unwrap().begin("request").unwrap();
    let (send, unplugged) = mpsc::channel();
    let request = Request::new(operation, move |_: Outcome<()>| {
        send.send(owner.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).is_ok()).unwrap();
    });
    request.answer(());
    assert!(unplugged.recv().unwrap());
}

/// I6: a client's cancellation calls the driver, so it counts as inside and is named if it hangs.
#[test]
fn a_cancellation_that_hangs_is_named() {
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let (request, _) = request(&handle);
    let (entered, inside) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    request.on_cancel(move |_| {
        entered.send(()).unwrap();
        let _ = released.recv();
    });
    let number = request.number();
    let client = thread::spawn(move || handle.cancel(number));
    inside.recv().unwrap();
    drop(request);
    let busy = device.unplug(Reason::Pulled).wait(Duration::ZERO).unwrap_err();
    assert_eq!(busy.culprits().iter().map(|culprit| culprit.kind).collect::<Vec<_>>(), ["cancel"]);
    drop(release);
    assert!(client.join().unwrap());
    busy.wait(REMOVAL_BUDGET).unwrap();
}

/// A table of parked requests, as a driver keeps one.
struct Parking {
    parked: Mutex<Vec<Request<Counted, Arc<Parking>, u32>>>,
    _drops: Counted,
}

/// Counts its drop.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// I5, I29: a request that is parked in the hardware keeps its device's life, which keeps the hardware. The mark breaks
/// the circle, also when the owner forgets to unplug, and everything is dropped, once.
#[test]
fn a_parked_request_keeps_nothing_alive() {
    for unplug in [true, false] {
        let (hardware_drops, shared_drops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let hardware = Arc::new(Parking { parked: Mutex::default(), _drops: Counted(hardware_drops.clone()) });
        let weak = Arc::downgrade(&hardware);
        let device = Device::new(Counted(shared_drops.clone()), hardware);
        let handle = device.open().unwrap();
        let (request, outcomes) = request(&handle);
        let driver = weak.clone();
        request.on_cancel(move |_| {
            let parked = driver.upgrade().map(|parking| std::mem::take(&mut *parking.parked.lock().unwrap()));
            drop(parked);
        });
        handle.enter().unwrap().parked.lock().unwrap().push(request);
        if unplug {
            device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap().unwrap();
        }
        drop(device);
        assert!(matches!(heard(&outcomes)[..], [Outcome::Cancelled(Cause::Gone(_))]));
        assert_eq!((hardware_drops.load(Ordering::Relaxed), weak.strong_count()), (1, 0));
        assert_eq!(shared_drops.load(Ordering::Relaxed), 0, "the zombie still has it");
        drop(handle);
        assert_eq!(shared_drops.load(Ordering::Relaxed), 1);
    }
}

/// I17: thousands of requests, which drivers answer, park or forget, clients interrupt, and the mark cancels, all at the
/// same time: each is heard once, and no driver's hook runs after the fence.
#[test]
fn every_request_of_a_crowd_is_heard_once() {
    for _ in 0..30 {
        let device = Device::new((), ());
        let (send, driver) = mpsc::channel::<Request<(), (), u32>>();
        let (fenced, late) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts: Arc<Mutex<Vec<Arc<AtomicUsize>>>> = Arc::default();
        thread::scope(|scope| {
            for _ in 0..3 {
                let (handle, send) = (device.open().unwrap(), send.clone());
                let (counts, fenced, late) = (counts.clone(), fenced.clone(), late.clone());
                scope.spawn(move || {
                    while let Ok(operation) = handle.begin("crowd") {
                        let count = Arc::new(AtomicUsize::new(0));
                        counts.lock().unwrap().push(count.clone());
                        let request = Request::new(operation, move |_| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                        let (number, fenced) = (request.number(), fenced.clone());
                        let late = late.clone();
                        // A panic of a hook goes no further, so it only takes notes.
                        request.on_cancel(move |_| {
                            late.fetch_add(fenced.load(Ordering::Relaxed), Ordering::Relaxed);
                        });
                        send.send(request).unwrap();
                        if number % 3 == 0 {
                            handle.cancel(number);
                        }
                    }
                });
            }
            drop(send);
            scope.spawn(move || {
                for request in driver {
                    match request.number() % 4 {
                        0 => drop(request),
                        1 => request.let_go(Cause::Interrupted),
                        _ => request.answer(7),
                    }
                }
            });
            thread::sleep(Duration::from_millis(5));
            device.unplug(Reason::Pulled).wait(Duration::from_secs(20)).unwrap().unwrap();
            fenced.store(1, Ordering::Relaxed);
        });
        assert_eq!(late.load(Ordering::Relaxed), 0, "the driver was called after the fence");
        let counts = counts.lock().unwrap();
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "heard twice, or never");
    }
}

/// I17: a driver that meets the mark before it is told to let go, and drops the request for that, has no bug.
#[test]
fn what_is_dropped_after_the_mark_is_cancelled() {
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let (request, outcomes) = request(&handle);
    let zombie = handle.clone();
    // The names are taken away after the mark and before anybody is told to let go.
    device.on_names(move |_| {
        assert!(zombie.enter().is_err() && !request.is_cancelled());
        drop(request);
    });
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    assert_eq!(heard(&outcomes), [Outcome::Cancelled(Cause::Gone(device.gone().unwrap()))]);
}
