//! Removal always finishes, in one order, and never twice.
#![cfg(not(loom))]

use outlive::{Builder, Busy, Device, Guard, Handle, Operation, REMOVAL_BUDGET, Reason, Request, Step, Unplug, Watch};
use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(50);
/// Long enough that whoever reaches it hangs.
const LONG: Duration = Duration::from_secs(20);

type Log = Arc<Mutex<Vec<String>>>;

fn log() -> (Log, impl Fn(&str) + Clone + Send + Sync + 'static) {
    let log = Log::default();
    let writer = log.clone();
    (log, move |line: &str| writer.lock().unwrap().push(line.to_owned()))
}

/// I1
#[test]
fn ten_thousand_idle_handles_are_not_waited_for() {
    let device = Device::new((), ());
    let handles: Vec<_> = (0..10_000).map(|_| device.open().unwrap()).collect();
    let start = Instant::now();
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    let took = start.elapsed();
    println!("unplugged under 10,000 idle handles in {took:?}");
    assert!(took < REMOVAL_BUDGET);
    assert_eq!(device.handles(), 10_000, "they stay open");
    assert!(handles.iter().all(|handle| handle.enter().is_err()));
    drop(handles);
    assert_eq!(device.handles(), 0);
}

/// I1: zombies that never stop trying are not even counted, so the drain sees that nobody is inside.
#[test]
fn hostile_zombies_do_not_delay_the_fence() {
    let device = Device::new((), ());
    let operation = device.open().unwrap().begin("slow").unwrap();
    let (stop, zombies) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            let handle = device.open().unwrap();
            let (stop, zombies) = (&stop, &zombies);
            scope.spawn(move || {
                while handle.enter().is_ok() {}
                zombies.fetch_add(1, Ordering::SeqCst);
                while !stop.load(Ordering::Relaxed) {
                    assert!(handle.enter().is_err());
                }
            });
        }
        let busy = device.unplug(Reason::Pulled).wait(Duration::ZERO).unwrap_err();
        while zombies.load(Ordering::SeqCst) < 4 {
            thread::yield_now();
        }
        let most = (0..300_000).map(|_| busy.inside()).max();
        drop(operation);
        let removed = busy.wait(LONG);
        stop.store(true, Ordering::Relaxed);
        assert_eq!((most, removed.is_ok()), (Some(1), true));
    });
}

/// I2: whoever sleeps outside the gate until something happens is woken by the mark.
#[test]
fn sleepers_are_woken_by_the_mark() {
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let (wake, woken) = mpsc::channel();
    let sleeper = thread::spawn(move || {
        let _watch = handle.on_gone(move |gone| wake.send(gone.reason).unwrap());
        woken.recv_timeout(LONG)
    });
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    assert_eq!(sleeper.join().unwrap(), Ok(Reason::Pulled));
}

/// I2: a wake-up that was taken back is not called; one that comes late is called at once.
#[test]
fn watches_are_taken_back_and_come_late() {
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = |calls: &Arc<AtomicUsize>| {
        let calls = calls.clone();
        move |_| {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    drop(handle.on_gone(count(&calls)));
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    let _late = handle.on_gone(count(&calls));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

/// I3
#[test]
fn unplug_from_inside_an_operation_fails_with_an_error_of_its_own() {
    let device = Device::new((), "hardware");
    let handle = device.open().unwrap();
    let operation = handle.begin("unplug myself").unwrap();
    let busy = device.unplug(Reason::Pulled).wait(SHORT).unwrap_err();
    assert!(busy.culprits()[0].own_thread);
    assert!(busy.to_string().contains("begun by the very thread that waits for it"), "{busy}");
    drop(operation);
    assert_eq!(busy.wait(REMOVAL_BUDGET).unwrap(), Some("hardware"));
}

/// I3, I34: marking is possible anywhere, and waits for nobody: here inside a guard, by the driver.
#[test]
fn a_driver_marks_its_own_device() {
    let device = Device::new((), "hardware");
    let handle = device.open().unwrap();
    let guard = handle.enter().unwrap();
    let start = Instant::now();
    let unplug = device.unplug(Reason::Pulled);
    assert!(start.elapsed() < REMOVAL_BUDGET);
    assert!(handle.enter().is_err());
    assert_eq!(*guard, "hardware", "whoever is inside works on");
    let busy = unplug.wait(SHORT).unwrap_err();
    assert_eq!((busy.inside(), busy.culprits().len()), (1, 0));
    assert!(busy.to_string().contains("1 inside without a record"), "{busy}");
    drop(guard);
    assert_eq!(busy.wait(REMOVAL_BUDGET).unwrap(), Some("hardware"));
}

/// I3: every hook may unplug, enter, open and ask; waiting there without a limit fails at once instead of for ever.
#[test]
fn hooks_may_use_the_device() {
    let place: Arc<OnceLock<Arc<Device<(), ()>>>> = Arc::default();
    let (log, write) = log();
    let use_it = {
        let place = place.clone();
        move |what: &str| {
            let device = place.get().unwrap();
            assert!(device.open().is_err() && device.gone().is_some());
            let _ = (device.inside(), device.handles(), device.step());
            let waited = device.unplug(Reason::Orderly).wait(Duration::MAX);
            write(&format!("{what}: {}", waited.map_or_else(|busy| busy.to_string(), |_| "drained".to_owned())));
        }
    };
    let observe = use_it.clone();
    let device = Builder::new().observed(move |step| observe(&format!("{step:?}"))).build((), ());
    place.set(Arc::new(device)).unwrap();
    let device = place.get().unwrap();
    let handle = device.open().unwrap();
    let operation = Arc::new(Mutex::new(Some(handle.begin("parked").unwrap())));
    let (parked, cancel, names, wake) = (operation.clone(), use_it.clone(), use_it.clone(), use_it);
    operation.lock().unwrap().as_ref().unwrap().on_cancel(move |_| {
        drop(parked.lock().unwrap().take());
        cancel("cancel");
    });
    device.on_names(move |_| names("names"));
    let watch: Arc<Mutex<Option<Watch<(), ()>>>> = Arc::default();
    let itself = watch.clone();
    *watch.lock().unwrap() = Some(handle.on_gone(move |_| {
        drop(itself.lock().unwrap().take());
        wake("wake");
    }));
    assert!(device.unplug(Reason::Pulled).wait(LONG).unwrap().is_some());
    let seen = log.lock().unwrap();
    let short = |line: &String| line.split_once(" the device").map_or(line.clone(), |(who, _)| format!("{who} busy"));
    let expected = [
        "Marked: busy",
        "names: busy",
        "NamesGone: busy",
        "wake: busy",
        "cancel: busy",
        "Woken: busy",
        "Drained: busy",
        "TornDown: busy",
        "Released: busy",
    ];
    assert_eq!(seen.iter().map(short).collect::<Vec<_>>(), expected);
    assert!(seen[0].contains("a hook of its removal has not returned"), "{}", seen[0]);
}

/// I4
#[test]
fn a_stuck_device_delays_no_other() {
    let (stuck, other) = (Device::new((), ()), Device::new((), ()));
    let _operation = stuck.open().unwrap().begin("stuck").unwrap();
    let busy = stuck.unplug(Reason::Pulled).wait(Duration::ZERO).unwrap_err();
    let start = Instant::now();
    other.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    assert!(start.elapsed() < REMOVAL_BUDGET);
    drop(busy);
}

/// I6
#[test]
fn busy_names_the_culprit_and_waits_again() {
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let operation = handle.begin("I2C_RDWR").unwrap();
    let busy = device.unplug(Reason::Pulled).wait(SHORT).unwrap_err();
    let culprits = busy.culprits();
    assert_eq!(culprits.len(), 1);
    let culprit = &culprits[0];
    assert_eq!((culprit.handle, culprit.number, culprit.kind), (handle.id(), operation.number(), "I2C_RDWR"));
    assert!(culprit.age >= SHORT);
    let words = busy.to_string();
    let who = format!("operation {} (I2C_RDWR) of handle {}, inside for", operation.number(), handle.id());
    assert!(words.contains(&who), "{words}");
    let busy = busy.wait(SHORT).unwrap_err();
    assert!(busy.culprits()[0].age > culprit.age, "it ages");
    assert_eq!((device.step(), handle.enter().is_err()), (Step::Woken, true), "dead, but no fence is claimed");
    thread::scope(|scope| {
        scope.spawn(|| drop(operation));
        assert_eq!(busy.wait(LONG).unwrap(), Some(7));
    });
}

/// I10, I21: the order, as the observer and the hooks see it; the names go at the mark, while somebody is inside.
#[test]
fn the_steps_have_one_order() {
    let (log, write) = log();
    let observe = write.clone();
    let device = Builder::new().observed(move |step| observe(&format!("{step:?}"))).build((), ());
    let handle = device.open().unwrap();
    let operation = handle.begin("inside").unwrap();
    let (names, wake, cancel) = (write.clone(), write.clone(), write.clone());
    let shut = handle.clone();
    device.on_names(move |_| names(if shut.enter().is_err() { "names, the gate is shut" } else { "names" }));
    let _watch = handle.on_gone(move |_| wake("wake"));
    operation.on_cancel(move |_| cancel("cancel"));
    let unplug = device.unplug(Reason::Pulled);
    let before = ["Marked", "names, the gate is shut", "NamesGone", "wake", "cancel", "Woken"];
    assert_eq!(*log.lock().unwrap(), before);
    let busy = unplug.wait(Duration::ZERO).unwrap_err();
    assert_eq!(*log.lock().unwrap(), before, "no fence while somebody is inside");
    write("exit");
    drop(operation);
    busy.wait(REMOVAL_BUDGET).unwrap();
    assert_eq!(log.lock().unwrap()[6..], ["exit", "Drained", "TornDown", "Released"]);
    let late = write.clone();
    device.on_names(move |_| late("late"));
    assert_eq!(log.lock().unwrap()[10..], ["late"], "called at once");
}

/// I13, I31: of many unplugs one acts, all return after the fence, and the first reason stays.
/// (Without std, and a platform that tells threads apart: `bare.rs`.)
#[test]
#[cfg(feature = "std")]
fn many_unplugs_are_one() {
    for _ in 0..200 {
        let inside = Arc::new(AtomicUsize::new(1));
        let marks = Arc::new(AtomicUsize::new(0));
        let count = marks.clone();
        let device = Builder::new()
            .observed(move |step| {
                count.fetch_add(usize::from(step == Step::Marked), Ordering::Relaxed);
            })
            .build((), ());
        let operation = device.open().unwrap().begin("inside").unwrap();
        let (taken, reasons) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for reason in [Reason::Pulled, Reason::Orderly, Reason::Pulled, Reason::Orderly] {
                let (device, inside, taken, reasons) = (&device, &inside, &taken, &reasons);
                scope.spawn(move || {
                    let hardware = device.unplug(reason).wait(LONG).unwrap();
                    assert_eq!(inside.load(Ordering::Relaxed), 0, "returned before the fence");
                    taken.fetch_add(usize::from(hardware.is_some()), Ordering::Relaxed);
                    reasons.lock().unwrap().push(device.gone().unwrap());
                });
            }
            inside.store(0, Ordering::Relaxed);
            drop(operation);
        });
        assert_eq!((marks.load(Ordering::Relaxed), taken.load(Ordering::Relaxed)), (1, 1));
        let reasons = reasons.into_inner().unwrap();
        assert!(reasons.iter().all(|gone| *gone == reasons[0]));
        assert_eq!(device.unplug(Reason::Orderly).wait(REMOVAL_BUDGET).unwrap(), None, "once more, still nothing");
    }
}

/// I10: a hook that panics keeps neither the others from running nor the device from going.
/// (Without std nobody catches a panic: `bare.rs`.)
#[test]
#[cfg(feature = "std")]
fn panicking_hooks_do_not_stop_a_removal() {
    let ran = Arc::new(AtomicUsize::new(0));
    let device = Builder::new().observed(|step| panic!("an observer that panics at {step:?}")).build((), 7);
    let handle = device.open().unwrap();
    let operation = handle.begin("inside").unwrap();
    let mut watches = Vec::new();
    for _ in 0..2 {
        let hook = |what: &'static str| {
            let ran = ran.clone();
            move || {
                ran.fetch_add(1, Ordering::Relaxed);
                panic!("a hook that panics: {what}")
            }
        };
        let (names, wake, cancel) = (hook("names"), hook("wake"), hook("cancel"));
        device.on_names(move |_| names());
        watches.push(handle.on_gone(move |_| wake()));
        operation.on_cancel(move |_| cancel());
    }
    let unplug = device.unplug(Reason::Pulled);
    assert_eq!(ran.load(Ordering::Relaxed), 6);
    drop(operation);
    assert_eq!(unplug.wait(REMOVAL_BUDGET).unwrap(), Some(7));
    assert_eq!(device.step(), Step::Released);
}

/// I25: after the mark no path makes a live handle; what was opened before is a zombie and says so (I31).
#[test]
fn no_path_makes_a_live_handle() {
    let device = Device::new("shared", ());
    let handle = device.open().unwrap();
    assert!(handle.gone().is_none() && device.gone().is_none());
    let before = outlive::Instant::now();
    let unplug = device.unplug(Reason::Orderly);
    let refused = device.open().unwrap_err();
    let gone = refused.gone().unwrap();
    assert!(gone.reason == Reason::Orderly && gone.since >= before && gone.since <= outlive::Instant::now());
    assert_eq!(handle.reopen().unwrap_err(), refused);
    assert_eq!(handle.begin("read").unwrap_err(), refused);
    assert_eq!(handle.clone().enter().unwrap_err(), gone);
    assert_eq!(handle.gone(), Some(gone));
    assert!(!handle.cancel(1));
    unplug.wait(REMOVAL_BUDGET).unwrap();
    assert_eq!((device.open().unwrap_err(), handle.reopen().unwrap_err()), (refused, refused));
    assert_eq!((*handle.shared(), device.handles()), ("shared", 1), "and what is shared stays");
}

/// A clone is the same open file, another open is not.
#[test]
fn a_clone_is_the_same_open_file() {
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    let clone = handle.clone();
    assert_eq!((clone.id(), device.handles()), (handle.id(), 2), "of which there are two");
    let reopened = clone.reopen().unwrap();
    assert_ne!(reopened.id(), handle.id());
    drop(handle);
    let operation = clone.begin("in flight").unwrap();
    assert_eq!(device.handles(), 2, "an operation is no user");
    drop(clone);
    assert_eq!(device.handles(), 1);
    let once_more = operation.handle().clone();
    assert_eq!((once_more.id(), device.handles()), (operation.handle().id(), 2));
}

/// What is inside, waits, or is asked for can be sent to another thread.
#[test]
fn everything_can_be_sent() {
    fn sent<T: Send>() {}
    fn shared<T: Sync>() {}
    sent::<Guard<'static, u8>>();
    sent::<Operation<u8, u8>>();
    sent::<Request<u8, u8, u8>>();
    sent::<(Device<u8, u8>, Handle<u8, u8>, Unplug<u8, u8>, Busy<u8, u8>, Watch<u8, u8>)>();
    shared::<(Device<u8, u8>, Handle<u8, u8>, Guard<'static, u8>)>();
}
