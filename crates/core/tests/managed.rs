//! What is tied to a lifetime is released when it ends: all of it, in reverse order, once.
#![cfg(not(loom))]

use outlive::{Builder, HardwareLife, LifeOver, Managed, REMOVAL_BUDGET, Reason, SharedLife};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn says(&self, word: &str) -> impl FnOnce() + Send + 'static {
        let (log, word) = (self.clone(), word.to_owned());
        move || log.write(&word)
    }

    fn write(&self, word: &str) {
        self.0.lock().unwrap().push(word.to_owned());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Says so when it is dropped.
struct Resource(&'static str, Log);

impl Drop for Resource {
    fn drop(&mut self) {
        self.1.write(self.0);
    }
}

/// I10, I29, I32: each lifetime at its place among the steps.
#[test]
fn each_lifetime_ends_at_its_step() {
    let log = Log::default();
    let (hardware, shared) = (Managed::<HardwareLife>::new(), Managed::<SharedLife>::new());
    let steps = log.clone();
    let device = Builder::new()
        .observed(move |step| steps.write(&format!("{step:?}")))
        .teardown({
            let log = log.clone();
            move |_| log.write("last word")
        })
        .managed(&hardware)
        .managed_shared(&shared)
        .build((), ());
    for word in ["first", "second"] {
        shared.action(log.says(&format!("shared {word}"))).unwrap();
        hardware.action(log.says(&format!("hardware {word}"))).unwrap();
    }
    let handle = device.open().unwrap();
    let guard = handle.enter().unwrap();
    let busy = device.unplug(Reason::Orderly).wait(Duration::ZERO).unwrap_err();
    assert_eq!(log.take(), ["Marked", "NamesGone", "Woken"], "nothing is released before the fence");
    drop(guard);
    busy.wait(REMOVAL_BUDGET).unwrap();
    assert_eq!(log.take(), ["Drained", "last word", "TornDown", "hardware second", "hardware first", "Released"]);
    drop(device);
    assert!(log.take().is_empty(), "a zombie keeps what is shared");
    drop(handle);
    assert_eq!(log.take(), ["shared second", "shared first", "Freed"]);
}

/// Ends a lifetime, as only a device does.
fn end(list: &Managed<HardwareLife>) {
    let device = Builder::new().managed(list).build((), ());
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
}

/// A group can be released early; it changes nothing about the order of what is left, or of the whole.
#[test]
fn groups_are_released_early_or_in_order() {
    for early in [true, false] {
        let log = Log::default();
        let list = Managed::<HardwareLife>::new();
        list.action(log.says("before")).unwrap();
        let group = list.group().unwrap();
        group.action(log.says("in the group")).unwrap();
        list.action(log.says("between")).unwrap();
        let nested = group.group().unwrap();
        nested.action(log.says("nested")).unwrap();
        group.action(log.says("last of the group")).unwrap();
        if early {
            group.release();
            assert_eq!(log.take(), ["last of the group", "nested", "in the group"]);
            assert!(nested.action(|| unreachable!()).is_err() && nested.group().is_err(), "over");
        }
        end(&list);
        let rest: &[&str] = if early {
            &["between", "before"]
        } else {
            &["last of the group", "nested", "between", "in the group", "before"]
        };
        assert_eq!(log.take(), rest);
    }
}

/// A nested group goes by itself.
#[test]
fn a_nested_group_goes_alone() {
    let log = Log::default();
    let list = Managed::<SharedLife>::new();
    let group = list.group().unwrap();
    let nested = group.group().unwrap();
    group.action(log.says("outer")).unwrap();
    nested.action(log.says("inner")).unwrap();
    nested.release();
    assert_eq!(log.take(), ["inner"]);
    assert!(group.action(log.says("still open")).is_ok());
    drop((list, group));
    assert_eq!(log.take(), ["still open", "outer"], "a list without a device ends with its last clone");
}

#[test]
fn one_can_be_taken_back_or_run_early() {
    let log = Log::default();
    let list = Managed::<HardwareLife>::new();
    let back = list.add(Resource("taken back", log.clone())).unwrap();
    let stays = list.add(Resource("stays", log.clone())).unwrap();
    let now = list.action(log.says("now")).unwrap();
    let never = list.action(log.says("never")).unwrap();
    let late = list.action(log.says("late")).unwrap();
    assert_eq!(list.len(), 5);
    assert!(now.run_now() && never.take_back());
    assert_eq!(log.take(), ["now"]);
    assert_eq!(back.with(|resource| resource.0), Some("taken back"));
    let resource = back.take_back().unwrap();
    end(&list);
    assert_eq!(log.take(), ["late", "stays"]);
    assert!(stays.with(|_| ()).is_none() && stays.take_back().is_none() && !late.run_now() && list.is_empty());
    drop(resource);
    assert_eq!(log.take(), ["taken back"]);
}

#[test]
fn what_comes_too_late_comes_back() {
    let list = Managed::<HardwareLife>::new();
    end(&list);
    assert!(matches!(list.add(7), Err(LifeOver(7))));
    assert!(list.action(|| unreachable!()).is_err());
}

/// An action may do what it likes with its own list; and one that panics keeps none from running.
/// (Without std nobody catches a panic.)
#[test]
#[cfg(feature = "std")]
fn actions_may_use_the_list_and_panic() {
    let log = Log::default();
    let list = Managed::<HardwareLife>::new();
    list.action(log.says("first")).unwrap();
    let (inner, late) = (list.clone(), log.clone());
    list.action(move || {
        assert!(inner.action(late.says("too late")).is_err() && inner.group().is_err());
        late.write("reentrant");
    })
    .unwrap();
    list.action(|| panic!("an action that panics")).unwrap();
    list.action(log.says("last")).unwrap();
    end(&list);
    assert_eq!(log.take(), ["last", "reentrant", "first"]);
}

/// A probe that fails half-way leaves nothing, in reverse order; one that works hands it all to the device.
#[test]
fn a_probe_that_fails_unwinds() {
    let probe = |log: &Log, end: &'static str| {
        let log = log.clone();
        Builder::new().probe(move |probe| {
            probe.shared().add(Resource("number", log.clone())).unwrap();
            probe.hardware().add(Resource("clock", log.clone())).unwrap();
            probe.hardware().action(log.says("interrupt")).unwrap();
            match end {
                "works" => Ok(("shared", 7)),
                "panics" => panic!("a probe that panics"),
                _ => Err(end),
            }
        })
    };
    let log = Log::default();
    assert_eq!(probe(&log, "no answer").unwrap_err(), "no answer");
    assert_eq!(log.take(), ["interrupt", "clock", "number"]);
    assert!(catch_unwind(AssertUnwindSafe(|| probe(&log, "panics"))).is_err());
    assert_eq!(log.take(), ["interrupt", "clock", "number"]);
    let device = probe(&log, "works").unwrap();
    assert_eq!(device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap(), Some(7));
    assert_eq!(log.take(), ["interrupt", "clock"]);
    drop(device);
    assert_eq!(log.take(), ["number"]);
}

/// An abandoned device releases all the same.
#[test]
fn an_abandoned_device_releases() {
    let log = Log::default();
    let list = Managed::<HardwareLife>::new();
    list.action(log.says("released")).unwrap();
    let device = Builder::new().managed(&list).build((), ());
    let handle = device.open().unwrap();
    let guard = handle.enter().unwrap();
    drop(device);
    assert!(log.take().is_empty());
    drop(guard);
    assert_eq!(log.take(), ["released"]);
}
