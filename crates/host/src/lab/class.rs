//! The device classes that a lab can have, each with its numbers.

use super::input::Clocks;
use crate::sys::shared_memory::Region;
use outlive::{Number, Numbers};
use outlive_classes::{
    Contract, Hardware, LinuxSays, Plugged, SharedMemory, drm, i2c, input,
    mtd::{self, Partitions},
    tpm, uinput, uio,
};
use outlive_drivers::clock::Clock;
use rustix::io;
use std::{collections::BTreeMap, sync::Arc};

/// A class of devices.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Class {
    I2c,
    Uio,
    Mtd,
    Tpm,
    Input,
    /// What programs make input devices by: a SPEC calls it a model of input.
    Uinput,
    Drm,
}

impl Class {
    pub(super) const ALL: [Class; 7] =
        [Class::I2c, Class::Uio, Class::Mtd, Class::Tpm, Class::Input, Class::Uinput, Class::Drm];

    /// As in a SPEC.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Class::I2c => "i2c",
            Class::Uio => "uio",
            Class::Mtd => "mtd",
            Class::Tpm => "tpm",
            Class::Input => "input",
            Class::Uinput => "uinput",
            Class::Drm => "drm",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Class::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The class of this hardware.
    pub(super) fn of(hardware: &Hardware) -> Self {
        match hardware {
            Hardware::I2c(_) => Class::I2c,
            Hardware::Uio(_) => Class::Uio,
            Hardware::Mtd(_) => Class::Mtd,
            Hardware::Tpm(_) => Class::Tpm,
            Hardware::Input(_) => Class::Input,
            Hardware::Uinput(_) => Class::Uinput,
            Hardware::Drm(_) => Class::Drm,
        }
    }

    /// What a device of it is called in an error.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Class::I2c => "bus",
            Class::Uio => "board",
            Class::Mtd => "flash",
            Class::Tpm => "tpm",
            Class::Input => "input device",
            Class::Uinput => "uinput",
            Class::Drm => "card",
        }
    }

    /// Whether a driver of it can be in another process.
    pub(super) const fn has_servers(self) -> bool {
        match self {
            Class::I2c | Class::Mtd | Class::Tpm => true,
            Class::Uio | Class::Input | Class::Uinput | Class::Drm => false,
        }
    }

    /// The name of its device `number`, under /dev.
    pub(super) fn node_name(self, number: u32) -> String {
        match self {
            Class::I2c => format!("i2c-{number}"),
            Class::Uio => uio::node_name(number),
            Class::Mtd => mtd::node_name(number),
            Class::Tpm => tpm::node_name(number),
            Class::Input => input::node_name(number),
            Class::Uinput => uinput::NODE_NAME.to_owned(),
            Class::Drm => drm::node_name(number),
        }
    }

    /// What it says of its linux contract.
    pub(super) fn linux_says(self) -> LinuxSays {
        match self {
            Class::I2c => i2c::zombie::linux_says(),
            Class::Uio => uio::zombie::linux_says(),
            Class::Mtd => mtd::zombie::linux_says(),
            Class::Tpm => tpm::zombie::linux_says(),
            Class::Input => input::zombie::linux_says(),
            Class::Uinput => uinput::zombie::linux_says(),
            Class::Drm => drm::zombie::linux_says(),
        }
    }

    /// How its devices answer for their zombies where nobody has said so: strict, but for cards, whose clients cannot take
    /// errors.
    pub(super) const fn own_contract(self) -> Contract {
        match self {
            Class::Drm => Contract::Quiet,
            Class::I2c | Class::Uio | Class::Mtd | Class::Tpm | Class::Input | Class::Uinput => Contract::Strict,
        }
    }

    /// Its highest number: a minor each, of mtd two. i2c: `I2C_MINORS` of `drivers/i2c/i2c-dev.c`, 20 bits.
    pub(super) const fn highest(self) -> u32 {
        match self {
            Class::I2c => (1 << 20) - 1,
            Class::Uio => uio::uapi::MAX_DEVICES - 1,
            Class::Mtd => mtd::uapi::MAX_DEVICES - 1,
            Class::Tpm => tpm::uapi::MAX_DEVICES - 1,
            Class::Input => input::uapi::MAX_DEVICES - 1,
            Class::Uinput => 0,
            Class::Drm => drm::uapi::MAX_DEVICES - 1,
        }
    }

    /// Whether Linux has a device of that number, which is not too high: of input there is a gap.
    pub(super) const fn has(self, number: u32) -> bool {
        match self {
            Class::Input => input::uapi::minor(number).is_some(),
            Class::I2c | Class::Uio | Class::Mtd | Class::Tpm | Class::Uinput | Class::Drm => number <= self.highest(),
        }
    }

    /// Whether, under `contract`, a number is given out again as soon as its device has gone: evdev frees it then
    /// (`input_free_minor` of `drivers/input/input.c`), and handles to the former one are no matter.
    pub(super) fn reuses_numbers(self, contract: Contract) -> bool {
        self == Class::Input && contract == Contract::Linux
    }
}

/// The numbers of each class.
#[derive(Default)]
pub(super) struct ClassNumbers(BTreeMap<Class, Numbers>);

impl ClassNumbers {
    pub(super) fn new() -> Self {
        ClassNumbers(Class::ALL.into_iter().map(|class| (class, Numbers::new())).collect())
    }

    pub(super) fn of(&self, class: Class) -> &Numbers {
        &self.0[&class]
    }

    /// Whether somebody holds a number of the class of that name.
    pub(super) fn is_held(&self, class: &str, number: u32) -> bool {
        Class::named(class).is_some_and(|class| self.of(class).is_held(number))
    }
}

/// What a device needs of the machine for one life, besides its hardware.
pub(super) struct Means(Vec<Arc<dyn SharedMemory>>);

impl Means {
    /// Those of `hardware` as device `name`. It is asked for before a number is, since it can fail.
    pub(super) fn of(hardware: &Hardware, name: &str) -> io::Result<Self> {
        let sizes = match hardware {
            // The memory of a card's buffers is made when a client asks for it.
            Hardware::I2c(_)
            | Hardware::Mtd(_)
            | Hardware::Tpm(_)
            | Hardware::Input(_)
            | Hardware::Uinput(_)
            | Hardware::Drm(_) => Vec::new(),
            Hardware::Uio(driver) => driver.regions(),
        };
        let region = |size: &u64| Ok(Arc::new(Region::new(name, *size)?) as Arc<dyn SharedMemory>);
        sizes.iter().map(region).collect::<io::Result<_>>().map(Means)
    }
}

/// Plugs in `hardware` as the device of its class with that number. `partitions` carries out what clients of a flash ask,
/// and `ground` is what a card has of the machine; the other result is what the parts of a flash are made of.
pub(super) fn plug(
    contract: Contract,
    number: Number,
    hardware: Hardware,
    means: Means,
    partitions: Arc<dyn Partitions>,
    clock: &Arc<dyn Clock>,
    ground: impl FnOnce() -> drm::Ground,
) -> (Arc<dyn Plugged>, Option<mtd::Parent>) {
    match hardware {
        Hardware::I2c(adapter) => (Arc::new(i2c::Bus::plug_under(contract, number, adapter)), None),
        Hardware::Uio(driver) => (Arc::new(uio::Board::plug_under(contract, number, driver, means.0)), None),
        Hardware::Tpm(tpm) => (Arc::new(tpm::Chip::plug_under(contract, number, tpm)), None),
        Hardware::Input(driver) => {
            let clocks = Arc::new(Clocks(clock.clone()));
            (Arc::new(input::InputDevice::plug_under(contract, number, driver, clocks)), None)
        }
        Hardware::Drm(driver) => (Arc::new(drm::Card::plug_under(contract, number, driver, ground())), None),
        Hardware::Uinput(ports) => {
            let clocks = Arc::new(Clocks(clock.clone()));
            (Arc::new(uinput::Uinput::plug_under(contract, number, ports, clocks)), None)
        }
        Hardware::Mtd(flash) => {
            let chip = mtd::Chip::plug_under(contract, number, flash, Some(partitions));
            let parent = chip.parent();
            (Arc::new(chip), parent)
        }
    }
}
