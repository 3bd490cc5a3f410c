//! mtd: the flash behind `/dev/mtdN`.

mod driver;

pub use driver::{Command, Done, Error, Fault, Flash, Found, Geometry, Kind, Mode, Order, Region};

use crate::Contract;
use outlive::Number;

/// What handles of a flash see for ever.
#[derive(Debug)]
pub struct Shared {
    number: Number,
    contract: Contract,
    geometry: Geometry,
    name: String,
}

impl Shared {
    /// Of a flash that is being plugged in as `number`.
    pub fn new(number: Number, contract: Contract, flash: &dyn Flash) -> Self {
        Shared { number, contract, geometry: flash.geometry(), name: flash.name() }
    }

    /// What the flash is made of.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    pub fn number(&self) -> &Number {
        &self.number
    }

    /// How it answers for its zombies.
    pub fn contract(&self) -> Contract {
        self.contract
    }
}
