//! The TMP102 temperature sensor, from its data sheet (Texas Instruments SBOS397).

use super::registers::Registers;

const TEMPERATURE: u8 = 0;
const CONFIGURATION: u8 = 1;
const LOW_LIMIT: u8 = 2;

/// One-shot: set to begin a conversion while shut down; reads as set when it is done, which here is at once.
const ONE_SHOT: u16 = 1 << 15;
/// The resolution, which cannot be changed.
const RESOLUTION: u16 = 0b11 << 13;
const POLARITY: u16 = 1 << 10;
const SHUTDOWN: u16 = 1 << 8;
/// The alert bit, which can only be read.
const ALERT: u16 = 1 << 5;
/// Extended mode: 13 bits of temperature instead of 12.
const EXTENDED: u16 = 1 << 4;
const RESERVED: u16 = 0xf;

/// The registers of a TMP102: twelve or thirteen bits of temperature, a sixteenth of a degree each.
#[derive(Clone, Debug)]
pub(super) struct Tmp102 {
    /// In sixteenths of a degree Celsius.
    temperature: i32,
    configuration: u16,
    low_limit: u16,
    high_limit: u16,
}

impl Tmp102 {
    /// One that measures `temperature`, in thousandths of a degree Celsius; limits (75 and 80) as after power-up.
    pub(super) fn new(temperature: i32) -> Self {
        Tmp102 {
            temperature: (temperature * 16).div_euclid(1000),
            configuration: 0x6080,
            low_limit: 0x4b00,
            high_limit: 0x5000,
        }
    }

    fn reading(&self) -> u16 {
        if self.configuration & EXTENDED != 0 {
            // The lowest bit says that it is the longer form.
            (self.temperature.clamp(-0x1000, 0xfff) << 3) as u16 | 1
        } else {
            (self.temperature.clamp(-0x800, 0x7ff) << 4) as u16
        }
    }

    /// In comparator mode, which with a temperature that stays is all there is to see.
    fn is_alert(&self) -> bool {
        self.reading() as i16 & !7 >= self.high_limit as i16
    }
}

impl Registers for Tmp102 {
    const POINTER_MASK: u8 = 0b11;

    fn width(&self, _: u8) -> usize {
        2
    }

    fn get(&self, pointer: u8) -> u16 {
        match pointer {
            TEMPERATURE => self.reading(),
            CONFIGURATION => {
                // The bit follows the pin, which is active low unless the polarity is inverted.
                let alert = self.is_alert() == (self.configuration & POLARITY != 0);
                let one_shot = if self.configuration & SHUTDOWN != 0 { ONE_SHOT } else { 0 };
                self.configuration | one_shot | if alert { ALERT } else { 0 }
            }
            LOW_LIMIT => self.low_limit,
            _ => self.high_limit,
        }
    }

    fn set(&mut self, pointer: u8, value: u16) {
        match pointer {
            TEMPERATURE => {}
            CONFIGURATION => self.configuration = value & !(ONE_SHOT | RESOLUTION | ALERT | RESERVED) | RESOLUTION,
            LOW_LIMIT => self.low_limit = value & !7,
            _ => self.high_limit = value & !7,
        }
    }
}
