//! Calls in words, for records and traces.

use super::uapi::{USER_DEV_SIZE, ioctl};
use crate::{
    Call,
    input::{Value, events, uapi::EVENT_SIZE, uapi::ioctl::split},
};
use std::fmt;

const NAMES: [(u32, &str); 19] = [
    (ioctl::DEV_CREATE, "DEV_CREATE"),
    (ioctl::DEV_DESTROY, "DEV_DESTROY"),
    (ioctl::DEV_SETUP, "DEV_SETUP"),
    (ioctl::GET_VERSION, "GET_VERSION"),
    (ioctl::SET_EVBIT, "SET_EVBIT"),
    (ioctl::SET_KEYBIT, "SET_KEYBIT"),
    (ioctl::SET_RELBIT, "SET_RELBIT"),
    (ioctl::SET_ABSBIT, "SET_ABSBIT"),
    (ioctl::SET_MSCBIT, "SET_MSCBIT"),
    (ioctl::SET_LEDBIT, "SET_LEDBIT"),
    (ioctl::SET_SNDBIT, "SET_SNDBIT"),
    (ioctl::SET_FFBIT, "SET_FFBIT"),
    (ioctl::SET_PHYS, "SET_PHYS"),
    (ioctl::SET_SWBIT, "SET_SWBIT"),
    (ioctl::SET_PROPBIT, "SET_PROPBIT"),
    (ioctl::BEGIN_FF_UPLOAD, "BEGIN_FF_UPLOAD"),
    (ioctl::END_FF_UPLOAD, "END_FF_UPLOAD"),
    (ioctl::BEGIN_FF_ERASE, "BEGIN_FF_ERASE"),
    (ioctl::END_FF_ERASE, "END_FF_ERASE"),
];

/// A call in words, valid or not.
pub(super) struct Words<'a>(pub(super) &'a Call);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Call::Read { size } | Call::ReadAt { size, .. } => write!(f, "events, up to {size} bytes"),
            Call::Write { data } | Call::WriteAt { data, .. } => written(f, data),
            Call::Ioctl { command, argument } => asked(f, *command, *argument),
        }
    }
}

fn written(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    if data.len() == USER_DEV_SIZE {
        return f.write_str("uinput_user_dev");
    }
    let first = events(&data[..data.len().min(EVENT_SIZE)]).first().copied();
    let Some(Value { kind, code, value }) = first else { return write!(f, "{} bytes", data.len()) };
    write!(f, "type {kind:#x} {code:#x} {value}")?;
    match data.len() / EVENT_SIZE {
        1 => Ok(()),
        count => write!(f, ", {count} events"),
    }
}

fn asked(f: &mut fmt::Formatter<'_>, command: u32, argument: u64) -> fmt::Result {
    let name = NAMES.iter().find(|(known, _)| *known == command).map(|(_, name)| *name);
    match (name, split(command)) {
        (Some(name), _) if ioctl::VALUES.contains(&command) && command != ioctl::SET_PHYS => {
            write!(f, "UI_{name} {argument:#x}")
        }
        (Some(name), _) => write!(f, "UI_{name}"),
        (None, (ioctl::ABS_SETUP, _)) => f.write_str("UI_ABS_SETUP"),
        (None, (ioctl::GET_SYSNAME, size)) => write!(f, "UI_GET_SYSNAME {size}"),
        _ => write!(f, "{command:#x} {argument:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_called_by_their_names() {
        let name = |command| Words(&Call::Ioctl { command, argument: 0x1e }).to_string();
        assert_eq!(name(0x5501), "UI_DEV_CREATE");
        assert_eq!(name(0x405c_5503), "UI_DEV_SETUP");
        assert_eq!(name(0x401c_5504), "UI_ABS_SETUP");
        assert_eq!(name(0x4004_5565), "UI_SET_KEYBIT 0x1e");
        assert_eq!(name(0x4008_556c), "UI_SET_PHYS");
        assert_eq!(name(0x8050_552c), "UI_GET_SYSNAME 80");
        assert_eq!(name(0xc068_55c8), "UI_BEGIN_FF_UPLOAD");
        assert_eq!(name(0x400c_55cb), "UI_END_FF_ERASE");
        assert_eq!(name(0x5401), "0x5401 0x1e");
        assert_eq!(Words(&Call::Write { data: vec![0; USER_DEV_SIZE] }).to_string(), "uinput_user_dev");
        assert_eq!(Words(&Call::Write { data: vec![0; 48] }).to_string(), "type 0x0 0x0 0, 2 events");
        assert_eq!(Words(&Call::Write { data: vec![0; 3] }).to_string(), "3 bytes");
    }
}
