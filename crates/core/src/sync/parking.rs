//! The sleep on a word that the lock and the condition variable are made of where there is no std.

#[cfg(loom)]
pub(crate) use model::{wait, wake_all, wake_one};
#[cfg(not(feature = "std"))]
pub(crate) use supplied::{wait, wake_all, wake_one};

/// The platform's.
#[cfg(not(feature = "std"))]
mod supplied {
    use crate::platform::platform;
    use core::{sync::atomic::AtomicU32, time::Duration};

    pub(crate) fn wait(word: &AtomicU32, value: u32, limit: Option<Duration>) {
        platform().wait(word, value, limit);
    }

    pub(crate) fn wake_one(word: &AtomicU32) {
        platform().wake_one(word);
    }

    pub(crate) fn wake_all(word: &AtomicU32) {
        platform().wake_all(word);
    }
}

/// One for the models: it does what [`Platform`](crate::platform::Platform) asks for, and no more, but for the order of
/// memory between those who sleep and those who wake.
#[cfg(loom)]
mod model {
    use loom::sync::{
        Condvar, Mutex,
        atomic::{AtomicU32, Ordering},
    };
    use std::{collections::VecDeque, time::Duration};

    loom::lazy_static! {
        static ref BEDROOM: Bedroom = Bedroom::default();
    }

    #[derive(Default)]
    struct Bedroom {
        /// For each sleeper, the address of its word and a number of its own, in the order in which they came.
        asleep: Mutex<(u64, VecDeque<(usize, u64)>)>,
        woken: Condvar,
    }

    fn address(word: &AtomicU32) -> usize {
        std::ptr::from_ref(word).addr()
    }

    pub(crate) fn wait(word: &AtomicU32, value: u32, limit: Option<Duration>) {
        assert!(limit.is_none(), "a model cannot wait for a while");
        let mut asleep = BEDROOM.asleep.lock().unwrap();
        if word.load(Ordering::Relaxed) != value {
            return;
        }
        asleep.0 += 1;
        let me = (address(word), asleep.0);
        asleep.1.push_back(me);
        while asleep.1.contains(&me) {
            asleep = BEDROOM.woken.wait(asleep).unwrap();
        }
    }

    pub(crate) fn wake_one(word: &AtomicU32) {
        let mut asleep = BEDROOM.asleep.lock().unwrap();
        if let Some(first) = asleep.1.iter().position(|sleeper| sleeper.0 == address(word)) {
            asleep.1.remove(first);
            BEDROOM.woken.notify_all();
        }
    }

    pub(crate) fn wake_all(word: &AtomicU32) {
        let mut asleep = BEDROOM.asleep.lock().unwrap();
        asleep.1.retain(|sleeper| sleeper.0 != address(word));
        BEDROOM.woken.notify_all();
    }
}
