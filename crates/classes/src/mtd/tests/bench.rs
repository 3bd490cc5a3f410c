//! A flash with a client that has it open, and the client's memory.

use super::flash::Memory;
use crate::{
    Access, Answer, Call, Contract, Errno, File, OpenFlags, Plugged,
    client::OnArrival,
    mtd::{Chip, Geometry},
};
use outlive::{Numbers, Policy, Reason};
use std::{sync::Arc, time::Duration};

pub(super) use crate::client::{Arena, BASE, Data, Heard, READ_ONLY, WILD};

/// Room for what is behind pointers.
pub(super) const DATA: u64 = BASE + 0x1000;
/// More of it.
pub(super) const SPARES: u64 = BASE + 0x4000;

pub(super) struct Bench {
    pub(super) chip: Arc<Chip>,
    pub(super) flash: Memory,
    pub(super) file: Arc<dyn File>,
    pub(super) arena: Arc<Arena>,
}

pub(super) fn flags(access: Access) -> OpenFlags {
    OpenFlags { access, nonblock: false }
}

impl Bench {
    pub(super) fn new(geometry: Geometry) -> Self {
        Self::under(Contract::Strict, geometry)
    }

    pub(super) fn under(contract: Contract, geometry: Geometry) -> Self {
        Self::with(contract, Memory::new(geometry))
    }

    pub(super) fn with(contract: Contract, flash: Memory) -> Self {
        let number = Numbers::new().claim(0).unwrap();
        let chip = Arc::new(Chip::plug_under(contract, number, Box::new(flash.clone()), None));
        Self::of(chip, flash, Access::ReadWrite)
    }

    /// A client of `chip`, behind which `flash` is.
    pub(super) fn of(chip: Arc<Chip>, flash: Memory, access: Access) -> Self {
        let file = chip.open(flags(access)).unwrap();
        flash.take_commands();
        Bench { chip, flash, file, arena: Arena::new() }
    }

    /// Another client of the same flash.
    pub(super) fn open(&self, access: Access) -> Self {
        Self::of(self.chip.clone(), self.flash.clone(), access)
    }

    /// Begins a call.
    pub(super) fn begin(&self, call: Call) -> (Option<u64>, Heard) {
        self.begin_with(call, None)
    }

    pub(super) fn begin_with(&self, call: Call, on_arrival: Option<OnArrival>) -> (Option<u64>, Heard) {
        let heard = Heard::default();
        let number = self.file.call(call, self.arena.clone(), heard.ticket(on_arrival));
        assert_eq!(self.arena.take_double_fetch(), None, "fetched twice");
        assert_eq!(self.flash.breaches(), [], "the flash was asked for what it is promised not to be");
        (number, heard)
    }

    /// What a call is named, and its answer.
    pub(super) fn call(&self, call: Call) -> (String, Result<Answer, Errno>) {
        self.begin(call).1.once().expect("one arrival and one answer")
    }

    /// The result of an ioctl.
    pub(super) fn ioctl(&self, command: u32, argument: u64) -> Result<i32, Errno> {
        self.call(Call::Ioctl { command, argument }).1.map(|answer| match answer {
            Answer::Value(value) => value,
            Answer::Data(data) => panic!("an ioctl answered {data:?}"),
        })
    }

    /// The result of an ioctl whose argument is `structure`.
    pub(super) fn ioctl_with(&self, command: u32, structure: &[u8]) -> Result<i32, Errno> {
        self.arena.put(BASE, structure);
        self.ioctl(command, BASE)
    }

    pub(super) fn read(&self, at: u64, size: usize) -> Result<Vec<u8>, Errno> {
        self.call(Call::ReadAt { at, size }).1.map(|answer| match answer {
            Answer::Data(data) => data,
            Answer::Value(value) => panic!("a read answered {value}"),
        })
    }

    pub(super) fn write(&self, at: u64, data: &[u8]) -> Result<i32, Errno> {
        self.call(Call::WriteAt { at, data: data.to_vec() }).1.map(|answer| match answer {
            Answer::Value(value) => value,
            Answer::Data(data) => panic!("a write answered {data:?}"),
        })
    }

    /// A word of the client's memory.
    pub(super) fn word(&self, address: u64) -> u32 {
        u32::from_ne_bytes(self.arena.get(address, 4).try_into().unwrap())
    }

    pub(super) fn pull(&self) {
        self.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).expect("nobody stays inside");
    }
}

/// `struct erase_info_user`
pub(super) fn range(start: u32, length: u32) -> Vec<u8> {
    [start, length].map(u32::to_ne_bytes).concat()
}

/// `struct erase_info_user64`
pub(super) fn range64(start: u64, length: u64) -> Vec<u8> {
    [start, length].map(u64::to_ne_bytes).concat()
}

/// `struct mtd_oob_buf`
pub(super) fn oob(start: u32, length: u32, ptr: u64) -> Vec<u8> {
    [&range(start, length)[..], &ptr.to_ne_bytes()].concat()
}

/// `struct mtd_oob_buf64`
pub(super) fn oob64(start: u64, length: u32, ptr: u64) -> Vec<u8> {
    [&start.to_ne_bytes()[..], &[0xad; 4], &length.to_ne_bytes(), &ptr.to_ne_bytes()].concat()
}

/// `struct mtd_write_req`; with [`read_request`] `struct mtd_read_req`.
pub(super) fn request(start: u64, len: u64, ooblen: u64, data: u64, spare: u64, mode: u8) -> Vec<u8> {
    [[start, len, ooblen, data, spare].map(u64::to_ne_bytes).as_flattened(), &[mode], &[0xad; 7]].concat()
}

/// `struct mtd_read_req`
pub(super) fn read_request(start: u64, len: u64, ooblen: u64, data: u64, spare: u64, mode: u8) -> Vec<u8> {
    [&request(start, len, ooblen, data, spare, mode)[..], &[0xad; 16]].concat()
}
