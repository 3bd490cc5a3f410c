//! The ways in which a device can be removed.
#![cfg(not(loom))]

use outlive::{
    Batch, Builder, Cause, Device, Handle, Noticer, Numbers, Outcome, Parked, Policy, REMOVAL_BUDGET, Reason, Request,
    State, Step, unplug_all,
};
use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

type Heard = Arc<Mutex<Vec<Outcome<u32>>>>;

fn request(handle: &Handle<(), u32>) -> (Request<(), u32, u32>, Heard) {
    let heard = Heard::default();
    let outcomes = heard.clone();
    let operation = handle.begin("request").unwrap();
    (Request::new(operation, move |outcome| outcomes.lock().unwrap().push(outcome)), heard)
}

fn gone(device: &Device<(), u32>) -> Outcome<u32> {
    Outcome::Cancelled(Cause::Gone(device.gone().unwrap()))
}

/// I12: the last word is spoken after the drain, if there is hardware to hear it; the first reason says.
#[test]
fn the_last_word_is_for_hardware_that_is_there() {
    let orders: [&[Reason]; 4] =
        [&[Reason::Orderly], &[Reason::Pulled], &[Reason::Orderly, Reason::Pulled], &[Reason::Pulled, Reason::Orderly]];
    for reasons in orders {
        let device = Builder::new().teardown(|hardware: &mut u32| *hardware += 1).build((), 7);
        let handle = device.open().unwrap();
        let guard = handle.enter().unwrap();
        let unplugs: Vec<_> = reasons.iter().map(|reason| device.unplug(*reason)).collect();
        assert_eq!(*guard, 7, "not while somebody is inside");
        drop(guard);
        let hardware = unplugs.into_iter().find_map(|unplug| unplug.wait(REMOVAL_BUDGET).unwrap());
        assert_eq!(hardware, Some(if reasons[0] == Reason::Orderly { 8 } else { 7 }), "{reasons:?}");
    }
}

/// I34: a driver that notices marks the device, from inside an operation; its owner finds the fence to be waited for.
#[test]
fn a_driver_notices() {
    let noticer = Noticer::new();
    let device = Device::new((), 7);
    device.noticed_by(&noticer);
    let handle = device.open().unwrap();
    let guard = handle.enter().unwrap();
    noticer.gone(Reason::Pulled);
    assert_eq!(device.gone().unwrap().reason, Reason::Pulled);
    assert_eq!(*guard, 7, "who is inside still has it");
    drop(guard);
    assert_eq!(device.unplug(Reason::Orderly).wait(REMOVAL_BUDGET).unwrap(), Some(7));
    assert_eq!(device.gone().unwrap().reason, Reason::Pulled, "the first reason stays");
    noticer.gone(Reason::Orderly);
    drop((device, handle));
    noticer.gone(Reason::Orderly);

    // Noticed before there is a device: it goes as it comes.
    let early = Noticer::new();
    early.gone(Reason::Pulled);
    let device = Device::new((), 7);
    device.noticed_by(&early);
    assert!(device.open().is_err());
}

/// I6, I17: with `Drain` what is inside comes to its real end; what does not within the limit is cancelled.
#[test]
fn drain_lets_operations_end() {
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let (quick, quick_heard) = request(&handle);
    let (stuck, stuck_heard) = request(&handle);
    let stuck = Arc::new(Mutex::new(Some(stuck)));
    let let_go = stuck.clone();
    if let Some(stuck) = &*stuck.lock().unwrap() {
        stuck.on_cancel(move |_| drop(let_go.lock().unwrap().take()));
    }
    let unplug = device.unplug_with(Reason::Orderly, Policy::Drain);
    assert!(handle.enter().is_err() && handle.begin("late").is_err(), "dead all the same");
    assert!(quick_heard.lock().unwrap().is_empty() && stuck_heard.lock().unwrap().is_empty(), "left alone");
    quick.answer(1);
    assert_eq!(*quick_heard.lock().unwrap(), [Outcome::Done(1)], "its real result");
    drop(unplug.look(Duration::from_millis(5)).unwrap_err());
    assert!(stuck_heard.lock().unwrap().is_empty(), "a look cancels nothing");
    let unplug = device.unplug_with(Reason::Orderly, Policy::Drain);
    assert_eq!(unplug.wait(Duration::from_millis(20)).unwrap(), Some(7), "after the limit it is cancelled");
    assert_eq!(*stuck_heard.lock().unwrap(), [gone(&device)]);
    assert!(stuck.lock().unwrap().is_none());
}

/// Whoever unplugs without draining cancels what an earlier one left alone; what sleeps outside is never left alone.
#[test]
fn a_surprise_ends_a_drain() {
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let (inside, inside_heard) = request(&handle);
    let (outside, outside_heard) = request(&handle);
    let outside = outside.park();
    let unplug = device.unplug_with(Reason::Orderly, Policy::Drain);
    assert_eq!(*outside_heard.lock().unwrap(), [gone(&device)]);
    assert!(inside_heard.lock().unwrap().is_empty());
    let second = device.unplug(Reason::Pulled);
    assert_eq!(*inside_heard.lock().unwrap(), [gone(&device)]);
    drop((inside, outside));
    assert!(unplug.wait(REMOVAL_BUDGET).unwrap().is_some() && second.wait(REMOVAL_BUDGET).unwrap().is_none());
}

/// `Kill` tells those who hold the device, and nobody else's policy does.
#[test]
fn kill_tells_the_holders() {
    for policy in Policy::ALL {
        let device = Device::new((), 7);
        let handle = device.open().unwrap();
        let killed = Arc::new(AtomicUsize::new(0));
        let count = || {
            let killed = killed.clone();
            move |_| _ = killed.fetch_add(1, Ordering::SeqCst)
        };
        let (kept, taken_back) = (handle.on_kill(count()), handle.on_kill(count()));
        drop(taken_back);
        device.unplug_with(Reason::Pulled, policy).wait(REMOVAL_BUDGET).unwrap();
        let late = handle.on_kill(count());
        assert_eq!(killed.load(Ordering::SeqCst), if policy == Policy::Kill { 2 } else { 0 }, "{policy}");
        drop((kept, late));
        assert_eq!(policy.name().parse(), Ok(policy));
    }
    assert!("delete".parse::<Policy>().unwrap_err().to_string().contains("detach, drain, kill"));
}

/// A request that its driver keeps outside holds no fence up, and is answered once whatever the driver does later.
#[test]
fn a_parked_request_holds_nothing_up() {
    type Late = Parked<(), u32, u32>;
    let ends: [fn(Late); 3] = [drop, |parked| parked.answer(7), |parked| assert!(parked.resume().is_err())];
    for end in ends {
        let device = Device::new((), 7);
        let (asked, heard) = request(&device.open().unwrap());
        let parked = asked.park();
        assert!(device.inside().is_empty());
        assert_eq!(device.unplug(Reason::Pulled).wait(Duration::ZERO).unwrap(), Some(7));
        assert_eq!(*heard.lock().unwrap(), [gone(&device)]);
        end(parked);
        assert_eq!(heard.lock().unwrap().len(), 1);
    }
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let ((answered, first), (forgotten, second), (resumed, third)) =
        (request(&handle), request(&handle), request(&handle));
    answered.park().answer(1);
    drop(forgotten.park());
    let resumed = resumed.park().resume().unwrap();
    assert_eq!(device.inside().len(), 1);
    resumed.answer(3);
    let heard = [first, second, third].map(|heard| heard.lock().unwrap()[..].to_vec());
    assert_eq!(heard, [vec![Outcome::Done(1)], vec![Outcome::Forgotten], vec![Outcome::Done(3)]]);
    let (interrupted, heard) = request(&handle);
    let parked = interrupted.park();
    assert!(handle.cancel(parked.number()));
    assert!(parked.resume().is_err());
    assert_eq!(*heard.lock().unwrap(), [Outcome::Cancelled(Cause::Interrupted)]);
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A removal can be awaited on any executor: it is woken by the last one who leaves, and by nobody before.
#[test]
fn a_removal_can_be_awaited() {
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut context = Context::from_waker(&waker);
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let (operation, guard) = (handle.begin("inside").unwrap(), handle.enter().unwrap());
    let mut removal = pin!(device.unplug(Reason::Pulled).into_future());
    let mut second = pin!(device.unplug(Reason::Pulled).into_future());
    for _ in 0..3 {
        assert!(removal.as_mut().poll(&mut context).is_pending() && second.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    drop(guard);
    drop(operation);
    assert!(count.0.load(Ordering::SeqCst) > 0);
    assert_eq!(removal.as_mut().poll(&mut context), Poll::Ready(Some(7)));
    assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(None));
    assert_eq!(device.state(), State::Gone);
}

/// I13: one that awaits while another's hooks run, or while another takes the hardware apart, ends after those.
#[test]
fn an_awaited_removal_ends_after_the_hooks_of_others() {
    let (begin, begun) = mpsc::channel();
    let (end, until) = mpsc::channel::<()>();
    let until = Mutex::new(until);
    let device = Builder::new()
        .observed(move |step| {
            if matches!(step, Step::NamesGone | Step::TornDown) {
                begin.send(()).unwrap();
                until.lock().unwrap().recv().unwrap();
            }
        })
        .build((), 7);
    let device = Arc::new(device);
    let other = device.clone();
    let first = thread::spawn(move || other.unplug(Reason::Pulled).wait(Duration::MAX).unwrap());
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut context = Context::from_waker(&waker);
    begun.recv().unwrap();
    let mut second = pin!(device.unplug(Reason::Pulled).into_future());
    assert!(second.as_mut().poll(&mut context).is_pending(), "a hook has not returned");
    end.send(()).unwrap();
    begun.recv().unwrap();
    assert!(count.0.load(Ordering::SeqCst) > 0, "worth another look");
    assert!(second.as_mut().poll(&mut context).is_pending(), "it is being taken apart");
    end.send(()).unwrap();
    assert_eq!(first.join().unwrap(), Some(7));
    assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(None));
}

/// A batch is as many removals: one order each, the hardware in the order of the devices, and whoever is still inside of
/// one holds up that one only (I4).
#[test]
fn a_batch_is_many_removals() {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let devices: Vec<_> = (0..100_u32)
        .map(|number| {
            let steps = steps.clone();
            Builder::new().observed(move |step| steps.lock().unwrap().push((number, step))).build((), number)
        })
        .collect();
    let handles: Vec<_> = devices.iter().map(|device| device.open().unwrap()).collect();
    let (slot, counted, operation) =
        (handles[3].enter().unwrap(), handles[5].enter().unwrap().into_counted(), handles[7].begin("inside").unwrap());
    let taken = devices[9].unplug(Reason::Orderly).wait(REMOVAL_BUDGET).unwrap();
    assert_eq!(taken, Some(9));
    let batch: Batch<_, _> = unplug_all(&devices, Reason::Pulled);
    assert!(handles.iter().all(|handle| handle.enter().is_err()));
    let begin = Instant::now();
    let ends = batch.wait(Duration::from_millis(50));
    assert!(begin.elapsed() < Duration::from_secs(10));
    for (number, end) in (0..).zip(&ends) {
        match number {
            3 | 5 | 7 => assert_eq!(end.as_ref().unwrap_err().inside(), 1),
            9 => assert_eq!(*end.as_ref().unwrap(), None),
            number => assert_eq!(*end.as_ref().unwrap(), Some(number)),
        }
    }
    drop((slot, counted, operation));
    let rest: Vec<_> =
        ends.into_iter().filter_map(Result::err).map(|busy| busy.wait(REMOVAL_BUDGET).unwrap()).collect();
    assert_eq!(rest, [Some(3), Some(5), Some(7)]);
    let steps = steps.lock().unwrap();
    for number in 0..100 {
        let taken: Vec<_> = steps.iter().filter(|(device, _)| *device == number).map(|(_, step)| *step).collect();
        assert_eq!(taken, Step::ALL[1..7], "device {number}");
    }
}

/// I31: everything that there is to ask, of a device that lives, goes, is gone, and has been replaced.
#[test]
fn a_device_and_its_handles_can_be_asked() {
    let numbers = Numbers::new();
    let number = numbers.claim(7).unwrap();
    let device = Builder::new().number(number).build((), 7);
    let handle = device.open().unwrap();
    let status = handle.status();
    assert_eq!((status.state, status.step, status.gone), (State::Running, Step::Running, None));
    assert_eq!((status.number, status.generation.map(|generation| generation.0)), (Some(7), Some(1)));
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    let status = handle.status();
    assert_eq!((status.state, status.step, status.gone), (State::Gone, Step::Released, device.gone()));
    assert!(!status.lives_elsewhere && numbers.claim(7).is_err(), "the zombie keeps it");
    let again = Builder::new().number(numbers.claim_again(7)).build((), 7);
    assert!(handle.status().lives_elsewhere && !again.status().lives_elsewhere);
    assert_eq!(device.status(), handle.status());
}

/// I14: in a debug build with std waiting inside a gate is caught; not when the guard is off the account, or somebody else's.
#[test]
#[cfg(all(debug_assertions, feature = "std"))]
fn waiting_inside_is_caught() {
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    let waits = || std::panic::catch_unwind(outlive::about_to_wait).is_err();
    assert!(!waits());
    let guard = handle.enter().unwrap();
    assert!(waits(), "by a guard of its own");
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            assert!(!waits(), "somebody else's");
            let nine: Vec<_> = (0..9).map(|_| handle.enter().unwrap()).collect();
            assert!(waits());
            nine.into_iter().next()
        });
        let sent = other.join().unwrap();
        drop(guard);
        assert!(!waits());
        drop(sent);
    });
    let kept = handle.enter().unwrap().into_counted();
    assert!(!waits(), "off the account");
    drop(kept);
    let keys = outlive::Subscribers::<u8>::new();
    let stream = keys.subscribe(&handle, 1);
    let _guard = handle.enter().unwrap();
    let slept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stream.next(Duration::from_secs(1))));
    assert!(slept.is_err(), "what waits in this crate asks by itself");
}
