//! The two wires: carries out the messages of one transfer on the chips of a bus, with everything that `linux/i2c.h`
//! lets a message ask for.

use super::{Ack, Direction, bus::Slot};
use outlive_classes::i2c::{
    Error, Message,
    uapi::{BLOCK_MAX, flag::*},
};
use std::time::Duration;

/// What a byte is read as when no chip drives the line: the pull-up resistors win.
const FLOATING: u8 = 0xff;

/// Carries out `messages`: all of them, or up to the first that fails. A stop condition ends it either way.
///
/// # Errors
/// What went wrong, as [`Error`] says.
pub(super) fn transfer(chips: &mut [Slot], messages: &mut [Message], now: Duration) -> Result<(), Error> {
    let mut wire = Wire { chips, state: State::Idle, now };
    let mut before = 0;
    for (i, message) in messages.iter_mut().enumerate() {
        let carried_out = wire.begin(i == 0, before, message).and_then(|()| wire.data(message));
        if let Err(error) = carried_out {
            wire.stop()?;
            return Err(error);
        }
        before = message.flags;
    }
    wire.stop()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// After a stop.
    Idle,
    /// After a start that no address has followed: the next byte is one.
    Started,
    /// A chip acknowledged its address.
    Selected(usize, Direction),
    /// Nobody did.
    Alone,
}

struct Wire<'a> {
    chips: &'a mut [Slot],
    state: State,
    now: Duration,
}

impl Wire<'_> {
    /// Start condition and address of a message, as far as its flags want them.
    fn begin(&mut self, first: bool, before: u16, message: &Message) -> Result<(), Error> {
        let with_start = message.flags & I2C_M_NOSTART == 0;
        if !first && with_start && before & I2C_M_STOP != 0 {
            self.stop()?;
        }
        if first || with_start {
            self.start();
        }
        if !with_start {
            return Ok(());
        }
        let reads = (message.flags & I2C_M_RD != 0) != (message.flags & I2C_M_REV_DIR_ADDR != 0);
        let direction = if reads { Direction::Read } else { Direction::Write };
        // No model has a 10-bit address, so nobody answers to one.
        let address = if message.flags & I2C_M_TEN != 0 { None } else { Some(message.address) };
        match self.select(address, direction) {
            Ack::Nak if message.flags & I2C_M_IGNORE_NAK == 0 => Err(Error::NoAcknowledge),
            _ => Ok(()),
        }
    }

    fn data(&mut self, message: &mut Message) -> Result<(), Error> {
        if message.flags & I2C_M_RD == 0 {
            return self.write(&message.data, message.flags & I2C_M_IGNORE_NAK != 0);
        }
        // I2C_M_NO_RD_ACK concerns the master's acknowledge, which no model looks at.
        if message.flags & I2C_M_RECV_LEN != 0 {
            let length = self.read_byte();
            if !(1..=BLOCK_MAX).contains(&usize::from(length)) {
                return Err(Error::Protocol);
            }
            let size = message.data.len() + usize::from(length);
            message.data.resize(size, 0);
            message.data[0] = length;
            message.data[1..].fill_with(|| self.read_byte());
        } else {
            message.data.fill_with(|| self.read_byte());
        }
        Ok(())
    }

    fn write(&mut self, data: &[u8], ignore_nak: bool) -> Result<(), Error> {
        for byte in data {
            if self.write_byte(*byte) == Ack::Nak && !ignore_nak {
                return Err(Error::DataRefused);
            }
        }
        Ok(())
    }

    fn write_byte(&mut self, byte: u8) -> Ack {
        match self.state {
            State::Selected(chip, Direction::Write) => self.chips[chip].chip.write(byte),
            State::Started => {
                let direction = if byte & 1 == 0 { Direction::Write } else { Direction::Read };
                self.select(Some(u16::from(byte >> 1)), direction)
            }
            // A chip that was told that it is read does not listen.
            State::Selected(_, Direction::Read) | State::Alone | State::Idle => Ack::Nak,
        }
    }

    fn read_byte(&mut self) -> u8 {
        match self.state {
            State::Selected(chip, Direction::Read) => self.chips[chip].chip.read(),
            _ => FLOATING,
        }
    }

    /// A start condition, repeated or not. Who was selected stays so until it is known who is next.
    fn start(&mut self) {
        if !matches!(self.state, State::Selected(..)) {
            self.state = State::Started;
        }
    }

    fn select(&mut self, address: Option<u16>, direction: Direction) -> Ack {
        let next = address.and_then(|address| self.chips.iter().position(|slot| slot.addresses.contains(&address)));
        if let State::Selected(former, _) = self.state
            && next != Some(former)
        {
            self.chips[former].chip.abandon();
        }
        self.state = State::Alone;
        let (Some(chip), Some(address)) = (next, address) else { return Ack::Nak };
        let ack = self.chips[chip].chip.start(address, direction, self.now);
        if ack == Ack::Ack {
            self.state = State::Selected(chip, direction);
        }
        ack
    }

    fn stop(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Selected(chip, _) => self.chips[chip].chip.stop(self.now),
            _ => Ok(()),
        }
    }
}
