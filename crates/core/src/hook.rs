//! Calls out of this crate: into a driver's, a front's or an owner's code.
//!
//! None is made with a lock of this crate held, so a hook may call whatever it likes. One that panics keeps neither the
//! others from running nor the device from going: the panic hook has reported it, and there is nobody here to give it
//! to.

use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) type Hook<A> = Box<dyn FnOnce(A) + Send>;

/// Calls out.
pub(crate) fn run(call: impl FnOnce()) {
    if cfg!(loom) {
        // A panic in a model is a bug that it has found, and must get out.
        call();
    } else {
        let _ = catch_unwind(AssertUnwindSafe(call));
    }
}

/// Runs hooks in their order.
pub(crate) fn run_all<A: Copy>(hooks: impl IntoIterator<Item = Hook<A>>, argument: A) {
    for hook in hooks {
        run(|| hook(argument));
    }
}
