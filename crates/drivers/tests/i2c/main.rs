//! The I2C models behind the class, as a client meets them.

mod bench;
mod bus;
mod config;
mod eeprom;
mod functionality;
mod mangling;
mod sensors;
#[path = "../time/mod.rs"]
mod time;
