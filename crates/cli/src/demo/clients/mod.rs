//! Programs that use an I2C bus by real system calls: the two of the demo, and one for each verdict.

mod canary;
mod careful;
mod usual;

use std::{path::Path, process::ExitCode};

/// A program to be explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Client {
    /// A data logger as people usually write one.
    Usual,
    /// The same, written rightly.
    Careful,
    /// Needs no device once it has read it.
    Unaffected,
    /// Stops and says so.
    Clean,
    /// Ignores what fails.
    Silent,
    /// Complains without end.
    Flood,
    /// Tries again without end.
    Spin,
    /// Opens again without end.
    Reopen,
    /// Computes without end.
    Burn,
    /// Waits without end.
    Hang,
    /// Aborts.
    Crash,
}

impl Client {
    /// Does what the program does, on the bus `device`. `memory` is the file of [`Client::Unaffected`].
    pub(crate) fn run(self, device: &Path, memory: Option<&Path>) -> ExitCode {
        match self {
            Client::Usual => usual::run(device),
            Client::Careful => careful::run(device),
            Client::Unaffected => canary::unaffected(device, memory),
            Client::Clean => canary::clean(device),
            Client::Silent => canary::silent(device),
            Client::Flood => canary::flood(device),
            Client::Spin => canary::spin(device),
            Client::Reopen => canary::reopen(device),
            Client::Burn => canary::burn(device),
            Client::Hang => canary::hang(device),
            Client::Crash => canary::crash(device),
        }
    }
}

/// The EEPROM on the demo's bus.
const EEPROM: u16 = 0x50;
/// The LM75 on the demo's bus.
const SENSOR: u16 = 0x48;

/// The temperature register of an LM75, read as an SMBus word: the bytes come in the other order, the upper nine bits
/// count half degrees.
fn celsius(word: u16) -> f32 {
    f32::from(word.swap_bytes() as i16) / 256.0
}

#[cfg(test)]
mod tests {
    /// From the LM75's data sheet, table "Temperature data": +125, +25, +0.5, 0, -0.5, -25, -55 degrees.
    #[test]
    fn temperatures_are_read_as_in_the_data_sheet() {
        let rows = [
            (0x7d00, 125.0),
            (0x1900, 25.0),
            (0x0080, 0.5),
            (0, 0.0),
            (0xff80, -0.5),
            (0xe700, -25.0),
            (0xc900, -55.0),
        ];
        for (register, celsius) in rows {
            assert_eq!(super::celsius(u16::swap_bytes(register)), celsius);
        }
    }
}
