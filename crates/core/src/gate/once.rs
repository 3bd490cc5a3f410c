use alloc::boxed::Box;
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A static's value, which is written once: std's of the same name, as far as this crate needs it. Nobody ever waits for
/// one who writes, who may be a thread of less priority: whoever comes too late throws its own value away.
///
/// The value is never freed, as a static's is not.
pub(crate) struct OnceLock<T>(AtomicPtr<T>);

// The bounds are what the pointer does not ask for by itself: the value is made on one thread and read on others.
impl<T: Send + Sync + 'static> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        OnceLock(AtomicPtr::new(ptr::null_mut()))
    }

    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: null, or what `set` has linked: from a box, whole (Acquire), and never freed or written again.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// The value comes back if there is one.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let new = Box::into_raw(Box::new(value));
        match self.0.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            // SAFETY: ours was not linked, so nobody else has seen it.
            Err(_) => Err(*unsafe { Box::from_raw(new) }),
        }
    }

    pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        if self.get().is_none() {
            let _too_late = self.set(init());
        }
        self.get().expect("it has been set, by us or by another")
    }
}
