//! A tree of devices: children go before their parent, and nobody holds a reset hostage.
#![cfg(not(loom))]

use outlive::{Builder, Device, Handle, Noticer, Place, REMOVAL_BUDGET, Reason, Step, Tree, TreeError};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

type Log = Arc<Mutex<Vec<(String, Step)>>>;
type Part = Device<String, u32>;

fn device(log: &Log, name: &str, hardware: u32) -> Part {
    let (log, who) = (log.clone(), name.to_owned());
    Builder::new().observed(move |step| log.lock().unwrap().push((who.clone(), step))).build(name.to_owned(), hardware)
}

/// A hub, two ports, and a disk on the first.
fn hub(log: &Log) -> (Tree, [Place; 4]) {
    let tree = Tree::new();
    let hub = tree.plant("hub", device(log, "hub", 0));
    let add = |parent, name: &'static str, hardware| {
        let log = log.clone();
        tree.add(parent, name, move || Ok(device(&log, name, hardware))).unwrap()
    };
    let first = add(hub, "first", 1);
    let second = add(hub, "second", 2);
    let disk = add(first, "disk", 3);
    (tree, [hub, first, second, disk])
}

fn handle(tree: &Tree, place: Place) -> Handle<String, u32> {
    tree.device::<String, u32>(place).unwrap().open().unwrap()
}

fn order(log: &Log, step: Step) -> Vec<String> {
    log.lock().unwrap().iter().filter(|(_, taken)| *taken == step).map(|(name, _)| name.clone()).collect()
}

/// I10: the deepest first, in marks and in fences; and the hardware comes back.
#[test]
fn children_go_before_their_parent() {
    let log = Log::default();
    let (tree, [hub, first, second, disk]) = hub(&log);
    assert_eq!((tree.children(hub), tree.children(first)), (vec![first, second], vec![disk]));
    let handles = [hub, first, second, disk].map(|place| handle(&tree, place));
    let removal = tree.unplug(hub, Reason::Orderly, REMOVAL_BUDGET).unwrap();
    assert!(removal.stuck.is_empty());
    for step in [Step::Marked, Step::Drained] {
        let order = order(&log, step);
        let at = |name: &str| order.iter().position(|other| other == name).unwrap();
        assert!(at("disk") < at("first") && at("first") < at("hub") && at("second") < at("hub"), "{step:?}: {order:?}");
    }
    let mut hardware: Vec<_> =
        removal.hardware.into_iter().map(|(_, hardware)| *hardware.downcast::<u32>().unwrap()).collect();
    hardware.sort_unstable();
    assert_eq!(hardware, [0, 1, 2, 3]);
    assert!(handles.iter().all(|handle| handle.gone().is_some_and(|gone| gone.reason == Reason::Orderly)));
    assert!(matches!(tree.unplug(hub, Reason::Pulled, REMOVAL_BUDGET), Err(TreeError::Gone)));
    assert!(tree.device::<String, u32>(disk).is_none() && tree.generation(disk).is_none());
}

/// A branch goes, the rest stays.
#[test]
fn a_branch_goes_alone() {
    let log = Log::default();
    let (tree, [hub, first, second, disk]) = hub(&log);
    tree.unplug(first, Reason::Pulled, REMOVAL_BUDGET).unwrap();
    assert_eq!(tree.children(hub), [second]);
    assert!(tree.device::<String, u32>(disk).is_none());
    assert!(handle(&tree, hub).enter().is_ok() && handle(&tree, second).enter().is_ok());
    assert!(matches!(tree.add(first, "late", || Ok(Device::new((), ()))), Err(TreeError::Gone)));
    assert!(tree.device::<(), ()>(hub).is_none(), "of another type");
}

/// I26: a reset pulls what hangs on a device and makes it anew, as new generations; the device itself stays.
#[test]
fn a_reset_makes_new_generations() {
    let log = Log::default();
    let (tree, [hub, first, second, disk]) = hub(&log);
    let old = [hub, first, second, disk].map(|place| handle(&tree, place));
    let was_reset = AtomicBool::new(false);
    let reset = tree
        .reset(hub, REMOVAL_BUDGET, || {
            assert!(old[1..].iter().all(|handle| handle.gone().is_some()), "pulled before the reset");
            assert!(tree.device::<String, u32>(first).is_none(), "and not made anew yet");
            assert!(matches!(tree.add(hub, "now", || Ok(Device::new((), ()))), Err(TreeError::Resetting)));
            assert!(matches!(tree.reset(hub, REMOVAL_BUDGET, || ()), Err(TreeError::Resetting)));
            was_reset.store(true, Ordering::Relaxed);
        })
        .unwrap();
    assert!(was_reset.into_inner() && reset.stuck.is_empty() && reset.failed.is_empty());
    assert!(old[0].gone().is_none() && tree.generation(hub).unwrap().0 == 1);
    for (place, old) in [first, second, disk].into_iter().zip(&old[1..]) {
        assert_eq!(tree.generation(place).unwrap().0, 2);
        assert_eq!(old.gone().unwrap().reason, Reason::Reset);
        assert!(handle(&tree, place).enter().is_ok(), "the next generation lives");
    }
    assert_eq!(tree.children(first), [disk]);
}

/// A child that somebody is inside of delays a reset by its limit and no more, is named, and can be waited for.
#[test]
fn a_stuck_child_holds_no_reset_hostage() {
    let log = Log::default();
    let (tree, [hub, first, _, disk]) = hub(&log);
    let stuck = handle(&tree, disk);
    let operation = stuck.begin("a long one").unwrap();
    let begin = Instant::now();
    let mut reset = tree.reset(hub, Duration::from_millis(20), || ()).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10));
    let left = reset.stuck.pop().unwrap();
    assert!(left.place == disk && left.name == "disk" && left.culprits.contains("a long one"), "{left:?}");
    assert!(reset.stuck.is_empty());
    assert!(
        handle(&tree, disk).enter().is_ok() && handle(&tree, first).enter().is_ok(),
        "the next generation is there"
    );
    let left = left.wait(Duration::ZERO).unwrap_err();
    drop(operation);
    assert_eq!(left.wait(REMOVAL_BUDGET).unwrap().unwrap().downcast_ref(), Some(&3_u32));
}

/// A maker that fails leaves its place empty until the next reset, with what hangs on it.
#[test]
fn a_maker_may_fail() {
    let tree = Tree::new();
    let hub = tree.plant("hub", Device::new((), ()));
    let calls = Arc::new(AtomicU32::new(0));
    let count = calls.clone();
    let port = tree
        .add(hub, "port", move || match count.fetch_add(1, Ordering::Relaxed) {
            1 => Err("no answer".into()),
            call => Ok(Device::new((), call)),
        })
        .unwrap();
    let disk = tree.add(port, "disk", || Ok(Device::new((), ()))).unwrap();
    let failed = tree.reset(hub, REMOVAL_BUDGET, || ()).unwrap().failed;
    assert!(matches!(&failed[..], [(place, name, _)] if *place == port && name == "port"), "{failed:?}");
    assert!(tree.device::<(), u32>(port).is_none() && tree.device::<(), ()>(disk).is_none());
    assert!(tree.reset(hub, REMOVAL_BUDGET, || ()).unwrap().failed.is_empty());
    assert_eq!(tree.device::<(), u32>(port).unwrap().open().unwrap().enter().map(|call| *call), Ok(2));
    assert!(tree.device::<(), ()>(disk).is_some());
    assert!(matches!(tree.add(hub, "bad", || Err::<Device<(), ()>, _>("bad".into())), Err(TreeError::Maker(_))));
    assert_eq!(tree.children(hub), [port]);
}

/// I34: a device that notices by itself takes along what hangs on it, and no more; also in the next generation.
#[test]
fn what_hangs_on_a_device_goes_with_it() {
    for resets in 0..2 {
        let tree = Tree::new();
        let root = tree.plant("root", Device::new((), ()));
        let noticer = Arc::new(Mutex::new(Noticer::new()));
        let latest = noticer.clone();
        let hub = tree
            .add(root, "hub", move || {
                let noticer = Noticer::new();
                *latest.lock().unwrap() = noticer.clone();
                let device = Device::new((), ());
                device.noticed_by(&noticer);
                Ok(device)
            })
            .unwrap();
        let port = tree.add(hub, "port", || Ok(Device::new((), ()))).unwrap();
        for _ in 0..resets {
            tree.reset(root, REMOVAL_BUDGET, || ()).unwrap();
        }
        let handle = tree.device::<(), ()>(port).unwrap().open().unwrap();
        let noticer = noticer.lock().unwrap().clone();
        noticer.gone(Reason::Pulled);
        assert_eq!(handle.gone().unwrap().reason, Reason::Pulled, "after {resets} resets");
        assert!(tree.device::<(), ()>(root).unwrap().gone().is_none());
        assert!(matches!(tree.add(hub, "late", || Ok(Device::new((), ()))), Err(TreeError::Gone)));
        let removal = tree.unplug(hub, Reason::Orderly, REMOVAL_BUDGET).unwrap();
        assert_eq!(removal.hardware.len(), 2, "its owner finds the hardware when it unplugs them");
    }
}

/// Children are added, and devices reset, while the root goes: in the end nothing lives.
#[test]
fn nothing_outlives_the_root() {
    for _ in 0..50 {
        let tree = Tree::new();
        let root = tree.plant("root", Device::new((), ()));
        let made = Arc::new(Mutex::new(Vec::new()));
        let keep = |device: Device<(), ()>| {
            made.lock().unwrap().push(device.open().unwrap());
            device
        };
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let made = made.clone();
                        let maker = move || {
                            let device = Device::new((), ());
                            made.lock().unwrap().push(device.open().unwrap());
                            Ok(device)
                        };
                        if tree.add(root, "child", maker).is_err_and(|error| matches!(error, TreeError::Gone)) {
                            break;
                        }
                    }
                });
            }
            scope.spawn(|| while tree.reset(root, REMOVAL_BUDGET, || ()).is_ok() {});
            scope.spawn(|| {
                thread::sleep(Duration::from_micros(200));
                tree.unplug(root, Reason::Pulled, REMOVAL_BUDGET).unwrap();
            });
        });
        drop(keep(Device::new((), ())));
        assert!(made.lock().unwrap().iter().all(|handle| handle.gone().is_some()));
        assert!(tree.children(root).is_empty());
    }
}
