//! From a client's call to an operation. This is where its memory is read: once, before anything else happens.
//!
//! The order of the checks is that of `evdev_do_ioctl` of `drivers/input/evdev.c`, since a call with two faults gets the
//! error of the first. What a device can do does not change, so that all of them can be made here.

use super::{
    Axis, Bits, ClockId, Description, Effect, Value,
    bits::bytes_up_to,
    queue,
    uapi::{self, ABS_SIZE, EVENT_SIZE, KEYMAP_SIZE, MASK_SIZE, MOST_WRITTEN, abs, ev, ioctl},
};
use crate::{Answer, Call, Errno, Memory};

/// Something to be done. Everything the client sent has been checked and copied.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Operation {
    /// Whole events, in as many bytes; 0: whether there are any.
    Read { size: usize },
    /// Events, for the device and for all its clients, and how many bytes that are.
    Write { events: Vec<Value>, size: usize },
    /// To be written to the client's memory, and what the call returns.
    Tell { to: u64, bytes: Vec<u8>, value: i32 },
    /// What is down, lit or on of that type; in as many bytes.
    On { kind: u16, to: u64, size: usize },
    /// Where up to so many contacts are on that axis.
    Contacts { axis: u16, to: u64, most: usize },
    /// What an axis is like, in as many bytes.
    Axis { code: u16, to: u64, size: usize },
    /// An axis is like that.
    SetAxis { code: u16, axis: Axis },
    /// How keys are repeated.
    Rate { to: u64 },
    /// They are repeated like that.
    SetRate([i32; 2]),
    /// An effect, whose number is to be written there.
    Upload { effect: Effect, to: u64 },
    /// An effect that is to be forgotten.
    Erase { number: i32 },
    /// Everything for this client alone, or not any more.
    Grab(bool),
    /// Nothing for this client any more.
    Revoke,
    /// The codes of that type that this client gets.
    Mask { kind: u32, to: u64, size: usize },
    /// It gets these.
    SetMask { kind: u16, codes: Bits },
    /// The clock of its times.
    Clock(ClockId),
    /// There is nothing to do.
    Nothing(Answer),
}

/// Decodes `call` on a device that is like that.
pub(super) fn decode(call: &Call, device: &Description, memory: &dyn Memory) -> Result<Operation, Errno> {
    match call {
        Call::Read { size } if (1..EVENT_SIZE).contains(size) => Err(Errno::INVAL),
        Call::Read { size } => Ok(Operation::Read { size: *size }),
        Call::Write { data } if (1..EVENT_SIZE).contains(&data.len()) => Err(Errno::INVAL),
        Call::Write { data } => {
            let events = queue::events(&data[..data.len().min(MOST_WRITTEN)]);
            let size = events.len() * EVENT_SIZE;
            Ok(Operation::Write { events, size })
        }
        Call::ReadAt { .. } | Call::WriteAt { .. } => Err(Errno::SPIPE),
        Call::Ioctl { command, argument } => Asked { device, memory, at: *argument }.ioctl(*command),
    }
}

/// Nothing can be read anywhere.
fn get(memory: &dyn Memory, from: u64, into: &mut [u8]) -> Result<(), Errno> {
    if into.is_empty() { Ok(()) } else { memory.read(from, into).map_err(Errno::from) }
}

struct Asked<'a> {
    device: &'a Description,
    memory: &'a dyn Memory,
    /// Where its argument is, or what.
    at: u64,
}

type Meant = Result<Operation, Errno>;

impl Asked<'_> {
    fn fetch<const N: usize>(&self) -> Result<[u8; N], Errno> {
        let mut bytes = [0; N];
        self.memory.read(self.at, &mut bytes)?;
        Ok(bytes)
    }

    fn word(&self) -> Result<u32, Errno> {
        self.fetch().map(u32::from_ne_bytes)
    }

    /// At most `size` bytes of these, and how many.
    fn tell_some(&self, mut bytes: Vec<u8>, size: usize) -> Meant {
        bytes.truncate(size);
        Ok(Operation::Tell { to: self.at, value: bytes.len() as i32, bytes })
    }

    fn tell(&self, bytes: Vec<u8>) -> Meant {
        Ok(Operation::Tell { to: self.at, bytes, value: 0 })
    }

    fn has_repeat(&self) -> Result<(), Errno> {
        if self.device.has_type(ev::REP) { Ok(()) } else { Err(Errno::NOSYS) }
    }

    /// The ones with a fixed length; then those whose length is the client's choice.
    fn ioctl(&self, command: u32) -> Meant {
        match command {
            ioctl::GVERSION => self.tell(uapi::VERSION.to_ne_bytes().to_vec()),
            ioctl::GID => self.tell(self.device.id.words().iter().flat_map(|word| word.to_ne_bytes()).collect()),
            ioctl::GREP => self.has_repeat().map(|()| Operation::Rate { to: self.at }),
            ioctl::SREP => {
                self.has_repeat()?;
                let bytes: [u8; 8] = self.fetch()?;
                let word = |at: usize| i32::from_ne_bytes(std::array::from_fn(|index| bytes[at + index]));
                Ok(Operation::SetRate([word(0), word(4)]))
            }
            ioctl::RMFF => Ok(Operation::Erase { number: self.at as i32 }),
            ioctl::GEFFECTS => {
                let count = if self.device.has_type(ev::FF) { self.device.effects as u32 } else { 0 };
                self.tell(count.to_ne_bytes().to_vec())
            }
            ioctl::GRAB => Ok(Operation::Grab(self.at != 0)),
            ioctl::REVOKE if self.at != 0 => Err(Errno::INVAL),
            ioctl::REVOKE => Ok(Operation::Revoke),
            ioctl::GMASK => {
                let [kind, size, to] = self.mask()?;
                Ok(Operation::Mask { kind: kind as u32, to, size: size as usize })
            }
            ioctl::SMASK => self.set_mask(),
            ioctl::SCLOCKID => Ok(Operation::Clock(ClockId::numbered(self.word()?).ok_or(Errno::INVAL)?)),
            // Without a keymap (`input_default_getkeycode`), or with a code that there is not.
            ioctl::GKEYCODE => self.fetch::<4>().and(Err(Errno::INVAL)),
            ioctl::SKEYCODE => self.fetch::<8>().and(Err(Errno::INVAL)),
            ioctl::GKEYCODE_V2 | ioctl::SKEYCODE_V2 => self.fetch::<KEYMAP_SIZE>().and(Err(Errno::INVAL)),
            _ => self.variable(command),
        }
    }

    fn variable(&self, command: u32) -> Meant {
        let (bare, size) = ioctl::split(command);
        let on = |kind| Ok(Operation::On { kind, to: self.at, size });
        match bare {
            ioctl::GPROP => self.tell_some(self.device.properties.to_bytes(uapi::PROP_MAX), size),
            ioctl::GMTSLOTS => self.contacts(size),
            ioctl::GKEY => on(ev::KEY),
            ioctl::GLED => on(ev::LED),
            ioctl::GSND => on(ev::SND),
            ioctl::GSW => on(ev::SW),
            ioctl::GNAME => self.text(Some(&self.device.name), size),
            ioctl::GPHYS => self.text(self.device.phys.as_ref(), size),
            ioctl::GUNIQ => self.text(self.device.uniq.as_ref(), size),
            ioctl::SFF if size == uapi::EFFECT_SIZE => {
                Ok(Operation::Upload { effect: Effect::from_bytes(self.fetch()?), to: self.at })
            }
            ioctl::SFF => Err(Errno::FAULT),
            _ => self.numbered(bare, size),
        }
    }

    /// The ones of which there is one for each type or axis.
    fn numbered(&self, bare: u32, size: usize) -> Meant {
        let of = |first: u32, count: u32| bare.checked_sub(first).filter(|index| *index < count).map(|it| it as u16);
        if let Some(kind) = of(ioctl::GBIT, u32::from(ev::MAX) + 1) {
            let highest = uapi::highest(kind).ok_or(Errno::INVAL)?;
            return self.tell_some(self.device.shown(kind).to_bytes(highest), size);
        }
        let axes = u32::from(abs::MAX) + 1;
        if let Some(code) = of(ioctl::GABS, axes) {
            self.has_axes()?;
            return Ok(Operation::Axis { code, to: self.at, size: size.min(ABS_SIZE) });
        }
        if let Some(code) = of(ioctl::SABS, axes) {
            self.has_axes()?;
            let mut bytes = [0; ABS_SIZE];
            get(self.memory, self.at, &mut bytes[..size.min(ABS_SIZE)])?;
            let mut axis = Axis::from_bytes(&bytes);
            if size < ABS_SIZE {
                axis.resolution = 0;
            }
            // There are as many slots as there are.
            return if code == abs::MT_SLOT { Err(Errno::INVAL) } else { Ok(Operation::SetAxis { code, axis }) };
        }
        Err(Errno::INVAL)
    }

    fn has_axes(&self) -> Result<(), Errno> {
        if self.device.axes.is_empty() { Err(Errno::INVAL) } else { Ok(()) }
    }

    fn text(&self, text: Option<&String>, size: usize) -> Meant {
        let text = text.ok_or(Errno::NOENT)?;
        self.tell_some([text.as_bytes(), b"\0"].concat(), size)
    }

    /// `evdev_handle_mt_request`
    fn contacts(&self, size: usize) -> Meant {
        let code = self.word()?;
        let axis = u16::try_from(code).ok().filter(|code| (abs::MT_FIRST..=abs::MT_LAST).contains(code));
        match axis {
            Some(axis) if self.device.slots() > 0 => {
                Ok(Operation::Contacts { axis, to: self.at.wrapping_add(4), most: size.saturating_sub(4) / 4 })
            }
            _ => Err(Errno::INVAL),
        }
    }

    /// Type, length and place of `struct input_mask`.
    fn mask(&self) -> Result<[u64; 3], Errno> {
        let bytes: [u8; MASK_SIZE] = self.fetch()?;
        let word = |at: usize| u64::from(u32::from_ne_bytes(std::array::from_fn(|index| bytes[at + index])));
        Ok([word(0), word(4), u64::from_ne_bytes(std::array::from_fn(|index| bytes[8 + index]))])
    }

    /// `evdev_set_mask`: types that there are not are accepted, for programs that know more than we.
    fn set_mask(&self) -> Meant {
        let [kind, size, from] = self.mask()?;
        let known = u16::try_from(kind).ok().and_then(|kind| Some((kind, uapi::highest(kind)?)));
        let Some((kind, highest)) = known else { return Ok(Operation::Nothing(Answer::Value(0))) };
        if !size.is_multiple_of(8) {
            return Err(Errno::INVAL);
        }
        let mut bytes = vec![0; (size as usize).min(bytes_up_to(highest))];
        get(self.memory, from, &mut bytes)?;
        // Whole words are kept, and told again: also of codes that there are not.
        Ok(Operation::SetMask { kind, codes: Bits::from_bytes(&bytes, u16::MAX) })
    }
}
