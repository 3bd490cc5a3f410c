//! How often something may happen: so often at once, and so often in the long run.

use std::time::Duration;

/// A limit, kept as the time at which all that has happened is paid for.
#[derive(Debug)]
pub(super) struct Rate {
    paid: Duration,
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// `burst` at once, and `rate` a second.
    pub(super) fn new(burst: u32, rate: u32) -> Self {
        Rate { paid: Duration::ZERO, interval: Duration::from_secs(1) / rate, burst }
    }

    /// Whether one more may happen now.
    pub(super) fn takes(&mut self, now: Duration) -> bool {
        let paid = self.paid.max(now);
        if paid - now > self.interval * (self.burst - 1) {
            return false;
        }
        self.paid = paid + self.interval;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let mut rate = Rate::new(3, 10);
        let now = Duration::from_secs(7);
        assert_eq!([(); 5].map(|()| rate.takes(now)), [true, true, true, false, false]);
        let later = now + Duration::from_millis(100);
        assert_eq!([(); 2].map(|()| rate.takes(later)), [true, false]);
        let idle = later + Duration::from_secs(60);
        assert_eq!([(); 4].map(|()| rate.takes(idle)), [true, true, true, false], "idling saves no more than a burst");
    }
}
