//! A chip of 256 registers at 0x50, on an adapter that can be told how to behave.

use crate::i2c::{
    Adapter, Error, Message, Transfer,
    uapi::{flag, func},
};
use outlive::Cause;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

/// Its address.
pub(super) const ADDRESS: u16 = 0x50;
/// Nobody is here.
pub(super) const NOBODY: u16 = 0x20;
/// A driver has claimed this one.
pub(super) const CLAIMED: u16 = 0x30;

/// What the adapter does with a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behaviour {
    /// Carries it out.
    Prompt,
    /// Keeps it until it is cancelled or [`Chip::release`]d.
    Park,
    /// Keeps it until it is released, whatever comes.
    Deaf,
    /// Loses the arbitration that many times, then carries it out.
    Lose(u32),
    /// Drops it.
    Forget,
    /// Panics.
    Panic,
    /// Answers with one byte too many in the last message.
    TooLong,
    /// Answers with one message too few.
    TooFew,
}

/// A handle to the adapter, which its bus has another of.
#[derive(Clone, Debug)]
pub(super) struct Chip(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    behaviour: Mutex<Behaviour>,
    functionality: AtomicU32,
    registers: Mutex<Registers>,
    parked: Mutex<Vec<(Vec<Message>, Transfer)>>,
    attempts: AtomicUsize,
    teardowns: AtomicUsize,
}

#[derive(Debug)]
struct Registers {
    bytes: [u8; 256],
    pointer: u8,
}

impl Chip {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        Chip(Arc::new(Inner {
            behaviour: Mutex::new(behaviour),
            functionality: AtomicU32::new(func::I2C_FUNC_I2C | func::I2C_FUNC_SMBUS_EMUL_ALL),
            registers: Mutex::new(Registers { bytes: std::array::from_fn(|i| i as u8), pointer: 0 }),
            parked: Mutex::default(),
            attempts: AtomicUsize::new(0),
            teardowns: AtomicUsize::new(0),
        }))
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.0.behaviour.lock().unwrap() = behaviour;
    }

    pub(super) fn set_functionality(&self, functionality: u32) {
        self.0.functionality.store(functionality, Ordering::Relaxed);
    }

    pub(super) fn set(&self, register: u8, bytes: &[u8]) {
        let start = usize::from(register);
        self.0.registers.lock().unwrap().bytes[start..start + bytes.len()].copy_from_slice(bytes);
    }

    pub(super) fn get(&self, register: u8, size: usize) -> Vec<u8> {
        let start = usize::from(register);
        self.0.registers.lock().unwrap().bytes[start..start + size].to_vec()
    }

    /// How many transfers it was handed.
    pub(super) fn attempts(&self) -> usize {
        self.0.attempts.load(Ordering::Relaxed)
    }

    /// How often it had its last word.
    pub(super) fn teardowns(&self) -> usize {
        self.0.teardowns.load(Ordering::Relaxed)
    }

    /// How many it keeps.
    pub(super) fn parked(&self) -> usize {
        self.0.parked.lock().unwrap().len()
    }

    /// Carries out what it keeps.
    pub(super) fn release(&self) {
        let parked = std::mem::take(&mut *self.0.parked.lock().unwrap());
        for (messages, transfer) in parked {
            let done = self.carry_out(messages);
            transfer.answer(done);
        }
    }

    fn carry_out(&self, mut messages: Vec<Message>) -> Result<Vec<Message>, Error> {
        let mut registers = self.0.registers.lock().unwrap();
        for message in &mut messages {
            if message.address != ADDRESS || message.flags & flag::I2C_M_TEN != 0 {
                return Err(Error::NoAcknowledge);
            }
            if message.flags & flag::I2C_M_RD != 0 {
                registers.read(message);
            } else if let [pointer, data @ ..] = &message.data[..] {
                registers.pointer = *pointer;
                data.iter().for_each(|byte| *registers.next() = *byte);
            }
        }
        Ok(messages)
    }

    fn park(&self, messages: Vec<Message>, transfer: Transfer, hears: bool) {
        let (chip, number) = (self.clone(), transfer.number());
        if hears {
            transfer.on_cancel(move |cause: Cause| {
                let mut parked = chip.0.parked.lock().unwrap();
                let place = parked.iter().position(|(_, transfer)| transfer.number() == number);
                let found = place.map(|place| parked.remove(place));
                drop(parked);
                if let Some((_, transfer)) = found {
                    transfer.let_go(cause);
                }
            });
        }
        self.0.parked.lock().unwrap().push((messages, transfer));
    }
}

impl Registers {
    fn next(&mut self) -> &mut u8 {
        let byte = &mut self.bytes[usize::from(self.pointer)];
        self.pointer = self.pointer.wrapping_add(1);
        byte
    }

    fn read(&mut self, message: &mut Message) {
        if message.flags & flag::I2C_M_RECV_LEN != 0 {
            let block = usize::from(self.bytes[usize::from(self.pointer)]);
            message.data.resize(message.data.len() + block, 0);
        }
        message.data.iter_mut().for_each(|byte| *byte = *self.next());
    }
}

impl Adapter for Chip {
    fn stand_in(&self) -> Option<Box<dyn Adapter>> {
        let kept = Chip::new(Behaviour::Prompt);
        let registers = self.0.registers.lock().unwrap();
        *kept.0.registers.lock().unwrap() = Registers { bytes: registers.bytes, pointer: registers.pointer };
        (self.functionality() & func::I2C_FUNC_10BIT_ADDR == 0).then(|| Box::new(kept) as _)
    }

    fn functionality(&self) -> u32 {
        self.0.functionality.load(Ordering::Relaxed)
    }

    fn transfer(&self, messages: Vec<Message>, transfer: Transfer) {
        let attempt = self.0.attempts.fetch_add(1, Ordering::Relaxed) as u32;
        let behaviour = *self.0.behaviour.lock().unwrap();
        match behaviour {
            Behaviour::Park => return self.park(messages, transfer, true),
            Behaviour::Deaf => return self.park(messages, transfer, false),
            Behaviour::Lose(times) if attempt < times => return transfer.answer(Err(Error::ArbitrationLost)),
            Behaviour::Forget => return drop(transfer),
            Behaviour::Panic => panic!("a planted bug of the driver's"),
            _ => {}
        }
        let mut done = self.carry_out(messages);
        match (behaviour, &mut done) {
            (Behaviour::TooLong, Ok(messages)) => messages.last_mut().unwrap().data.push(0xee),
            (Behaviour::TooFew, Ok(messages)) => drop(messages.pop()),
            _ => {}
        }
        transfer.answer(done);
    }

    fn is_claimed(&self, address: u16) -> bool {
        address == CLAIMED
    }

    fn teardown(&mut self) {
        self.0.teardowns.fetch_add(1, Ordering::Relaxed);
    }
}
