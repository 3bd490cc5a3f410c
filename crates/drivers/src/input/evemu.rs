//! Recordings of the evemu tools: what a device is, and what it did (`evemu-describe`, `evemu-record`).
//!
//! ```text
//! # EVEMU 1.3
//! N: AT Translated Set 2 keyboard
//! I: 0011 0001 0001 ab41
//! P: 00 00 00 00 00 00 00 00
//! B: 00 13 00 12 00 00 00 00 00
//! A: 00 0 1023 0 0 12
//! E: 0.000001 0001 001e 0001
//! ```
//!
//! Names, `I:` (bus, vendor, product, version), properties, the codes of each type (eight bytes a line, of type and what
//! follows), axes (code in hexadecimal; minimum, maximum, fuzz, flat, resolution), LEDs and switches that are on (`L:`,
//! `S:`), and events: seconds, type, code, value. All but times, axes' values and events' values are hexadecimal.

use super::script::{Script, ScriptError, Step};
use outlive_classes::input::{
    Axis, Bits, Description, Id, Value,
    uapi::{self, abs, ev},
};
use std::{collections::BTreeMap, time::Duration};

/// Whether `text` is a recording, and no script: its first line that says something begins with a letter and a colon.
pub(super) fn is_recording(text: &str) -> bool {
    let mut said = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    said.next().and_then(split).is_some()
}

/// The letter of a line, and what follows.
fn split(line: &str) -> Option<(char, &str)> {
    let (letter, rest) = line.split_once(':')?;
    let mut letters = letter.chars();
    let letter = letters.next().filter(char::is_ascii_uppercase)?;
    letters.next().is_none().then_some((letter, rest.trim()))
}

/// Its lines that say something, each with its number.
fn lines(text: &str) -> impl Iterator<Item = Result<(usize, char, &str), ScriptError>> {
    let numbered = (1..).zip(text.lines().map(str::trim));
    let said = numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    said.map(|(number, line)| {
        let wrong = || ScriptError::new(number, "no line of a recording: those are `LETTER: …`, or begin with #");
        split(line).map(|(letter, rest)| (number, letter, rest)).ok_or_else(wrong)
    })
}

/// What the device is that was recorded.
///
/// # Errors
/// [`ScriptError`]
pub fn description(text: &str) -> Result<Description, ScriptError> {
    let mut device = Description::default();
    let mut bytes: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    let mut properties = Vec::new();
    let mut named = false;
    for line in lines(text) {
        let (number, letter, rest) = line?;
        let wrong = |what: &str| ScriptError::new(number, format!("`{letter}:` {what}"));
        match letter {
            'N' => (device.name, named) = (rest.to_owned(), true),
            'I' => {
                let words =
                    numbers(rest, 16).ok_or_else(|| wrong("has four numbers: bus, vendor, product, version"))?;
                let [bus, vendor, product, version] = words[..] else {
                    return Err(wrong("has four numbers: bus, vendor, product, version"));
                };
                let word = |word: i64| u16::try_from(word).map_err(|_| wrong("has numbers of 16 bits"));
                device.id =
                    Id { bus: word(bus)?, vendor: word(vendor)?, product: word(product)?, version: word(version)? };
            }
            'P' => properties.extend(octets(rest).ok_or_else(|| wrong("has bytes, such as 02 00"))?),
            'B' => {
                let mut all = octets(rest).ok_or_else(|| wrong("has a type and bytes, such as 01 00 02"))?.into_iter();
                let kind =
                    all.next().filter(|kind| u16::from(*kind) <= ev::MAX).ok_or_else(|| wrong("has no such type"))?;
                let known = bytes.entry(kind.into()).or_default();
                known.extend(all);
                if known.len() > LARGEST_SET {
                    return Err(wrong("has more codes than there are"));
                }
            }
            'A' => {
                let (code, axis) = axis(rest).ok_or_else(|| {
                    wrong("has a code in hexadecimal, minimum, maximum, fuzz, flat, and perhaps a resolution")
                })?;
                device.axes.insert(code, axis);
            }
            // What was on; that the device has it says `B:`.
            'L' | 'S' | 'E' => {}
            _ => return Err(wrong("is not known; there are N, I, P, B, A, L, S and E")),
        }
    }
    if !named {
        return Err(ScriptError::new(1, "no `N:`, so it is no description of a device; make one with evemu-describe"));
    }
    device.properties = Bits::from_bytes(&properties, uapi::PROP_MAX);
    for (kind, bytes) in bytes {
        match uapi::highest(kind) {
            // Of type 0 new recordings have its codes, and old ones all types: those are the ones that have codes.
            Some(_) if kind == ev::SYN => {}
            Some(highest) => {
                let codes = Bits::from_bytes(&bytes, highest);
                device.types.set(kind, !codes.is_empty());
                device.codes.insert(kind, codes);
            }
            None => device.types.set(kind, bytes.iter().any(|byte| *byte != 0)),
        }
    }
    if device.has_type(ev::FF) {
        device.effects = EFFECTS;
    }
    Ok(device)
}

/// A recording does not say how many effects its device has.
const EFFECTS: usize = 16;
/// In bytes: of keys.
const LARGEST_SET: usize = 96;

/// What it did, from its first event on.
pub(super) fn events(text: &str) -> Result<Script, ScriptError> {
    let (mut steps, mut before) = (Vec::new(), None);
    for line in lines(text) {
        let (number, letter, rest) = line?;
        if letter != 'E' {
            continue;
        }
        let (time, value) = event(rest).ok_or_else(|| {
            ScriptError::new(number, "`E:` has seconds, type, code and value, such as 0.000001 0001 001e 1")
        })?;
        if let Some(pause) = before.map(|before| time.saturating_sub(before)).filter(|pause| !pause.is_zero()) {
            steps.push(Step::Wait(pause));
        }
        before = before.max(Some(time));
        let report = value.kind == ev::SYN && value.code == uapi::syn::REPORT;
        steps.push(if report { Step::Sync } else { Step::Event(value) });
    }
    Ok(Script { steps })
}

/// Old recordings have the code of an event's value as well; what people are told stands after a tab and a `#`.
fn event(rest: &str) -> Option<(Duration, Value)> {
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [time, kind, code, value] = words[..] else { return None };
    let (seconds, fraction) = time.split_once('.')?;
    let micros: u64 = fraction.parse().ok().filter(|_| fraction.len() == 6)?;
    let time = Duration::from_secs(u64::from(seconds.parse::<u32>().ok()?)) + Duration::from_micros(micros);
    let word = |word| u16::from_str_radix(word, 16).ok();
    Some((time, Value::new(word(kind)?, word(code)?, value.parse().ok()?)))
}

fn axis(rest: &str) -> Option<(u16, Axis)> {
    let (code, rest) = rest.split_once(' ')?;
    let code = u16::from_str_radix(code, 16).ok().filter(|code| *code <= abs::MAX)?;
    let numbers = numbers(rest, 10)?.into_iter().map(i32::try_from).collect::<Result<Vec<_>, _>>().ok()?;
    let (&[minimum, maximum, fuzz, flat], rest) = numbers.split_first_chunk()?;
    let resolution = match rest {
        [] => 0,
        [resolution] => *resolution,
        _ => return None,
    };
    Some((code, Axis { value: 0, minimum, maximum, fuzz, flat, resolution }))
}

fn numbers(text: &str, radix: u32) -> Option<Vec<i64>> {
    text.split_whitespace().map(|word| i64::from_str_radix(word, radix).ok()).collect()
}

fn octets(text: &str) -> Option<Vec<u8>> {
    text.split_whitespace().map(|word| u8::from_str_radix(word, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAD: &str = "# EVEMU 1.3\n# whatever\nN: A pad\nI: 0003 056a 00d1 0100\nP: 01 00 00 00 00 00 00 00\n\
        B: 00 0b 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\nB: 01 02 00\nB: 03 03\nA: 00 0 479 4 0\n\
        A: 01 -5 319 4 0 31\nL: 00 1\nE: 7.000000 0003 0000 17\t# EV_ABS\nE: 7.000000 0000 0000 0\nE: 7.020000 0001 0041 1\n";

    #[test]
    fn a_recording_is_a_device_and_what_it_did() {
        let device = description(PAD).unwrap();
        assert_eq!((&*device.name, device.id.product), ("A pad", 0xd1));
        assert!(
            device.has(ev::KEY, 65) && device.has(ev::ABS, 1) && !device.has(ev::ABS, 2) && device.has_type(ev::ABS)
        );
        assert_eq!((device.axes[&1].minimum, device.axes[&1].resolution), (-5, 31));
        assert_eq!(device.properties, Bits::of([0]));
        let event = |kind, code, value| Step::Event(Value::new(kind, code, value));
        assert_eq!(
            events(PAD).unwrap().steps,
            [event(3, 0, 17), Step::Sync, Step::Wait(Duration::from_millis(20)), event(1, 65, 1)]
        );
        assert!(is_recording(PAD) && !is_recording("key a tap") && !is_recording(""));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let ranged = format!("N: x\n{}", "B: 01 00 00 00 00 00 00 00 00\n".repeat(13));
        for (text, want) in [
            ("N: x\nI: 3 4 5", "line 2: `I:` has four numbers"),
            ("N: x\nI: 3 4 5 12345", "numbers of 16 bits"),
            ("N: x\nB: 20 01", "no such type"),
            (&*ranged, "line 14: `B:` has more codes than there are"),
            ("N: x\nA: 40 0 1 0 0", "has a code in hexadecimal"),
            ("N: x\nA: 0 0 1 0", "has a code in hexadecimal"),
            ("N: x\nA: 0 0 99999999999 0 0", "has a code in hexadecimal"),
            ("N: x\nwhat", "line 2: no line of a recording"),
            ("N: x\nX: 1", "`X:` is not known"),
            ("I: 1 2 3 4", "no `N:`"),
        ] {
            let error = description(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text:?}: {error}");
        }
        for text in
            ["E: 1 2 3 4", "E: 1.5 0001 0001 1", "E: 0.000001 zz 1 1", "E: 0.000001 1 1", "E: 0.000001 1 1 99999999999"]
        {
            let error = events(text).unwrap_err().to_string();
            assert!(error.contains("line 1: `E:` has seconds"), "{text}: {error}");
        }
    }

    #[test]
    fn time_that_goes_back_is_no_pause() {
        let steps = events("E: 5.000000 0004 0004 1\nE: 4.000000 0004 0004 2\nE: 5.000001 0004 0004 3").unwrap().steps;
        assert_eq!(steps.iter().filter(|step| matches!(step, Step::Wait(_))).count(), 1);
    }
}
