//! The beat of a CRTC: when its vertical blankings are, and how many there have been.

use std::time::Duration;

/// Its count goes on where it was when the CRTC is turned on again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Beat {
    /// The count at the last vertical blanking that is known of.
    count: u64,
    /// When that was, by `CLOCK_MONOTONIC`.
    at: Duration,
    /// From one to the next; `None`: the CRTC is off.
    period: Option<Duration>,
}

/// How many vertical blankings there have been, and when the last one was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    pub(super) count: u64,
    pub(super) time: Duration,
}

impl Beat {
    /// The CRTC is turned on, or off (`None`).
    pub(super) fn set(&mut self, period: Option<Duration>, now: Duration) {
        self.count = self.at(now).count;
        (self.at, self.period) = (now, period);
    }

    pub(super) fn is_on(&self) -> bool {
        self.period.is_some()
    }

    /// As of `now`, by the beat.
    pub(super) fn at(&self, now: Duration) -> Moment {
        let passed = self.period.map_or(0, |period| periods(now.saturating_sub(self.at), period, Duration::ZERO));
        self.moment(passed)
    }

    fn moment(&self, passed: u64) -> Moment {
        let since = self.period.map_or(Duration::ZERO, |period| times(period, passed));
        Moment { count: self.count + passed, time: self.at + since }
    }

    /// There was one at `time`, says who knows. It keeps the beat in step.
    pub(super) fn strike(&mut self, time: Duration) -> Moment {
        if let Some(period) = self.period {
            let passed = periods(time.saturating_sub(self.at), period, period / 2);
            if passed > 0 {
                self.count += passed;
                self.at = time;
            }
        }
        Moment { count: self.count, time: self.at }
    }

    /// How long it is from `now` to the one with that count, or to the next one if that was.
    pub(super) fn until(&self, count: u64, now: Duration) -> Option<Duration> {
        let last = self.at(now);
        let ahead = count.saturating_sub(last.count).max(1);
        Some((last.time.saturating_add(times(self.period?, ahead))).saturating_sub(now))
    }
}

fn periods(passed: Duration, period: Duration, more: Duration) -> u64 {
    let number = (passed + more).as_nanos() / period.as_nanos().max(1);
    u64::try_from(number).unwrap_or(u64::MAX / 2)
}

fn times(period: Duration, count: u64) -> Duration {
    let nanoseconds = period.as_nanos().saturating_mul(u128::from(count));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn it_is_counted_by_the_time() {
        let mut beat = Beat::default();
        assert_eq!((beat.is_on(), beat.at(ms(500)).count, beat.until(1, ms(500))), (false, 0, None));
        beat.set(Some(ms(10)), ms(1000));
        assert_eq!(beat.at(ms(1009)), Moment { count: 0, time: ms(1000) });
        assert_eq!(beat.at(ms(1035)), Moment { count: 3, time: ms(1030) });
        assert_eq!(beat.until(4, ms(1035)), Some(ms(5)));
        assert_eq!(beat.until(0, ms(1035)), Some(ms(5)), "that was");
        assert_eq!(beat.until(7, ms(1035)), Some(ms(35)));
        beat.set(None, ms(1035));
        assert_eq!(beat.at(ms(9000)).count, 3, "it stands still while it is off");
        beat.set(Some(ms(20)), ms(2000));
        assert_eq!(beat.at(ms(2020)).count, 4);
    }

    #[test]
    fn who_knows_keeps_it_in_step() {
        let mut beat = Beat::default();
        beat.set(Some(ms(10)), ms(0));
        assert_eq!(beat.strike(ms(11)), Moment { count: 1, time: ms(11) });
        assert_eq!(beat.strike(ms(12)), Moment { count: 1, time: ms(11) }, "the same one");
        assert_eq!(beat.strike(ms(40)), Moment { count: 4, time: ms(40) });
        assert_eq!(beat.at(ms(51)).count, 5);
    }
}
