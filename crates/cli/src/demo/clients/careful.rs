//! The same data logger, written rightly: it waits for what ends by itself, and only for as long as that takes; whatever
//! else fails ends it, with a message and an exit code.

use super::{EEPROM, SENSOR, celsius};
use i2cdev::{
    core::I2CDevice,
    linux::{LinuxI2CDevice, LinuxI2CError},
};
use std::{io, path::Path, process::ExitCode, thread::sleep, time::Duration};

/// How often the EEPROM is asked whether its write cycle has ended, which takes at most 5 ms by its data sheet.
const PATIENCE: u32 = 10;
/// What a bus says when nobody answers to the address: ENXIO of `asm-generic/errno-base.h`. Only that means "not yet".
const NO_ANSWER: i32 = 6;

pub(super) fn run(device: &Path) -> ExitCode {
    match log(device) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the log ends here: {}: {}", device.display(), io::Error::from(error));
            ExitCode::FAILURE
        }
    }
}

fn log(device: &Path) -> Result<(), LinuxI2CError> {
    let mut eeprom = LinuxI2CDevice::new(device, EEPROM)?;
    let mut sensor = LinuxI2CDevice::new(device, SENSOR)?;

    until_it_answers(|| sensor.smbus_read_byte_data(1))?;

    for (address, byte) in (0..).zip(*b"ON") {
        eeprom.smbus_write_byte_data(address, byte)?;
        until_it_answers(|| eeprom.smbus_read_byte())?;
    }

    for _ in 0..16 {
        println!("{:.1} °C", celsius(sensor.smbus_read_word_data(0)?));
    }
    Ok(())
}

fn until_it_answers(mut ask: impl FnMut() -> Result<u8, LinuxI2CError>) -> Result<u8, LinuxI2CError> {
    for _ in 0..PATIENCE {
        match ask() {
            Err(LinuxI2CError::Errno(NO_ANSWER)) => sleep(Duration::from_millis(1)),
            answer => return answer,
        }
    }
    ask()
}
