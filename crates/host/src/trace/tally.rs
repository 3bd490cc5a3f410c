//! The operations of one kind, counted.

use crate::trial::Answered;
use std::time::Duration;

/// How many there were of a kind, and how they went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// How many were answered.
    pub calls: u64,
    /// How many of them with an error.
    pub errors: u64,
    /// From arrival to answer, all together.
    pub time: Duration,
    /// That of the longest.
    pub longest: Duration,
}

impl Tally {
    pub(super) fn count(&mut self, answer: Answered, took: Duration) {
        self.calls += 1;
        self.errors += u64::from(matches!(answer, Answered::Errno(_)));
        self.time += took;
        self.longest = self.longest.max(took);
    }
}

/// The kind of an operation: how its class names it, up to the first word that holds a number or a name of its own.
/// `I2C_SMBUS read_byte_data` of `I2C_SMBUS read_byte_data 0x50 reg 0x1f`.
pub fn kind(call: &str, what: &str) -> String {
    let mut words = what.split(' ').filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return call.to_owned() };
    let rest = words.take_while(|word| !word.contains(|c: char| c.is_ascii_digit() || c == '('));
    [first].into_iter().chain(rest).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Tally, kind};
    use crate::trial::Answered;
    use std::time::Duration;

    #[test]
    fn a_kind_has_no_numbers() {
        for (call, what, expected) in [
            ("open", "", "open"),
            ("read", "read 2 from 0x50", "read"),
            ("ioctl", "I2C_SMBUS read_byte_data 0x50 reg 0x03", "I2C_SMBUS read_byte_data"),
            ("ioctl", "I2C_RDWR w1@0x50 r16@0x50", "I2C_RDWR"),
            ("ioctl", "I2C_FUNCS", "I2C_FUNCS"),
            ("ioctl", "ioctl 0x1234 (unknown)", "ioctl"),
        ] {
            assert_eq!(kind(call, what), expected);
        }
    }

    #[test]
    fn a_tally_keeps_the_longest() {
        let mut tally = Tally::default();
        tally.count(Answered::Ok(0), Duration::from_millis(2));
        tally.count(Answered::Errno(19), Duration::from_millis(3));
        tally.count(Answered::Ok(1), Duration::from_millis(1));
        let (time, longest) = (Duration::from_millis(6), Duration::from_millis(3));
        assert_eq!(tally, Tally { calls: 3, errors: 1, time, longest });
    }
}
