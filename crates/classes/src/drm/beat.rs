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

/// One is taken for the next if it comes earlier by this part of a period at most.
const EARLY: u32 = 8;
/// The beat is put off by this part of what one was late.
const FOLLOWED: u32 = 16;

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

    /// There was one at `time`, says who knows. It keeps the beat in step: whoever hears of one late, since the machine is
    /// busy, takes it for a little later than it was, and nobody hears of one early. So what is early is believed, and of
    /// what is late a part.
    pub(super) fn strike(&mut self, time: Duration) -> Moment {
        if let Some(period) = self.period {
            let passed = periods(time.saturating_sub(self.at), period, period / EARLY);
            if passed > 0 {
                let expected = self.at + times(period, passed);
                self.count += passed;
                self.at = time.min(expected + time.saturating_sub(expected) / FOLLOWED);
            }
        }
        Moment { count: self.count, time: self.at }
    }

    /// The one with that count, which has been since the beat was set.
    pub(super) fn former(&self, count: u64) -> Moment {
        let ago = self.period.map_or(Duration::ZERO, |period| times(period, self.count.saturating_sub(count)));
        Moment { count: count.min(self.count), time: self.at.saturating_sub(ago) }
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
        assert_eq!(beat.strike(ms(10)), Moment { count: 1, time: ms(10) });
        assert_eq!(beat.strike(ms(12)), Moment { count: 1, time: ms(10) }, "the same one");
        assert_eq!(beat.strike(ms(39)), Moment { count: 4, time: ms(39) }, "it is early");
        assert_eq!(beat.at(ms(50)).count, 5);
        assert_eq!(beat.former(3), Moment { count: 3, time: ms(29) });
        assert_eq!(beat.former(9), Moment { count: 4, time: ms(39) }, "that is to come");
    }

    #[test]
    fn who_is_late_does_not_put_it_out_of_step() {
        let mut beat = Beat::default();
        beat.set(Some(ms(16)), ms(0));
        // More than half a period; the next comes on time.
        assert_eq!(beat.strike(ms(16 + 12)), Moment { count: 1, time: Duration::from_micros(16_750) });
        assert_eq!(beat.strike(ms(32)).count, 2);
        // A display that is slower than it says is followed.
        for number in 3..1000 {
            assert_eq!(beat.strike(Duration::from_micros(16_010 * number)).count, number);
        }
        let off = beat.at(Duration::from_micros(16_010 * 999)).time.abs_diff(Duration::from_micros(16_010 * 999));
        assert!(off < ms(1), "{off:?}");
    }
}
