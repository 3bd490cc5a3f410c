//! One program for each verdict: it reads a byte of the EEPROM, and takes a failure in the one way that must get it that
//! verdict. If one of these gets another verdict, the explorer is wrong.

use super::EEPROM;
use i2cdev::{
    core::I2CDevice,
    linux::{LinuxI2CDevice, LinuxI2CError},
};
use std::{fs, hint::spin_loop, path::Path, process::ExitCode, thread::sleep, time::Duration};

fn attempt(device: &Path) -> Result<u8, LinuxI2CError> {
    LinuxI2CDevice::new(device, EEPROM)?.smbus_read_byte_data(0)
}

/// Reads the device the first time only, and what it has read from then on; so no operation comes when one is pulled.
pub(super) fn unaffected(device: &Path, memory: Option<&Path>) -> ExitCode {
    let Some(memory) = memory else {
        eprintln!("`unaffected` needs --memory FILE");
        return ExitCode::from(2);
    };
    if memory.exists() {
        return ExitCode::SUCCESS;
    }
    let kept = attempt(device).is_ok_and(|byte| fs::write(memory, [byte]).is_ok());
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub(super) fn clean(device: &Path) -> ExitCode {
    match attempt(device) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", device.display());
            ExitCode::FAILURE
        }
    }
}

pub(super) fn silent(device: &Path) -> ExitCode {
    println!("{}", attempt(device).unwrap_or(0));
    ExitCode::SUCCESS
}

pub(super) fn flood(device: &Path) -> ExitCode {
    if let Err(error) = attempt(device) {
        loop {
            eprintln!("{}: {error}", device.display());
        }
    }
    ExitCode::SUCCESS
}

/// Tries the same call on the same open file again.
pub(super) fn spin(device: &Path) -> ExitCode {
    let Ok(mut eeprom) = LinuxI2CDevice::new(device, EEPROM) else { return reopen(device) };
    while eeprom.smbus_read_byte_data(0).is_err() {}
    ExitCode::SUCCESS
}

/// Opens the device again for each try.
pub(super) fn reopen(device: &Path) -> ExitCode {
    while attempt(device).is_err() {}
    ExitCode::SUCCESS
}

pub(super) fn burn(device: &Path) -> ExitCode {
    if attempt(device).is_err() {
        loop {
            spin_loop();
        }
    }
    ExitCode::SUCCESS
}

pub(super) fn hang(device: &Path) -> ExitCode {
    while attempt(device).is_err() {
        sleep(Duration::from_millis(50));
    }
    ExitCode::SUCCESS
}

pub(super) fn crash(device: &Path) -> ExitCode {
    if attempt(device).is_err() {
        std::process::abort();
    }
    ExitCode::SUCCESS
}
