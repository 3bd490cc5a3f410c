//! Calls in words, for records and traces.

use super::{
    queue,
    uapi::{EVENT_SIZE, ev, ioctl},
};
use crate::Call;
use std::fmt;

const NAMES: [(u32, &str); 17] = [
    (ioctl::GVERSION, "GVERSION"),
    (ioctl::GID, "GID"),
    (ioctl::GREP, "GREP"),
    (ioctl::SREP, "SREP"),
    (ioctl::GKEYCODE, "GKEYCODE"),
    (ioctl::GKEYCODE_V2, "GKEYCODE_V2"),
    (ioctl::SKEYCODE, "SKEYCODE"),
    (ioctl::SKEYCODE_V2, "SKEYCODE_V2"),
    (ioctl::RMFF, "RMFF"),
    (ioctl::GEFFECTS, "GEFFECTS"),
    (ioctl::GRAB, "GRAB"),
    (ioctl::REVOKE, "REVOKE"),
    (ioctl::GMASK, "GMASK"),
    (ioctl::SMASK, "SMASK"),
    (ioctl::SCLOCKID, "SCLOCKID"),
    (ioctl::SFF, "SFF"),
    (ioctl::GMTSLOTS, "GMTSLOTS"),
];

/// With a length of their caller's choice.
const LONG: [(u32, &str); 8] = [
    (ioctl::GNAME, "GNAME"),
    (ioctl::GPHYS, "GPHYS"),
    (ioctl::GUNIQ, "GUNIQ"),
    (ioctl::GPROP, "GPROP"),
    (ioctl::GKEY, "GKEY"),
    (ioctl::GLED, "GLED"),
    (ioctl::GSND, "GSND"),
    (ioctl::GSW, "GSW"),
];

/// The name of a type of events: `EV_KEY`.
fn type_name(kind: u16) -> Option<&'static str> {
    let names = [
        (ev::SYN, "EV_SYN"),
        (ev::KEY, "EV_KEY"),
        (ev::REL, "EV_REL"),
        (ev::ABS, "EV_ABS"),
        (ev::MSC, "EV_MSC"),
        (ev::SW, "EV_SW"),
        (ev::LED, "EV_LED"),
        (ev::SND, "EV_SND"),
        (ev::REP, "EV_REP"),
        (ev::FF, "EV_FF"),
        (ev::PWR, "EV_PWR"),
    ];
    names.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name)
}

/// A call in words, valid or not.
pub(super) struct What<'a>(pub(super) &'a Call);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Call::Read { size } | Call::ReadAt { size, .. } => write!(f, "events, up to {size} bytes"),
            Call::Write { data } | Call::WriteAt { data, .. } => written(f, data),
            Call::Ioctl { command, argument } => asked(f, *command, *argument),
        }
    }
}

/// The first event, and how many there are.
fn written(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    let first = queue::events(&data[..data.len().min(EVENT_SIZE)]);
    let Some(first) = first.first() else { return write!(f, "{} bytes", data.len()) };
    match type_name(first.kind) {
        Some(name) => write!(f, "{name}")?,
        None => write!(f, "type {:#x}", first.kind)?,
    }
    write!(f, " {:#x} {}", first.code, first.value)?;
    match data.len() / EVENT_SIZE {
        1 => Ok(()),
        count => write!(f, ", {count} events"),
    }
}

fn asked(f: &mut fmt::Formatter<'_>, command: u32, argument: u64) -> fmt::Result {
    let (bare, size) = ioctl::split(command);
    let number = bare & 0xff;
    let named = |names: &[(u32, &'static str)], number: u32| {
        names.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
    };
    match (named(&NAMES, command).or_else(|| named(&NAMES, bare)), named(&LONG, bare)) {
        (Some(name @ ("GRAB" | "RMFF" | "REVOKE")), _) => write!(f, "EVIOC{name} {argument}"),
        (Some(name), _) => write!(f, "EVIOC{name}"),
        (_, Some(name)) => write!(f, "EVIOC{name} {size}"),
        _ if (ioctl::GBIT..ioctl::GBIT + 32).contains(&bare) => match type_name((number & 0x1f) as u16) {
            Some(name) => write!(f, "EVIOCGBIT {name} {size}"),
            None => write!(f, "EVIOCGBIT {:#x} {size}", number & 0x1f),
        },
        _ if (ioctl::GABS..ioctl::GABS + 64).contains(&bare) => write!(f, "EVIOCGABS {:#x}", number & 0x3f),
        _ if (ioctl::SABS..ioctl::SABS + 64).contains(&bare) => write!(f, "EVIOCSABS {:#x}", number & 0x3f),
        _ => write!(f, "{command:#x} {argument:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_called_by_their_names() {
        let name = |command| What(&Call::Ioctl { command, argument: 1 }).to_string();
        assert_eq!(name(0x8004_4501), "EVIOCGVERSION");
        assert_eq!(name(0x4004_4590), "EVIOCGRAB 1");
        assert_eq!(name(0x8060_4518), "EVIOCGKEY 96");
        assert_eq!(name(0x8060_4521), "EVIOCGBIT EV_KEY 96");
        assert_eq!(name(0x8018_4535), "EVIOCGBIT EV_FF 24");
        assert_eq!(name(0x8018_4575), "EVIOCGABS 0x35");
        assert_eq!(name(0x4030_4580), "EVIOCSFF");
        assert_eq!(name(0x8100_450a), "EVIOCGMTSLOTS");
        assert_eq!(name(0x5401), "0x5401 0x1");
        let mut led = vec![0; 48];
        (led[16], led[20]) = (ev::LED as u8, 1);
        assert_eq!(What(&Call::Write { data: led[..24].to_vec() }).to_string(), "EV_LED 0x0 1");
        assert_eq!(What(&Call::Write { data: led }).to_string(), "EV_LED 0x0 1, 2 events");
        assert_eq!(What(&Call::Write { data: vec![0; 3] }).to_string(), "3 bytes");
    }
}
