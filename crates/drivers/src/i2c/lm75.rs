//! The LM75 temperature sensor, from its data sheet (Texas Instruments SNOS808).

use super::registers::Registers;

const TEMPERATURE: u8 = 0;
const CONFIGURATION: u8 = 1;
const HYSTERESIS: u8 = 2;

/// The registers of an LM75: nine bits of temperature, half a degree each, at the top of a word.
#[derive(Clone, Debug)]
pub(super) struct Lm75 {
    temperature: u16,
    configuration: u8,
    hysteresis: u16,
    overtemperature: u16,
}

impl Lm75 {
    /// One that measures `temperature`, in thousandths of a degree Celsius; limits as after power-up.
    pub(super) fn new(temperature: i32) -> Self {
        let reading = |thousandths: i32| (thousandths.div_euclid(500) as i16 as u16) << 7;
        Lm75 {
            temperature: reading(temperature),
            configuration: 0,
            hysteresis: reading(75_000),
            overtemperature: reading(80_000),
        }
    }
}

impl Registers for Lm75 {
    const POINTER_MASK: u8 = 0b11;

    fn width(&self, pointer: u8) -> usize {
        if pointer == CONFIGURATION { 1 } else { 2 }
    }

    fn get(&self, pointer: u8) -> u16 {
        match pointer {
            TEMPERATURE => self.temperature,
            CONFIGURATION => u16::from(self.configuration),
            HYSTERESIS => self.hysteresis,
            _ => self.overtemperature,
        }
    }

    fn set(&mut self, pointer: u8, value: u16) {
        match pointer {
            TEMPERATURE => {}
            // The upper three bits are reserved and stay zero.
            CONFIGURATION => self.configuration = value as u8 & 0x1f,
            HYSTERESIS => self.hysteresis = value & 0xff80,
            _ => self.overtemperature = value & 0xff80,
        }
    }
}
