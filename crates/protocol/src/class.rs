//! The classes that a server can serve.

use std::fmt;

/// A class of devices, by its number in a hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Class {
    /// An I2C adapter.
    I2c = 1,
    /// A flash.
    Mtd = 2,
    /// A TPM.
    Tpm = 3,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 3] = [Class::I2c, Class::Mtd, Class::Tpm];

    /// The class of that number.
    pub fn numbered(number: u32) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.number() == number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The size of the area that a host makes for a device of it, in bytes. It is memory only where something was
    /// written, so it has room for the largest operations of two users at once: `MAX_MESSAGES` of `MAX_LENGTH` of i2c,
    /// 64 MiB with as much to spare of mtd.
    pub const fn area_size(self) -> u32 {
        match self {
            Class::I2c => 4 << 20,
            Class::Mtd => 256 << 20,
            Class::Tpm => 64 << 10,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::I2c => "i2c",
            Class::Mtd => "mtd",
            Class::Tpm => "tpm",
        })
    }
}
