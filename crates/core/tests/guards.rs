//! Bare guards: nested, kept, forgotten, sent away, and named when they keep an unplug waiting.
#![cfg(not(loom))]

use outlive::{Busy, Device, Guard, Handle, REMOVAL_BUDGET, Reason};
use std::{
    sync::{Barrier, mpsc},
    thread,
    time::Duration,
};

const SHORT: Duration = Duration::from_millis(50);

fn plug() -> (Device<(), u32>, Handle<(), u32>) {
    let device = Device::new((), 7);
    let handle = device.open().unwrap();
    (device, handle)
}

/// Unplugs while somebody is inside.
fn busy(device: &Device<(), u32>) -> Busy<(), u32> {
    device.unplug(Reason::Pulled).wait(SHORT).unwrap_err()
}

/// How many of so many bare guards have a thread that is known: without std every guard is counted.
fn known(guards: usize) -> usize {
    if cfg!(feature = "std") { guards } else { 0 }
}

/// As many as fit slots, and more: each holds the fence up by itself, whatever the order in which they go.
#[test]
fn each_of_many_nested_guards_holds_the_fence_up() {
    let (device, handle) = plug();
    let mut guards: Vec<_> = (0..20).map(|_| handle.enter().unwrap()).collect();
    let mut busy = busy(&device);
    assert!(handle.enter().is_err(), "nested after the mark");
    while guards.len() > 1 {
        guards.swap_remove(guards.len() / 2);
        assert_eq!(busy.inside(), guards.len());
        busy = busy.wait(Duration::ZERO).unwrap_err();
    }
    guards.clear();
    assert_eq!(busy.wait(REMOVAL_BUDGET).unwrap(), Some(7));
}

/// I4: guards of other devices on the same thread, in the same cache line, are not waited for.
#[test]
fn guards_of_one_thread_belong_to_their_devices() {
    let devices: Vec<_> = (0..10).map(|_| plug()).collect();
    let mut guards: Vec<Option<Guard<'_, u32>>> =
        devices.iter().map(|(_, handle)| Some(handle.enter().unwrap())).collect();
    for index in [3, 9, 0, 7, 1, 8, 2] {
        guards[index] = None;
        assert_eq!(devices[index].0.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap(), Some(7));
        assert!(guards.iter().flatten().all(|guard| **guard == 7));
    }
}

/// I6: the thread of a bare guard is named, and whether it is one's own.
/// (Without std the threads of guards are not known.)
#[test]
#[cfg(feature = "std")]
fn busy_names_the_thread_of_a_bare_guard() {
    let (device, handle) = plug();
    let own = handle.enter().unwrap();
    let (thread, (elsewhere, done)) = (mpsc::channel(), mpsc::channel::<()>());
    thread::scope(|scope| {
        let handle = &handle;
        scope.spawn(move || {
            let _guard = handle.enter().unwrap();
            thread.0.send(()).unwrap();
            done.recv().unwrap();
        });
        thread.1.recv().unwrap();
        let busy = busy(&device);
        let mut guards = busy.guards();
        guards.sort_by_key(|guard| !guard.own_thread);
        assert_eq!(guards.iter().map(|guard| guard.own_thread).collect::<Vec<_>>(), [true, false]);
        assert_ne!(guards[0].thread, guards[1].thread);
        let task = |thread: u32| std::path::Path::new("/proc/self/task").join(thread.to_string()).exists();
        assert!(!cfg!(target_os = "linux") || guards.iter().all(|guard| task(guard.thread)));
        let words = busy.to_string();
        assert!(words.contains(&format!("entered by thread {}", guards[1].thread)), "{words}");
        assert!(words.contains("the very thread that waits for it"), "{words}");
        elsewhere.send(()).unwrap();
        drop(own);
        busy.wait(REMOVAL_BUDGET).unwrap();
    });
}

/// A guard that outlives the thread that took it still names that one, also when other threads have come.
#[test]
fn a_guard_outlives_its_thread() {
    let (device, handle) = plug();
    let guards: Vec<_> = thread::scope(|scope| {
        let enter = || handle.enter().unwrap();
        (0..40).map(|_| scope.spawn(enter).join().unwrap()).collect()
    });
    let (other, others) = plug();
    thread::scope(|scope| {
        (0..40).for_each(|_| drop(scope.spawn(|| drop(others.enter().unwrap()))));
    });
    other.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    let busy = busy(&device);
    assert_eq!(busy.inside(), 40);
    assert!(busy.guards().iter().all(|guard| !guard.own_thread));
    thread::scope(|scope| {
        scope.spawn(move || drop(guards));
        assert_eq!(busy.wait(REMOVAL_BUDGET).unwrap(), Some(7));
    });
}

/// A counted guard is a guard: it holds the fence up wherever it goes, and leaves its slot to the next.
#[test]
fn counted_guards_hold_the_fence_up() {
    let (device, handle) = plug();
    let guards: Vec<_> = (0..20).map(|_| handle.enter().unwrap().into_counted()).collect();
    let bare = handle.enter().unwrap();
    let busy = busy(&device);
    assert_eq!((busy.inside(), busy.guards().len()), (21, known(1)));
    drop(bare);
    let busy = busy.wait(Duration::ZERO).unwrap_err();
    assert!(guards.iter().all(|guard| **guard == 7));
    let late = guards.into_iter().map(|guard| guard.into_counted());
    thread::scope(|scope| {
        let late: Vec<_> = late.collect();
        scope.spawn(move || drop(late));
        assert_eq!(busy.wait(REMOVAL_BUDGET).unwrap(), Some(7));
    });
}

/// A forgotten guard keeps its own device from going, and no other: also none that comes to lie at the same address.
#[test]
fn a_forgotten_guard_is_its_own_device_s_problem() {
    for _ in 0..1000 {
        let (device, handle) = plug();
        std::mem::forget(handle.enter().unwrap());
        assert!(device.unplug(Reason::Pulled).wait(Duration::ZERO).is_err());
        drop((device, handle));
        let (next, handle) = plug();
        drop(handle.enter().unwrap());
        assert_eq!(next.unplug(Reason::Pulled).wait(Duration::ZERO).unwrap(), Some(7));
    }
}

/// A guard taken while the thread's own variables are being destroyed is as good as any.
#[test]
fn a_thread_that_ends_can_enter() {
    struct AtTheEnd(Handle<(), u32>, mpsc::Sender<bool>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            let guards: Vec<_> = (0..9).map(|_| self.0.enter()).collect();
            self.1.send(guards.iter().all(|guard| guard.as_ref().is_ok_and(|guard| **guard == 7))).unwrap();
        }
    }
    thread_local! {
        static AT_THE_END: std::cell::RefCell<Option<AtTheEnd>> = const { std::cell::RefCell::new(None) };
    }
    let (device, handle) = plug();
    let (tell, told) = mpsc::channel();
    for early in [true, false] {
        let (handle, tell) = (handle.clone(), tell.clone());
        let thread = thread::spawn(move || {
            // Destructors run in the order in which they were registered, or the reverse: both are tried.
            if early {
                drop(handle.enter().unwrap());
            }
            let other = handle.clone();
            AT_THE_END.with_borrow_mut(|place| *place = Some(AtTheEnd(handle, tell)));
            drop(other.enter().unwrap());
        });
        thread.join().unwrap();
        assert!(told.recv().unwrap());
    }
    assert_eq!(device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap(), Some(7));
}

/// More threads at a time than one block has lines.
#[test]
fn many_threads_are_inside_at_once() {
    let (device, handle) = plug();
    let all_in = Barrier::new(101);
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let guard = handle.enter().unwrap();
                all_in.wait();
                all_in.wait();
                assert_eq!(*guard, 7);
            });
        }
        all_in.wait();
        let busy = busy(&device);
        assert_eq!((busy.inside(), busy.guards().len()), (100, known(100)));
        all_in.wait();
        assert_eq!(busy.wait(REMOVAL_BUDGET * 10).unwrap(), Some(7));
    });
}
