//! Two lifetimes: the hardware's ends at the fence, what is shared ends with the last handle.
#![cfg(not(loom))]

use outlive::{Builder, Device, REMOVAL_BUDGET, Reason, Step};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Counts its drops.
#[derive(Clone, Default, Debug)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Counted(Drops);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn counted() -> (Drops, Counted) {
    let drops = Drops::default();
    (drops.clone(), Counted(drops))
}

/// I22, I28, I29: the owner drops the hardware, once; no close touches it; what is shared goes with the last handle, once.
#[test]
fn hardware_goes_to_the_owner_and_shared_with_the_last_handle() {
    let (hardware, hardware_value) = counted();
    let (shared, shared_value) = counted();
    let device = Device::new(shared_value, hardware_value);
    let handles: Vec<_> = (0..3).map(|_| device.open().unwrap()).collect();
    let returned = device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap().unwrap();
    assert_eq!(hardware.count(), 0, "given back, not dropped");
    drop(returned);
    drop(device);
    assert_eq!((hardware.count(), shared.count()), (1, 0));
    let years_later = thread::spawn(move || {
        for (left, handle) in handles.into_iter().enumerate() {
            assert_eq!(shared.count(), 0, "at handle {left}");
            drop(handle);
        }
        shared.count()
    });
    assert_eq!(years_later.join().unwrap(), 1);
    assert_eq!(hardware.count(), 1);
}

/// I22: closing handles of a live device touches nothing either.
#[test]
fn closing_touches_no_hardware() {
    let (hardware, value) = counted();
    let device = Device::new((), value);
    drop((device.open().unwrap(), device.open().unwrap()));
    assert_eq!(hardware.count(), 0);
    assert!(device.open().unwrap().enter().is_ok());
    assert!(device.unplug(Reason::Orderly).wait(REMOVAL_BUDGET).unwrap().is_some());
}

/// A device that is dropped without an unplug goes all the same, in the same order, and takes its hardware with it.
#[test]
fn an_abandoned_device_goes_in_order() {
    let (hardware, value) = counted();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = steps.clone();
    let device = Builder::new().observed(move |step| seen.lock().unwrap().push(step)).build((), value);
    let handle = device.open().unwrap();
    drop(device);
    assert_eq!(hardware.count(), 1);
    assert_eq!(handle.enter().unwrap_err().reason, Reason::Abandoned);
    assert_eq!(*steps.lock().unwrap(), Step::ALL[1..7], "all but the last");
    drop(handle);
    assert_eq!(*steps.lock().unwrap(), Step::ALL[1..]);
}

/// I22: with somebody inside, the hardware of an abandoned device goes when the last one leaves, not with a close.
#[test]
fn abandoned_hardware_goes_with_the_last_one_inside() {
    let (hardware, value) = counted();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = steps.clone();
    let device = Builder::new().observed(move |step| seen.lock().unwrap().push(step)).build((), value);
    let handle = device.open().unwrap();
    let (operation, guard) = (handle.begin("inside").unwrap(), handle.enter().unwrap());
    drop(device);
    drop(operation);
    assert_eq!(hardware.count(), 0, "somebody is inside");
    assert_eq!(guard.0.count(), 0, "and still has it");
    assert!(!steps.lock().unwrap().contains(&Step::Drained));
    drop(guard);
    assert_eq!(hardware.count(), 1);
    assert_eq!(steps.lock().unwrap().last(), Some(&Step::Released));
    assert!(handle.enter().is_err());
}

/// An unplug that is under way keeps its claim when the device is dropped; the hardware is not lost.
#[test]
fn an_unplug_outlives_its_device() {
    let device = Device::new((), "hardware");
    let handle = device.open().unwrap();
    let operation = handle.begin("inside").unwrap();
    let unplug = device.unplug(Reason::Pulled);
    drop(device);
    let busy = unplug.wait(Duration::ZERO).unwrap_err();
    drop(operation);
    assert_eq!(busy.wait(REMOVAL_BUDGET).unwrap(), Some("hardware"));
    assert_eq!(handle.gone().unwrap().reason, Reason::Pulled);
}

/// An unplug that nobody waits for leaves the claim to the device, and without a device the hardware is dropped.
#[test]
fn an_unplug_that_nobody_waits_for_loses_nothing() {
    let (hardware, value) = counted();
    let device = Device::new((), value);
    let handle = device.open().unwrap();
    let operation = handle.begin("inside").unwrap();
    drop(device.unplug(Reason::Pulled));
    let busy = device.unplug(Reason::Pulled).wait(Duration::ZERO).unwrap_err();
    drop(device);
    drop(busy);
    assert_eq!(hardware.count(), 0);
    drop(operation);
    assert_eq!(hardware.count(), 1);
    drop(handle);
    assert_eq!(hardware.count(), 1);
}

/// Hardware whose own end panics takes nobody else down: the last one to leave knows nothing of it.
/// (Without std nobody catches a panic.)
#[test]
#[cfg(feature = "std")]
fn abandoned_hardware_may_panic() {
    #[derive(Debug)]
    struct Angry;
    impl Drop for Angry {
        fn drop(&mut self) {
            panic!("hardware that panics");
        }
    }
    let device = Device::new((), Angry);
    let handle = device.open().unwrap();
    let operation = handle.begin("inside").unwrap();
    drop(device);
    drop(operation);
    assert!(handle.enter().is_err());
}

/// A hook that is dropped uncalled may own anything, also what comes back to the device while it goes.
#[test]
fn dropped_hooks_may_use_the_device() {
    struct Asks(Arc<Device<(), ()>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            let _ = (self.0.inside(), self.0.step(), self.0.open());
        }
    }
    let device = Arc::new(Device::new((), ()));
    let handle = device.open().unwrap();
    let operation = handle.begin("with a hook").unwrap();
    let (asks, asks_too) = (Asks(device.clone()), Asks(device.clone()));
    operation.on_cancel(move |_| drop(asks));
    drop(operation);
    drop(handle.on_gone(move |_| drop(asks_too)));
    assert_eq!(Arc::strong_count(&device), 1);
}
