//! A time that the tests move on.

use outlive_drivers::clock::Clock;
use std::{fmt, sync::Mutex, time::Duration};

/// A clock that stands until it is moved.
#[derive(Default)]
pub(crate) struct Time(Mutex<Moment>);

type Then = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Moment {
    now: Duration,
    due: Vec<(Duration, Then)>,
}

impl Time {
    /// Moves on by `step`, and does what falls due in the order in which it does.
    pub(crate) fn pass(&self, step: Duration) {
        let until = self.0.lock().unwrap().now + step;
        loop {
            let mut moment = self.0.lock().unwrap();
            let next = (0..moment.due.len()).min_by_key(|i| moment.due[*i].0).filter(|i| moment.due[*i].0 <= until);
            let Some(next) = next else {
                moment.now = until;
                return;
            };
            let (at, then) = moment.due.remove(next);
            moment.now = at;
            drop(moment);
            then();
        }
    }

    /// How many wait for their time.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().unwrap().due.len()
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

impl Clock for Time {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    fn after(&self, delay: Duration, then: Then) {
        let mut moment = self.0.lock().unwrap();
        let at = moment.now + delay;
        moment.due.push((at, then));
    }
}
