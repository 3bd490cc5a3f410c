//! Resources got at run time, in both lifetimes.

use crate::*;
use outlive::{Builder, HardwareLife, Managed, SharedLife};

/// What is tied to the hardware's lifetime, as it is registered and as it ends.
#[derive(Clone)]
struct Ties {
    driver: Driver,
    inside: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Ties {
    fn new(driver: &Driver) -> Self {
        let counter = || Arc::new(AtomicUsize::new(0));
        Ties { driver: driver.clone(), inside: counter(), accepted: counter(), ended: counter() }
    }

    /// A release of the driver's: not after the fence has been given to whoever waits, and, unless it is early, not
    /// while somebody is inside.
    fn release(&self, early: bool) -> impl FnOnce() + Send + 'static {
        let ties = self.clone();
        move || {
            assert!(early || ties.inside.load(SeqCst) == 0, "released before the fence");
            ties.driver.call();
            ties.ended.fetch_add(1, SeqCst);
        }
    }

    fn accept(&self, accepted: bool) {
        self.accepted.fetch_add(usize::from(accepted), SeqCst);
    }
}

/// A driver's thread, that gets things and gives some of them back early.
fn get_and_give(list: &Managed<HardwareLife>, ties: &Ties) {
    for _ in 0..2 {
        match pick(5) {
            0 => ties.accept(list.action(ties.release(false)).is_ok()),
            1 => {
                if let Ok(action) = list.action(ties.release(true)) {
                    ties.accept(true);
                    action.run_now();
                }
            }
            2 => {
                let Ok(group) = list.group() else { continue };
                for _ in 0..2 {
                    ties.accept(group.action(ties.release(true)).is_ok());
                }
                group.release();
            }
            3 => {
                // Nobody is told of what is taken back in time.
                if let Ok(action) = list.action(ties.release(false)) {
                    ties.accept(!action.take_back());
                }
            }
            _ => {
                // It is dropped once, by the list or here, where it comes back to.
                ties.accept(true);
                drop(list.add(Tied(ties.clone())));
            }
        }
    }
}

/// A value that is tied to the hardware's lifetime.
struct Tied(Ties);

impl Drop for Tied {
    fn drop(&mut self) {
        thread::yield_now();
        self.0.ended.fetch_add(1, SeqCst);
    }
}

/// I32: whatever is accepted is released once, by the time that the hardware is given back; nothing before the fence
/// unless early; what was there first in reverse order.
pub(crate) fn lists() {
    let (driver, order) = (Driver::default(), Ledger::new());
    let list = Managed::<HardwareLife>::new();
    let shared = Managed::<SharedLife>::new();
    let device = Builder::new().managed(&list).managed_shared(&shared).build((), Chip(driver.clone()));
    let ties = Ties::new(&driver);
    let closed = Arc::new(AtomicBool::new(false));
    let last = closed.clone();
    shared.action(move || last.store(true, SeqCst)).unwrap();
    for number in [1, 2] {
        let order = order.clone();
        list.action(move || order.note(number)).unwrap();
    }
    let handle = device.open().unwrap();
    let (user, book) = (handle.clone(), ties.clone());
    let inside = thread::spawn(move || {
        if let Ok(_guard) = user.enter() {
            book.inside.fetch_add(1, SeqCst);
            thread::yield_now();
            book.driver.check();
            book.inside.fetch_sub(1, SeqCst);
        }
    });
    let (book, early) = (ties.clone(), list.clone());
    let drivers = crew(2, move || get_and_give(&early, &book));
    let device = Arc::new(device);
    let removed = device.clone();
    let rival = thread::spawn(move || removed.unplug(Reason::Orderly).wait(NO_LIMIT).unwrap().is_some());
    let hardware = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap();
    driver.fence();
    assert_eq!(order.all(), [2, 1], "in reverse");
    drop(hardware);
    rival.join().unwrap();
    join(drivers);
    inside.join().unwrap();
    assert_eq!(ties.ended.load(SeqCst), ties.accepted.load(SeqCst), "an action was lost, or run twice");
    assert!(list.is_empty(), "what was accepted too late is lost");
    assert!(list.action(|| ()).is_err(), "accepted too late, and lost");
    drop(device);
    assert!(!closed.load(SeqCst), "the handles' lifetime goes on");
    drop(handle);
    assert!(closed.load(SeqCst), "the handles' lifetime is over");
}

/// A probe whose list is added to by a thread of its own, that it leaves behind when it fails: nothing is lost.
pub(crate) fn probes() {
    let ties = Ties::new(&Driver::default());
    let (fails, book) = (pick(2) == 0, ties.clone());
    let mut threads = Vec::new();
    let made = Builder::new().probe(|probe| {
        let list = probe.hardware().clone();
        threads.push(thread::spawn(move || get_and_give(&list, &book)));
        ties.accept(probe.hardware().action(ties.release(false)).is_ok());
        if fails { Err(()) } else { Ok(((), Chip(ties.driver.clone()))) }
    });
    assert_eq!(made.is_err(), fails);
    if let Ok(device) = made {
        drop(device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap());
    }
    ties.driver.fence();
    join(threads);
    assert_eq!(ties.ended.load(SeqCst), ties.accepted.load(SeqCst), "an action was lost, or run twice");
}
