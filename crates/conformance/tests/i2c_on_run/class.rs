//! What the class has of its own.

use crate::{
    bus::Adapter,
    on_front::{Class, wires::Wires},
};
use outlive_classes::Hardware;
use outlive_conformance::{Badge, FarEnd};
use std::sync::Arc;

#[derive(Clone, Copy)]
pub(crate) struct I2c;

impl Class for I2c {
    type Socket = Wires;

    const NAME: &'static str = "i2c";
    const PREFIX: &'static str = "i2c-";
    const CALLS: &'static [&'static str] =
        &["I2C_RDWR", "I2C_SMBUS", "I2C_FUNCS", "I2C_SLAVE", "unknown", "read", "nonblocking", "write", "empty"];
    const FAILED: &'static str = "EREMOTEIO";
    const ALWAYS_READABLE: bool = true;

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is handed its calls and has nothing to wait on"),
            18 => Some("a bus receives nothing that was not asked for"),
            23 => Some("a user of a bus has no objects of its own"),
            32 => Some("what an adapter owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Wires>, Hardware) {
        let socket = Wires::new(far);
        let adapter = Adapter { socket: socket.clone(), _badge: badge };
        (socket, Hardware::I2c(Box::new(adapter)))
    }
}
