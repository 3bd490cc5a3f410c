//! Calls out of this crate: into a driver's, a front's or an owner's code.
//!
//! None is made with a lock of this crate held, so a hook may call whatever it likes. One that panics keeps neither the
//! others from running nor the device from going: the panic hook has reported it, and there is nobody here to give it
//! to. (Without std nobody can catch a panic: it goes on to the program's own handler.)

use alloc::{boxed::Box, vec::Vec};
use core::task::Waker;

pub(crate) type Hook<A> = Box<dyn FnOnce(A) + Send>;

/// Calls out.
pub(crate) fn run(call: impl FnOnce()) {
    // A panic in a model is a bug that it has found, and must get out.
    #[cfg(any(not(feature = "std"), loom, shuttle))]
    call();
    #[cfg(all(feature = "std", not(any(loom, shuttle))))]
    let _ = std::panic::catch_unwind(core::panic::AssertUnwindSafe(call));
}

/// Runs hooks in their order.
pub(crate) fn run_all<A: Copy>(hooks: impl IntoIterator<Item = Hook<A>>, argument: A) {
    for hook in hooks {
        run(|| hook(argument));
    }
}

/// Notes a future that waits, once however often it looks.
pub(crate) fn remember(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

/// Wakes those that were remembered.
pub(crate) fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(|waker| run(|| waker.wake()));
}
