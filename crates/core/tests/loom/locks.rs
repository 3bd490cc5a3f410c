//! The lock and the condition variable of builds without std, which the crate makes itself.

use super::explore;
use loom::{sync::Arc, thread};
use outlive::BareLock;

/// Three take the lock in turns, in any order: the value is reached by one at a time, and nobody sleeps for ever.
pub(crate) fn in_turns() {
    explore(Some(3), || {
        let lock = Arc::new(BareLock::new(0));
        let add_one = |lock: Arc<BareLock<i32>>| move || lock.with(|value| *value += 1);
        let others = [thread::spawn(add_one(lock.clone())), thread::spawn(add_one(lock.clone()))];
        add_one(lock.clone())();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(lock.with(|value| *value), 3, "a turn was lost");
    });
}

/// Two wait for what a third brings, one step after the other: no notification is lost.
pub(crate) fn told() {
    explore(Some(3), || {
        let lock = Arc::new(BareLock::new(0));
        let wait = |lock: Arc<BareLock<i32>>, wanted| move || lock.until(|value| *value >= wanted);
        let others = [thread::spawn(wait(lock.clone(), 1)), thread::spawn(wait(lock.clone(), 2))];
        for _ in 0..2 {
            lock.with(|value| *value += 1);
            lock.tell();
        }
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}
