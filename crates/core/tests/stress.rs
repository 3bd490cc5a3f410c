//! The fence on real processors: threads use, move and leave while devices come and go, and hardware that has been taken
//! out must never be seen in use (I7, I8, I9).
#![cfg(not(loom))]

use outlive::{Device, Handle, REMOVAL_BUDGET, Reason};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Hardware that notices when it is used after it was taken out. Relaxed accesses: the gate must do the ordering.
#[derive(Clone, Default)]
struct Canary {
    out: Arc<AtomicBool>,
    seen_in_use: Arc<AtomicU64>,
}

impl Canary {
    fn use_it(&self) {
        for _ in 0..3 {
            if self.out.load(Ordering::Relaxed) {
                self.seen_in_use.fetch_add(1, Ordering::Relaxed);
            }
            std::hint::spin_loop();
        }
        // Sometimes the thread is preempted here, with the hardware in use.
    }

    fn take_out(self) {
        self.out.store(true, Ordering::Relaxed);
    }
}

/// A way to the hardware that ends: the real gate, or a broken one that the canary must find.
trait Port: Sync {
    /// Uses the hardware if it is there.
    fn use_hardware(&self, round: u64) -> bool;
    /// Takes it out.
    fn remove(&self);
}

struct Real {
    device: Device<(), Canary>,
    handle: Handle<(), Canary>,
}

impl Port for Real {
    fn use_hardware(&self, round: u64) -> bool {
        match round % 64 {
            // A guard that is moved to another thread and left there.
            0 => thread::scope(|scope| match self.handle.enter() {
                Ok(guard) => scope.spawn(move || guard.use_it()).join().is_ok(),
                Err(_) => false,
            }),
            // Nested, and held across a switch of threads.
            1 => match (self.handle.begin("recorded"), self.handle.enter()) {
                (Ok(_operation), Ok(guard)) => {
                    guard.use_it();
                    thread::yield_now();
                    guard.use_it();
                    true
                }
                _ => false,
            },
            _ => self.handle.enter().map(|guard| guard.use_it()).is_ok(),
        }
    }

    fn remove(&self) {
        let canary = self.device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET * 20).unwrap();
        canary.unwrap().take_out();
        assert!(self.handle.enter().is_err() && self.device.inside().is_empty());
    }
}

/// Liveness is checked, then used.
struct CheckedThenUsed {
    canary: Canary,
    alive: AtomicBool,
}

impl Port for CheckedThenUsed {
    fn use_hardware(&self, _round: u64) -> bool {
        let alive = self.alive.load(Ordering::SeqCst);
        if alive {
            self.canary.use_it();
        }
        alive
    }

    fn remove(&self) {
        self.alive.store(false, Ordering::SeqCst);
        self.canary.clone().take_out();
    }
}

/// Waits for those inside, but counts them after the check.
struct CountedTooLate {
    canary: Canary,
    alive: AtomicBool,
    inside: AtomicU64,
}

impl Port for CountedTooLate {
    fn use_hardware(&self, round: u64) -> bool {
        if !self.alive.load(Ordering::SeqCst) {
            return false;
        }
        if round.is_multiple_of(8) {
            thread::yield_now();
        }
        self.inside.fetch_add(1, Ordering::SeqCst);
        self.canary.use_it();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        true
    }

    fn remove(&self) {
        self.alive.store(false, Ordering::SeqCst);
        while self.inside.load(Ordering::SeqCst) != 0 {
            thread::yield_now();
        }
        self.canary.clone().take_out();
    }
}

struct Counts {
    uses: u64,
    removals: u64,
    seen: u64,
}

/// Plugs, uses and removes until `limit` has passed, or the canary has seen something.
fn stress<P: Port>(limit: Duration, plug: impl Fn(Canary) -> P) -> Counts {
    let start = Instant::now();
    let seen_in_use = Arc::new(AtomicU64::new(0));
    let (mut removals, uses) = (0, AtomicU64::new(0));
    while start.elapsed() < limit && seen_in_use.load(Ordering::Relaxed) == 0 {
        let port = plug(Canary { out: Arc::default(), seen_in_use: seen_in_use.clone() });
        thread::scope(|scope| {
            for thread in 0..4 {
                let (port, uses) = (&port, &uses);
                scope.spawn(move || {
                    let mut round = thread;
                    while port.use_hardware(round) {
                        round += 1;
                    }
                    uses.fetch_add(round, Ordering::Relaxed);
                });
            }
            thread::sleep(Duration::from_micros(300 * (removals % 5)));
            port.remove();
        });
        removals += 1;
    }
    Counts { uses: uses.into_inner(), removals, seen: seen_in_use.load(Ordering::Relaxed) }
}

#[test]
fn hardware_that_was_taken_out_is_never_used() {
    let counts = stress(Duration::from_secs(3), |canary| {
        let device = Device::new((), canary);
        let handle = device.open().unwrap();
        Real { device, handle }
    });
    println!("{} uses under {} removals", counts.uses, counts.removals);
    assert_eq!(counts.seen, 0, "used after the fence");
    assert!(counts.removals > 10 && counts.uses > 1000);
}

#[test]
fn the_canary_sees_a_use_after_a_check() {
    let plug = |canary| CheckedThenUsed { canary, alive: AtomicBool::new(true) };
    assert!(stress(Duration::from_secs(60), plug).seen > 0);
}

#[test]
fn the_canary_sees_a_count_that_comes_too_late() {
    let plug = |canary| CountedTooLate { canary, alive: AtomicBool::new(true), inside: AtomicU64::new(0) };
    assert!(stress(Duration::from_secs(60), plug).seen > 0);
}

/// I7: operations that wander between threads while the device goes.
#[test]
fn wandering_operations_hold_the_fence_up() {
    for _ in 0..300 {
        let device = Device::new((), Canary::default());
        let handle = device.open().unwrap();
        let (send, wander) = mpsc::channel();
        let wander = Mutex::new(wander);
        let left = AtomicU64::new(0);
        let entered = thread::scope(|scope| {
            for _ in 0..2 {
                let (wander, left) = (&wander, &left);
                scope.spawn(move || {
                    while let Ok(operation) = { wander.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
                        left.fetch_add(1, Ordering::Relaxed);
                        drop::<outlive::Operation<(), Canary>>(operation);
                    }
                });
            }
            let starter = scope.spawn(move || {
                let mut entered = 0;
                while let Ok(operation) = handle.begin("wandering") {
                    entered += 1;
                    send.send(operation).unwrap();
                }
                entered
            });
            thread::yield_now();
            device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET * 20).unwrap().unwrap().take_out();
            let at_the_fence = left.load(Ordering::Relaxed);
            let entered: u64 = starter.join().unwrap();
            assert_eq!(at_the_fence, entered, "the fence came before somebody had left");
            entered
        });
        assert_eq!(left.into_inner(), entered);
    }
}
