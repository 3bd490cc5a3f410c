//! A process that has a device by fork(2) has a copy of it, and of those inside, but not the threads that would leave.
#![cfg(all(target_os = "linux", feature = "std", not(loom)))]
#![expect(unsafe_code, reason = "fork(2) has no safe wrapper: this test's own threads are few, and known")]

use outlive::{Builder, Device, Reason, State, Step, Users};
use std::{
    process::exit,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes, and short enough for a test.
const LONG: Duration = Duration::from_secs(20);

/// Runs `child` in a forked process, which fails if it says so or hangs.
fn in_a_child(child: impl FnOnce() -> bool) {
    assert_eq!(status_of_a_child(child), 0, "the child failed (256) or hung (14)");
}

fn status_of_a_child(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the other threads of this process hold no lock that the child takes: they wait in channels.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: ends a child that hangs.
            unsafe { libc::alarm(5) };
            exit(i32::from(!child()));
        }
        pid => {
            let mut status = 0;
            // SAFETY: waits for our own child, into a place of ours.
            assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
            status
        }
    }
}

/// One test, since a second would have threads of its own at the time of the fork.
#[test]
fn a_forked_child_neither_hangs_nor_unplugs() {
    let mut owner = Some(Device::new((), "hardware"));
    let handle = owner.as_ref().unwrap().open().unwrap();
    let inside = handle.clone();
    let (leave, left) = mpsc::channel::<()>();
    let (entered, is_in) = mpsc::channel();
    let reader = thread::spawn(move || {
        let guard = inside.enter().unwrap();
        let operation = inside.begin("elsewhere").unwrap();
        entered.send(()).unwrap();
        let _ = left.recv_timeout(LONG);
        drop((guard, operation));
    });
    is_in.recv().unwrap();
    in_a_child(|| {
        let device = owner.take().unwrap();
        let start = Instant::now();
        let busy = device.unplug(Reason::Pulled).wait(Duration::MAX).unwrap_err();
        let says_so = busy.to_string().contains("forked") && busy.culprits().is_empty() && busy.step() == Step::Running;
        // The copy works on, and a device of the child's own is like any other.
        let works = handle.enter().is_ok_and(|guard| *guard == "hardware");
        let own = Device::new((), 7);
        let zombie = own.open().unwrap();
        let removed = own.unplug(Reason::Pulled).wait(LONG).is_ok_and(|hardware| hardware == Some(7));
        drop((busy, device));
        says_so && works && removed && zombie.enter().is_err() && start.elapsed() < LONG / 4
    });
    assert_eq!(handle.gone(), None, "the parent's device is as it was");
    leave.send(()).unwrap();
    reader.join().unwrap();
    closing_takes_no_lock();
}

/// I22: a handle is closed in a child whatever other threads of the parent held at the time of the fork.
fn closing_takes_no_lock() {
    struct Told;
    impl Users<()> for Told {}
    for device in [Device::new((), ()), Builder::new().users(Told).build((), ())] {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    drop(device.open());
                    let _ = device.set_state(State::Running);
                }
            });
            let close = |_| {
                let mut handle = device.open().ok();
                status_of_a_child(|| {
                    drop(handle.take());
                    true
                })
            };
            let failed = (0..50).map(close).find(|status| *status != 0);
            over.store(true, Ordering::Relaxed);
            assert_eq!(failed, None, "a child hung (14) as it closed a handle");
        });
    }
}
