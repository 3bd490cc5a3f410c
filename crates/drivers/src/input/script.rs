//! Scripts: what a device is made to do, in words.
//!
//! ```text
//! # Types "hi", after a while.
//! wait 100ms
//! key h tap  key i tap
//! key leftshift down  wait 20ms  key leftshift up
//! ```
//!
//! | statement | what it is |
//! |---|---|
//! | `key NAME down`, `up`, `repeat` | a key or a button: `a`, `leftshift`, `btn_left`, `0x1e` |
//! | `key NAME tap` | down and up, in a packet each |
//! | `rel AXIS N` | a movement: `x`, `y`, `wheel` (which has its fine steps with it, where the device tells them) |
//! | `abs AXIS N` | where an axis is: `x`, `hat0x` |
//! | `touch SLOT X Y` | a finger comes, or moves |
//! | `lift SLOT` | it goes |
//! | `sw NAME on`, `off` | a switch: `lid` |
//! | `led NAME on`, `off` | a LED, as if the device had turned it on |
//! | `msc NAME N` | anything else: `scan` |
//! | `event TYPE CODE N` | any event, by its numbers |
//! | `sync` | the end of a packet; one that has begun also ends at a `wait` and at the end |
//! | `wait DURATION` | `10ms` |
//!
//! What stands after a `#` is for people. Statements stand on one line or on several; each is on one.

use super::{evemu, names};
use crate::value;
use outlive_classes::input::{
    Description, Value,
    uapi::{abs, ev},
};
use std::{fmt, fs::File, io::Read, path::Path, time::Duration};

/// What a device is made to do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Script {
    pub(super) steps: Vec<Step>,
}

/// One thing of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Event(Value),
    /// A finger is there.
    Touch {
        slot: u16,
        x: i32,
        y: i32,
    },
    /// It is not any more.
    Lift {
        slot: u16,
    },
    Sync,
    Wait(Duration),
}

/// A script, or a recording, that is none: which line, what is wrong there, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    message: String,
}

impl ScriptError {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Self {
        ScriptError { line, message: message.into() }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// Reads a script, or the events of an evemu recording (which has lines that begin with `E:`), for a device that is like
    /// that.
    ///
    /// # Errors
    /// [`ScriptError`], also for what such a device cannot do.
    pub fn parse(text: &str, device: &Description) -> Result<Script, ScriptError> {
        if evemu::is_recording(text) {
            return evemu::events(text);
        }
        let mut steps = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let words = line.split_once('#').map_or(line, |(words, _)| words).split_whitespace();
            let mut words = Words { words, device };
            while let Some(word) = words.words.next() {
                words.statement(word, &mut steps).map_err(|message| ScriptError::new(index + 1, message))?;
            }
        }
        Ok(Script { steps })
    }

    /// Reads the file at `path`, at most 64 MiB, as [`parse`](Script::parse) does.
    ///
    /// # Errors
    /// What is wrong with the file, or with what stands there, and where.
    pub fn read(path: &Path, device: &Description) -> Result<Script, String> {
        let text = read(path)?;
        Script::parse(&text, device).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// The largest script or recording, in bytes: days of it. It keeps `script=/dev/zero` from eating memory.
const LARGEST: u64 = 64 << 20;

/// The text of a script or a recording.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let failed = |why: std::io::Error| format!("{shown} cannot be read: {why}");
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{shown} is larger than 64 MiB; cut it"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8; save it as UTF-8"))
}

/// The words of one line.
struct Words<'a, I> {
    words: I,
    device: &'a Description,
}

/// `REL_HWHEEL` and `REL_WHEEL`, and the same in fine steps (`linux/input-event-codes.h`).
const WHEELS: [(u16, u16); 2] = [(6, 12), (8, 11)];
/// How many fine steps one of a wheel is (Documentation/input/event-codes.rst).
const FINE_STEPS: i32 = 120;

const STATEMENTS: &str = "key, rel, abs, touch, lift, sw, led, msc, event, sync, wait";

impl<'a, I: Iterator<Item = &'a str>> Words<'_, I> {
    fn statement(&mut self, word: &str, steps: &mut Vec<Step>) -> Result<(), String> {
        let step = match word {
            "key" => return self.key(steps),
            "rel" => return self.movement(steps),
            "abs" => self.amount(ev::ABS, "abs x 100")?,
            "msc" => self.amount(ev::MSC, "msc scan 0x70004")?,
            "sw" => self.switch(ev::SW, "sw lid on")?,
            "led" => self.switch(ev::LED, "led numl on")?,
            "touch" => self.touch()?,
            "lift" => Step::Lift { slot: self.slot("lift 0")? },
            "event" => self.event()?,
            "sync" => Step::Sync,
            "wait" => {
                let word = self.next("wait 10ms")?;
                Step::Wait(value::parse_duration(word).map_err(|why| format!("wait: {why}"))?)
            }
            _ => return Err(format!("`{word}` is no statement; there are {STATEMENTS}")),
        };
        steps.push(step);
        Ok(())
    }

    fn next(&mut self, example: &str) -> Result<&'a str, String> {
        self.words.next().ok_or_else(|| format!("something is missing at the end; write {example}"))
    }

    fn integer(&mut self, example: &str) -> Result<i32, String> {
        let word = self.next(example)?;
        let (sign, digits) = word.strip_prefix('-').map_or((1, word), |digits| (-1, digits));
        let number = value::parse_integer(digits).ok().and_then(|number| i64::try_from(number).ok());
        let number = number.and_then(|number| i32::try_from(sign * number).ok());
        number.ok_or_else(|| format!("`{word}` is no whole number of 32 bits; write {example}"))
    }

    /// A code that the device has.
    fn code(&mut self, kind: u16, example: &str) -> Result<u16, String> {
        let word = self.next(example)?;
        match names::code(kind, word) {
            None => Err(format!("`{word}` is the name of nothing there; write {example}, or a number")),
            Some(code) if !self.device.has(kind, code) => {
                let some = self.device.shown(kind).iter().take(8).map(|code| names::name(kind, code));
                let some = some.collect::<Vec<_>>().join(", ");
                let has = if some.is_empty() { "nothing of that type".to_owned() } else { format!("{some}, …") };
                Err(format!("{} has no `{word}`; it has {has}", self.device.name))
            }
            Some(code) => Ok(code),
        }
    }

    fn key(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        const EXAMPLE: &str = "key a down";
        let code = self.code(ev::KEY, EXAMPLE)?;
        let at = |value| Step::Event(Value::new(ev::KEY, code, value));
        match self.next(EXAMPLE)? {
            "down" => steps.push(at(1)),
            "up" => steps.push(at(0)),
            "repeat" => steps.push(at(2)),
            "tap" => steps.extend([at(1), Step::Sync, at(0), Step::Sync]),
            word => return Err(format!("a key goes down, up, repeat or tap, not `{word}`")),
        }
        Ok(())
    }

    fn amount(&mut self, kind: u16, example: &str) -> Result<Step, String> {
        let code = self.code(kind, example)?;
        Ok(Step::Event(Value::new(kind, code, self.integer(example)?)))
    }

    /// Of a wheel with fine steps, these as well, as from `hidinput_handle_scroll` of `drivers/hid/hid-input.c`.
    fn movement(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        let step = self.amount(ev::REL, "rel x 5")?;
        steps.push(step);
        if let Step::Event(Value { code, value, .. }) = step
            && let Some((_, fine)) = WHEELS.into_iter().find(|(wheel, _)| *wheel == code)
            && self.device.has(ev::REL, fine)
        {
            let fine_value = value.checked_mul(FINE_STEPS).ok_or("a wheel does not turn that far at once")?;
            steps.push(Step::Event(Value::new(ev::REL, fine, fine_value)));
        }
        Ok(())
    }

    fn switch(&mut self, kind: u16, example: &str) -> Result<Step, String> {
        let code = self.code(kind, example)?;
        let word = self.next(example)?;
        let on = value::parse_flag(word).map_err(|why| format!("{why}; write {example}"))?;
        Ok(Step::Event(Value::new(kind, code, on.into())))
    }

    fn slot(&mut self, example: &str) -> Result<u16, String> {
        let slots = self.device.slots();
        if slots == 0 {
            return Err(format!("{} does not tell fingers apart; a touchscreen does", self.device.name));
        }
        let slot = self.integer(example)?;
        let known = u16::try_from(slot).ok().filter(|slot| usize::from(*slot) < slots);
        known.ok_or_else(|| format!("there is no slot {slot}; {} has 0 to {}", self.device.name, slots - 1))
    }

    fn touch(&mut self) -> Result<Step, String> {
        const EXAMPLE: &str = "touch 0 100 200";
        let slot = self.slot(EXAMPLE)?;
        let (x, y) = (self.integer(EXAMPLE)?, self.integer(EXAMPLE)?);
        for (code, at) in [(abs::MT_POSITION_X, x), (abs::MT_POSITION_Y, y)] {
            if let Some(axis) = self.device.axes.get(&code)
                && !(axis.minimum..=axis.maximum).contains(&at)
            {
                let (minimum, maximum) = (axis.minimum, axis.maximum);
                return Err(format!("{at} is not on the screen, which goes from {minimum} to {maximum} there"));
            }
        }
        Ok(Step::Touch { slot, x, y })
    }

    fn event(&mut self) -> Result<Step, String> {
        const EXAMPLE: &str = "event 1 30 1";
        let mut small = || {
            let number = self.integer(EXAMPLE)?;
            u16::try_from(number).map_err(|_| format!("there is no type or code {number}; write {EXAMPLE}"))
        };
        let (kind, code) = (small()?, small()?);
        Ok(Step::Event(Value::new(kind, code, self.integer(EXAMPLE)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::models;

    fn steps(text: &str) -> Vec<Step> {
        Script::parse(text, &models::touchscreen(800, 480)).unwrap().steps
    }

    #[test]
    fn words_become_events() {
        let touch = Step::Touch { slot: 1, x: 5, y: 6 };
        assert_eq!(
            steps("# a finger\ntouch 1 5 0x6 sync  wait 10ms # and\nlift 1"),
            [touch, Step::Sync, Step::Wait(Duration::from_millis(10)), Step::Lift { slot: 1 }]
        );
        let key = |value| Step::Event(Value::new(ev::KEY, 0x14a, value));
        assert_eq!(steps("key btn_touch tap"), [key(1), Step::Sync, key(0), Step::Sync]);
        assert_eq!(steps("event 4 3 -7"), [Step::Event(Value::new(ev::MSC, 3, -7))]);
        assert!(steps("\n # nothing\n").is_empty());
    }

    #[test]
    fn a_wheel_turns_in_fine_steps_too() {
        let rel = |code, value| Step::Event(Value::new(ev::REL, code, value));
        let mouse = models::mouse();
        let turned = Script::parse("rel wheel -1 rel hwheel 2", &mouse).unwrap().steps;
        assert_eq!(turned, [rel(8, -1), rel(11, -120), rel(6, 2), rel(12, 240)]);
        let coarse = Description::default().with(ev::REL, [8]);
        assert_eq!(Script::parse("rel wheel -1", &coarse).unwrap().steps, [rel(8, -1)]);
        assert!(Script::parse("rel wheel 99999999", &mouse).unwrap_err().to_string().contains("that far"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, want) in [
            ("sync\nkee a", "line 2: `kee` is no statement; there are key, rel"),
            ("key a down", "line 1: Outlive touchscreen has no `a`; it has btn_touch"),
            ("key nokey down", "`nokey` is the name of nothing there"),
            ("key btn_touch", "something is missing at the end; write key a down"),
            ("key btn_touch press", "not `press`"),
            ("rel x 1", "has no `x`; it has nothing of that type"),
            ("touch 0 800 0", "800 is not on the screen, which goes from 0 to 799 there"),
            ("touch 10 1 1", "there is no slot 10"),
            ("touch 0 1 99999999999", "no whole number of 32 bits"),
            ("event 1 70000 1", "there is no type or code 70000"),
            ("\n\nwait 5", "line 3: wait: \"5\" is not a duration"),
        ] {
            let error = Script::parse(text, &models::touchscreen(800, 480)).unwrap_err().to_string();
            assert!(error.contains(want), "{text:?}: {error}");
        }
        let keyboard = Script::parse("lift 0", &models::keyboard()).unwrap_err().to_string();
        assert!(keyboard.contains("does not tell fingers apart"), "{keyboard}");
    }
}
