//! Static RAM on an I2C bus: the PCF8570 (NXP, data sheet of 1999), 256 bytes.

use super::{Ack, Chip, Direction};
use outlive_classes::i2c::Error;
use std::time::Duration;

/// Bytes in all; the address counter is a byte and wraps around.
const SIZE: usize = 256;

/// A PCF8570. In contrast to an EEPROM it has no pages and no write cycle: each byte is kept as it is acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Sram {
    content: [u8; SIZE],
    /// The address counter: where the next byte is read or written.
    counter: u8,
    /// Whether the next byte written sets the counter.
    at_address: bool,
}

impl Sram {
    /// As it is powered up. The data sheet leaves its content open; here it is zeroes.
    pub(super) fn new() -> Self {
        Sram { content: [0; SIZE], counter: 0, at_address: false }
    }
}

impl Chip for Sram {
    fn heeds_time(&self) -> bool {
        false
    }

    fn start(&mut self, _: u16, direction: Direction, _: Duration) -> Ack {
        self.at_address = direction == Direction::Write;
        Ack::Ack
    }

    fn write(&mut self, byte: u8) -> Ack {
        if std::mem::take(&mut self.at_address) {
            self.counter = byte;
        } else {
            self.content[usize::from(self.counter)] = byte;
            self.counter = self.counter.wrapping_add(1);
        }
        Ack::Ack
    }

    fn read(&mut self) -> u8 {
        let byte = self.content[usize::from(self.counter)];
        self.counter = self.counter.wrapping_add(1);
        byte
    }

    fn stop(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }

    fn stand_in(&self) -> Box<dyn Chip> {
        Box::new(self.clone())
    }

    fn abandon(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(chip: &mut Sram, bytes: &[u8]) {
        chip.start(0x50, Direction::Write, Duration::ZERO);
        bytes.iter().for_each(|byte| assert_eq!(chip.write(*byte), Ack::Ack));
    }

    #[test]
    fn bytes_follow_one_another_and_wrap_around() {
        let mut chip = Sram::new();
        write(&mut chip, &[0xfe, 1, 2, 3]);
        write(&mut chip, &[0xfe]);
        chip.start(0x50, Direction::Read, Duration::ZERO);
        assert_eq!([chip.read(), chip.read(), chip.read(), chip.read()], [1, 2, 3, 0]);
    }

    #[test]
    fn a_byte_is_kept_without_a_stop() {
        let mut chip = Sram::new();
        write(&mut chip, &[7, 0xab]);
        chip.abandon();
        write(&mut chip, &[7]);
        chip.start(0x50, Direction::Read, Duration::ZERO);
        assert_eq!(chip.read(), 0xab);
    }
}
