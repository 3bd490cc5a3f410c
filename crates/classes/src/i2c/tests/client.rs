//! A bench: a bus, a client that has it open, and the client's memory.

use super::chip::{Behaviour, Chip};
use crate::{
    Access, Answer, Call, Contract, Errno, File, OpenFlags, Plugged,
    client::OnArrival,
    i2c::{
        Bus,
        uapi::{Msg, RdwrData, SmbusData},
    },
};
use outlive::{Numbers, Policy, Reason};
use std::{sync::Arc, time::Duration};

pub(super) use crate::client::{Arena, BASE, Data, Heard, READ_ONLY, SIZE, WILD};

/// A bus with one chip, a client that has it open, and the client's memory.
pub(super) struct Bench {
    pub(super) bus: Arc<Bus>,
    pub(super) chip: Chip,
    pub(super) file: Arc<dyn File>,
    pub(super) arena: Arc<Arena>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Behaviour::Prompt)
    }

    pub(super) fn with(behaviour: Behaviour) -> Self {
        Self::under(Contract::Strict, behaviour)
    }

    pub(super) fn under(contract: Contract, behaviour: Behaviour) -> Self {
        let chip = Chip::new(behaviour);
        let number = Numbers::new().claim(7).unwrap();
        let bus = Arc::new(Bus::plug_under(contract, number, Box::new(chip.clone())));
        let file = bus.open(OpenFlags { access: Access::ReadWrite, nonblock: false }).unwrap();
        Bench { bus, chip, file, arena: Arena::new() }
    }

    /// Begins a call.
    pub(super) fn begin(&self, call: Call) -> (Option<u64>, Heard) {
        self.begin_with(call, None)
    }

    pub(super) fn begin_with(&self, call: Call, on_arrival: Option<OnArrival>) -> (Option<u64>, Heard) {
        let heard = Heard::default();
        let number = self.file.call(call, self.arena.clone(), heard.ticket(on_arrival));
        assert_eq!(self.arena.take_double_fetch(), None, "fetched twice");
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

    pub(super) fn pull(&self) {
        self.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).expect("nobody stays inside");
    }
}

/// `struct i2c_msg` as a client has it.
pub(super) fn msg(message: &Msg) -> Vec<u8> {
    let head = [message.addr, message.flags, message.len, 0xdead];
    [head.map(u16::to_ne_bytes).as_flattened(), &message.buf.to_ne_bytes()].concat()
}

/// `struct i2c_rdwr_ioctl_data` as a client has it.
pub(super) fn rdwr_data(data: RdwrData) -> Vec<u8> {
    [&data.msgs.to_ne_bytes()[..], &data.nmsgs.to_ne_bytes(), &[0xad; 4]].concat()
}

/// `struct i2c_smbus_ioctl_data` as a client has it.
pub(super) fn smbus_data(data: SmbusData) -> Vec<u8> {
    [&[data.read_write, data.command, 0xde, 0xad][..], &data.size.to_ne_bytes(), &data.data.to_ne_bytes()].concat()
}
