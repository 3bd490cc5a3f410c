//! Values as a command line or a lab file writes them: `0x50`, `8MiB`, `5ms`. One grammar for every device.

use std::{fmt, time::Duration};

/// A value that is not what its key takes. Says what would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueError {
    text: String,
    expected: &'static str,
}

impl ValueError {
    /// `text` is not what is `expected`: "a duration; write it as …".
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        ValueError { text: text.to_owned(), expected }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not {}", self.text, self.expected)
    }
}

impl std::error::Error for ValueError {}

const INTEGER: &str = "a whole number; write it as 80 or 0x50";
const SIZE: &str = "a size; write bytes as a whole number, with B, KiB, MiB or GiB after it if you like, such as 8MiB";
const DURATION: &str = "a duration; write a number and ns, us, ms, s, min or h, such as 5ms";
const FLAG: &str = "a switch; write true or false (yes and no, on and off, 1 and 0 do as well)";
const THOUSANDTHS: &str = "a number with up to three decimals, such as 21.5 or -3";

/// A whole number, decimal or with `0x` hexadecimal: `80`, `0x50`.
///
/// # Errors
/// [`ValueError`] for anything else, and for what does not fit into 64 bits.
pub fn parse_integer(text: &str) -> Result<u64, ValueError> {
    integer(text).ok_or_else(|| ValueError::new(text, INTEGER))
}

/// A number of bytes: `4096`, `0x1000`, `64KiB`, `8MiB`, `1GiB`.
///
/// # Errors
/// [`ValueError`] for anything else, and for what does not fit into 64 bits.
pub fn parse_size(text: &str) -> Result<u64, ValueError> {
    const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    // A hexadecimal number may end in B by itself.
    let (number, factor) = unit.filter(|_| integer(text).is_none()).unwrap_or((text, 1));
    integer(number).and_then(|number| number.checked_mul(factor)).ok_or_else(|| ValueError::new(text, SIZE))
}

/// A length of time: `100us`, `5ms`, `1.5s`, `2min`; `0` needs no unit.
///
/// # Errors
/// [`ValueError`] for anything else, and for more than 2^64 nanoseconds (585 years).
pub fn parse_duration(text: &str) -> Result<Duration, ValueError> {
    const UNITS: [(&str, u64); 6] = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("s", 1_000_000_000),
    ];
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    unit.and_then(|(number, factor)| decimal(number, factor))
        .map(Duration::from_nanos)
        .ok_or_else(|| ValueError::new(text, DURATION))
}

/// A switch: `true` or `false`, `yes` or `no`, `on` or `off`, `1` or `0`.
///
/// # Errors
/// [`ValueError`] for anything else.
pub fn parse_flag(text: &str) -> Result<bool, ValueError> {
    match text {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(ValueError::new(text, FLAG)),
    }
}

/// A decimal number in thousandths: `21.5` is 21500, `-3` is -3000.
///
/// # Errors
/// [`ValueError`] for anything else, for more than three decimals, and for what does not fit into 32 bits.
pub fn parse_thousandths(text: &str) -> Result<i32, ValueError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let value = decimal(digits, 1000).and_then(|value| i32::try_from(value).ok());
    value.map(|value| if negative { -value } else { value }).ok_or_else(|| ValueError::new(text, THOUSANDTHS))
}

fn integer(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => digits_only(digits, 16).and_then(|digits| u64::from_str_radix(digits, 16).ok()),
        None => digits_only(text, 10).and_then(|digits| digits.parse().ok()),
    }
}

/// The standard library's parsers take a sign, which has no place here.
fn digits_only(text: &str, radix: u32) -> Option<&str> {
    (!text.is_empty() && text.chars().all(|c| c.is_digit(radix))).then_some(text)
}

/// `text` times `scale`, if that is a whole number. No floating point: 0.1ms is exactly 100us.
fn decimal(text: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole: u64 = digits_only(whole, 10)?.parse().ok()?;
    let mut value = whole.checked_mul(scale)?;
    let mut place = scale;
    for digit in digits_only(fraction, 10)?.chars() {
        let digit = u64::from(digit.to_digit(10)?);
        if !place.is_multiple_of(10) {
            // Finer than the scale can say: only zeros are exact.
            if digit != 0 {
                return None;
            }
            continue;
        }
        place /= 10;
        value = value.checked_add(place.checked_mul(digit)?)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, value) in [("0", 0), ("80", 80), ("0x50", 0x50), ("0XfF", 255), ("18446744073709551615", u64::MAX)] {
            assert_eq!(parse_integer(text), Ok(value), "{text}");
        }
        for text in ["", "-1", "+1", "0x", "0x-5", "5 ", "1e3", "18446744073709551616", "fifty"] {
            assert!(parse_integer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, value) in
            [("256", 256), ("64KiB", 65_536), ("8MiB", 8 << 20), ("2GiB", 2 << 30), ("7B", 7), ("0x1B", 27)]
        {
            assert_eq!(parse_size(text), Ok(value), "{text}");
        }
        for text in ["", "KiB", "8 MiB", "8MB", "8mib", "17179869184GiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        let cases = [
            ("0", Duration::ZERO),
            ("100us", Duration::from_micros(100)),
            ("5ms", Duration::from_millis(5)),
            ("0.1ms", Duration::from_micros(100)),
            ("1.5s", Duration::from_millis(1500)),
            ("2min", Duration::from_secs(120)),
            ("1h", Duration::from_secs(3600)),
            ("10ns", Duration::from_nanos(10)),
        ];
        for (text, value) in cases {
            assert_eq!(parse_duration(text), Ok(value), "{text}");
        }
        for text in
            ["", "5", "ms", "-5ms", "5 ms", "0.1ns", "1..5s", ".5s", "5.s", "99999999999999999999s", "600000000h"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn thousandths_and_flags() {
        for (text, value) in [("21.5", 21_500), ("-3", -3_000), ("0.125", 125), ("-0.5", -500), ("85.0000", 85_000)] {
            assert_eq!(parse_thousandths(text), Ok(value), "{text}");
        }
        for text in ["", "-", "--1", "1.2345", "3000000", "warm"] {
            assert!(parse_thousandths(text).is_err(), "{text}");
        }
        assert_eq!((parse_flag("true"), parse_flag("no")), (Ok(true), Ok(false)));
        assert!(parse_flag("").is_err() && parse_flag("TRUE").is_err());
    }

    #[test]
    fn an_error_says_what_to_write() {
        let error = parse_duration("5").unwrap_err().to_string();
        assert!(error.contains("\"5\"") && error.contains("such as 5ms"), "{error}");
    }
}
