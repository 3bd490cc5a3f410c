//! How many bare guards each thread has, in debug builds only: whoever is about to sleep asks (I14).
//! Without std nothing is kept, since there is no place that belongs to a thread.

#[cfg(any(not(debug_assertions), not(feature = "std"), loom, shuttle))]
pub(crate) use nothing::{Account, guards_here};
#[cfg(all(debug_assertions, feature = "std", not(any(loom, shuttle))))]
pub(crate) use thread::{Account, guards_here};

#[cfg(all(debug_assertions, feature = "std", not(any(loom, shuttle))))]
mod thread {
    use crate::sync::{Arc, AtomicUsize, Ordering};

    std::thread_local! {
        static MINE: Arc<AtomicUsize> = Arc::default();
    }

    /// Whose a guard is: the thread's that took it, wherever it is dropped. `None` for one that is off the account.
    pub(crate) struct Account(Option<Arc<AtomicUsize>>);

    impl Account {
        pub(crate) fn open() -> Self {
            // A thread that is ending keeps no account.
            let mine = MINE.try_with(Arc::clone).ok();
            mine.iter().for_each(|mine| _ = mine.fetch_add(1, Ordering::Relaxed));
            Account(mine)
        }

        pub(crate) fn close(&mut self) {
            self.0.take().into_iter().for_each(|mine| _ = mine.fetch_sub(1, Ordering::Relaxed));
        }
    }

    impl Drop for Account {
        fn drop(&mut self) {
            self.close();
        }
    }

    pub(crate) fn guards_here() -> usize {
        MINE.try_with(|mine| mine.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

#[cfg(any(not(debug_assertions), not(feature = "std"), loom, shuttle))]
mod nothing {
    /// Nothing is kept.
    pub(crate) struct Account;

    impl Account {
        #[inline(always)]
        pub(crate) fn open() -> Self {
            Account
        }

        #[inline(always)]
        pub(crate) fn close(&mut self) {}
    }

    pub(crate) fn guards_here() -> usize {
        0
    }
}
