//! Handing an operation to a driver, so that its answer is told outside of the gate.

use outlive::{Cause, Operation, Outcome, Part, Request};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

/// Calls the driver with `operation` as a request. `reply` is called exactly once, on any thread, when nothing of this call
/// is inside the gate any more, so it may take its time and may even unplug the device.
pub fn hand_over<S: Part, H: Part, A: Send + 'static>(
    operation: Operation<S, H>,
    reply: impl FnOnce(Outcome<A>) + Send + 'static,
    driver: impl FnOnce(&H, Request<S, H, A>),
) {
    let handle = operation.handle().uncounted();
    let guard = match handle.enter() {
        Ok(guard) => guard,
        Err(gone) => {
            drop(operation);
            return reply(Outcome::Cancelled(Cause::Gone(gone)));
        }
    };
    let landing = Arc::new(Landing::new());
    let there = landing.clone();
    let request = Request::new(operation, move |end| there.land(Box::new(move || reply(end))));
    // A driver that panics has dropped the request, which answers it; the panic hook has reported the rest.
    let _ = catch_unwind(AssertUnwindSafe(|| driver(&guard, request)));
    drop(guard);
    landing.leave();
}

/// Keeps an answer that comes while the adapter is still on this thread's stack, and with it our guard, until both are
/// off. An answer on another thread does not wait: that thread holds nothing of ours.
struct Landing {
    caller: ThreadId,
    slot: Mutex<Slot>,
}

enum Slot {
    Inside,
    Landed(Box<dyn FnOnce() + Send>),
    Outside,
}

impl Landing {
    fn new() -> Self {
        Landing { caller: thread::current().id(), slot: Mutex::new(Slot::Inside) }
    }

    fn land(&self, finish: Box<dyn FnOnce() + Send>) {
        if thread::current().id() == self.caller {
            let mut slot = lock(&self.slot);
            if matches!(*slot, Slot::Inside) {
                *slot = Slot::Landed(finish);
                return;
            }
        }
        finish();
    }

    fn leave(&self) {
        let slot = std::mem::replace(&mut *lock(&self.slot), Slot::Outside);
        if let Slot::Landed(finish) = slot {
            finish();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
