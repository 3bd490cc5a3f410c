//! A data logger as people usually write one: it works as long as everything works.
//!
//! Each of its habits is a common one, and none of them knows that a device can go: what fails is tried again until it
//! works, what cannot be read counts as zero, what cannot be written is let go, and the rest is unwrapped.

use super::{EEPROM, SENSOR, celsius};
use i2cdev::{core::I2CDevice, linux::LinuxI2CDevice};
use std::{path::Path, process::ExitCode, thread::sleep, time::Duration};

pub(super) fn run(device: &Path) -> ExitCode {
    let mut eeprom = LinuxI2CDevice::new(device, EEPROM).unwrap();
    let mut sensor = LinuxI2CDevice::new(device, SENSOR).unwrap();

    // Wait until the sensor is up.
    while sensor.smbus_read_byte_data(1).is_err() {}

    // Mark the log as open.
    for (address, byte) in (0..).zip(*b"ON") {
        let _ = eeprom.smbus_write_byte_data(address, byte);
        // The EEPROM does not answer during its write cycle.
        while eeprom.smbus_read_byte().is_err() {
            sleep(Duration::from_millis(5));
        }
    }

    for _ in 0..16 {
        let word = sensor.smbus_read_word_data(0).unwrap_or(0);
        println!("{:.1} °C", celsius(word));
    }
    ExitCode::SUCCESS
}
