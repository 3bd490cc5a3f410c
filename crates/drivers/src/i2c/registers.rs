//! What most small sensors share: a pointer register that the first byte written sets, and registers of one or two
//! bytes behind it, most significant byte first.

use super::{Ack, Chip, Direction};
use outlive_classes::i2c::Error;
use std::{fmt, time::Duration};

/// A chip's registers.
pub(super) trait Registers: Clone + Send + fmt::Debug + 'static {
    /// The bits of the pointer that count.
    const POINTER_MASK: u8;

    /// How many bytes register `pointer` has: 1 or 2.
    fn width(&self, pointer: u8) -> usize;

    /// Its value; of a register of one byte, the low one.
    fn get(&self, pointer: u8) -> u16;

    /// Sets it, as far as it can be.
    fn set(&mut self, pointer: u8, value: u16);
}

/// A chip with a pointer and registers.
#[derive(Clone, Debug)]
pub(super) struct RegisterChip<R> {
    registers: R,
    pointer: u8,
    /// Which byte of the register is next.
    position: usize,
    /// Whether the next byte written is the pointer.
    at_pointer: bool,
    /// The bytes of the register that have been written.
    incoming: u16,
}

impl<R: Registers> RegisterChip<R> {
    pub(super) fn new(registers: R) -> Self {
        RegisterChip { registers, pointer: 0, position: 0, at_pointer: false, incoming: 0 }
    }
}

impl<R: Registers> Chip for RegisterChip<R> {
    fn heeds_time(&self) -> bool {
        false
    }

    fn start(&mut self, _: u16, direction: Direction, _: Duration) -> Ack {
        self.position = 0;
        self.at_pointer = direction == Direction::Write;
        Ack::Ack
    }

    fn write(&mut self, byte: u8) -> Ack {
        if std::mem::take(&mut self.at_pointer) {
            self.pointer = byte & R::POINTER_MASK;
            return Ack::Ack;
        }
        let width = self.registers.width(self.pointer);
        if self.position < width {
            self.incoming = (self.incoming << 8) | u16::from(byte);
            self.position += 1;
            if self.position == width {
                self.registers.set(self.pointer, self.incoming);
                self.incoming = 0;
            }
        }
        Ack::Ack
    }

    fn read(&mut self) -> u8 {
        let width = self.registers.width(self.pointer);
        let value = self.registers.get(self.pointer);
        let byte = if self.position % width + 1 == width { value } else { value >> 8 };
        self.position += 1;
        byte as u8
    }

    fn stop(&mut self, _: Duration) -> Result<(), Error> {
        self.abandon();
        Ok(())
    }

    fn stand_in(&self) -> Box<dyn Chip> {
        Box::new(self.clone())
    }

    fn abandon(&mut self) {
        (self.position, self.incoming, self.at_pointer) = (0, 0, false);
    }
}
