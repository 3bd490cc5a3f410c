//! From a program's call to an operation. This is where its memory is read: once, before anything else happens.
//!
//! The order of the checks is that of `uinput_ioctl_handler` of `drivers/input/misc/uinput.c`.

use super::{
    setup::{self, Who, check_axis, word},
    uapi::{ABS_SETUP_SIZE, ERASE_SIZE, FF_ERASE, FF_UPLOAD, PHYS_SIZE, SETUP_SIZE, UPLOAD_SIZE, ioctl},
};
use crate::{
    Call, Errno, Memory,
    input::{
        Axis,
        uapi::{ABS_SIZE, EVENT_SIZE, PROP_MAX, abs, ev, ioctl::split},
    },
};

/// Something to be done. Everything the program sent has been checked and copied.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Operation {
    /// Whole events, in as many bytes; 0: whether there are any.
    Read {
        size: usize,
    },
    /// Events of the device that has been made; else what it is to be.
    Write(Vec<u8>),
    /// The version of all this, to be written there.
    Version {
        to: u64,
    },
    Create,
    Destroy,
    Set(Set),
    /// What the device is called in /sys, in as many bytes.
    Name {
        to: u64,
        size: usize,
    },
    /// What is request `id` about? To be written there.
    Begin {
        kind: u16,
        id: u32,
        to: u64,
    },
    /// Request `id` is done; what it came to.
    End {
        kind: u16,
        id: u32,
        result: i32,
    },
}

/// Something said of a device that is not there yet.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Set {
    Who(Who),
    Type(u16),
    Code(u16, u16),
    Property(u16),
    Phys(String),
    Axis(u16, Axis),
}

/// Decodes `call`; `made`: there is a device, of which nothing can be said any more.
pub(super) fn decode(call: &Call, made: bool, memory: &dyn Memory) -> Result<Operation, Errno> {
    match call {
        Call::Read { size } if (1..EVENT_SIZE).contains(size) => Err(Errno::INVAL),
        Call::Read { size } => Ok(Operation::Read { size: *size }),
        Call::Write { data } => Ok(Operation::Write(data.clone())),
        Call::ReadAt { .. } | Call::WriteAt { .. } => Err(Errno::SPIPE),
        Call::Ioctl { command, argument } => Asked { made, memory, at: *argument }.ioctl(*command),
    }
}

struct Asked<'a> {
    made: bool,
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

    fn ioctl(&self, command: u32) -> Meant {
        match command {
            ioctl::GET_VERSION => Ok(Operation::Version { to: self.at }),
            ioctl::DEV_CREATE => Ok(Operation::Create),
            ioctl::DEV_DESTROY => Ok(Operation::Destroy),
            ioctl::DEV_SETUP => {
                self.not_made()?;
                Ok(Operation::Set(Set::Who(Who::of_setup(&self.fetch::<SETUP_SIZE>()?))))
            }
            ioctl::SET_EVBIT => self.up_to(ev::MAX, Set::Type),
            ioctl::SET_KEYBIT => self.code(ev::KEY),
            ioctl::SET_RELBIT => self.code(ev::REL),
            ioctl::SET_ABSBIT => self.code(ev::ABS),
            ioctl::SET_MSCBIT => self.code(ev::MSC),
            ioctl::SET_LEDBIT => self.code(ev::LED),
            ioctl::SET_SNDBIT => self.code(ev::SND),
            ioctl::SET_FFBIT => self.code(ev::FF),
            ioctl::SET_SWBIT => self.code(ev::SW),
            ioctl::SET_PROPBIT => self.up_to(PROP_MAX, Set::Property),
            ioctl::SET_PHYS => self.phys(),
            ioctl::BEGIN_FF_UPLOAD => self.begin::<UPLOAD_SIZE>(FF_UPLOAD),
            ioctl::BEGIN_FF_ERASE => self.begin::<ERASE_SIZE>(FF_ERASE),
            ioctl::END_FF_UPLOAD => self.end::<UPLOAD_SIZE>(FF_UPLOAD),
            ioctl::END_FF_ERASE => self.end::<ERASE_SIZE>(FF_ERASE),
            _ => match split(command) {
                (ioctl::GET_SYSNAME, size) => Ok(Operation::Name { to: self.at, size }),
                (ioctl::ABS_SETUP, size) => self.axis(size),
                _ => Err(Errno::INVAL),
            },
        }
    }

    /// What is there cannot be changed.
    fn not_made(&self) -> Result<(), Errno> {
        if self.made { Err(Errno::INVAL) } else { Ok(()) }
    }

    fn up_to(&self, highest: u16, set: impl FnOnce(u16) -> Set) -> Meant {
        self.not_made()?;
        let code = u16::try_from(self.at).ok().filter(|code| *code <= highest).ok_or(Errno::INVAL)?;
        Ok(Operation::Set(set(code)))
    }

    fn code(&self, kind: u16) -> Meant {
        self.up_to(setup::highest(kind), |code| Set::Code(kind, code))
    }

    /// A string of its client's, as far as its end, a page at a time: what comes after that need not be there.
    fn phys(&self) -> Meant {
        self.not_made()?;
        let mut bytes = Vec::new();
        while !bytes.contains(&0) {
            if bytes.len() == PHYS_SIZE {
                return Err(Errno::INVAL);
            }
            let from = self.at.wrapping_add(bytes.len() as u64);
            let on_page = crate::PAGE_SIZE - from % crate::PAGE_SIZE;
            let mut piece = vec![0; (on_page as usize).min(PHYS_SIZE - bytes.len())];
            self.memory.read(from, &mut piece)?;
            bytes.extend(piece);
        }
        Ok(Operation::Set(Set::Phys(setup::text(&bytes))))
    }

    /// `uinput_abs_setup`: of a shorter structure the rest is zero.
    fn axis(&self, size: usize) -> Meant {
        if size > ABS_SETUP_SIZE {
            return Err(Errno::TOOBIG);
        }
        self.not_made()?;
        let mut bytes = [0; ABS_SETUP_SIZE];
        if size > 0 {
            self.memory.read(self.at, &mut bytes[..size])?;
        }
        let code = u16::from_ne_bytes([bytes[0], bytes[1]]);
        if code > abs::MAX {
            return Err(Errno::RANGE);
        }
        let mut axis = [0; ABS_SIZE];
        axis.copy_from_slice(&bytes[4..]);
        let axis = Axis::from_bytes(&axis);
        check_axis(code, &axis)?;
        Ok(Operation::Set(Set::Axis(code, axis)))
    }

    fn begin<const N: usize>(&self, kind: u16) -> Meant {
        Ok(Operation::Begin { kind, id: word(&self.fetch::<N>()?, 0), to: self.at })
    }

    fn end<const N: usize>(&self, kind: u16) -> Meant {
        let bytes = self.fetch::<N>()?;
        Ok(Operation::End { kind, id: word(&bytes, 0), result: word(&bytes, 4).cast_signed() })
    }
}
