//! Devices as the kernel's device model has them: directories of sysfs, and the subjects of uevents.
//!
//! A device of ours has no such directory in the kernel. What programs are told of it, by whatever way, comes from here.

use crate::Node;
use std::borrow::Cow;

/// The device of the machine's that all devices of a lab hang on, below `/sys`.
pub const ROOT: &str = "/devices/platform/outlive.0";
/// What hangs on no device hangs here (`virtual_device_parent` of `drivers/base/core.c`).
pub const VIRTUAL: &str = "/devices/virtual";

/// The tag that udev's database gives every device of a lab.
pub const TAG: &str = "outlive";

/// What a device is one of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subsystem {
    /// Devices that drivers are bound to, such as `i2c`.
    Bus(&'static str),
    /// Devices of one interface to programs, such as `i2c-dev`.
    Class(&'static str),
}

impl Subsystem {
    /// `i2c-dev`.
    pub const fn name(self) -> &'static str {
        match self {
            Subsystem::Bus(name) | Subsystem::Class(name) => name,
        }
    }

    /// Its directory: `/sys/class/i2c-dev`.
    pub fn directory(self) -> String {
        match self {
            Subsystem::Bus(name) => format!("/sys/bus/{name}"),
            Subsystem::Class(name) => format!("/sys/class/{name}"),
        }
    }
}

/// A device in the device model (`struct device` of the kernel).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kobject {
    /// Its path below `/sys`: `/devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7`.
    pub devpath: String,
    /// Whose it is among devices.
    pub subsystem: Subsystem,
    /// The kernel's driver that is bound to it.
    pub driver: Option<Cow<'static, str>>,
    /// What its uevents say besides, as its bus has it: `MODALIAS`.
    pub properties: Vec<(&'static str, String)>,
    /// What udev's rules say of it, besides: `ID_INPUT`.
    pub udev: Vec<(&'static str, String)>,
    /// The tags that udev's rules give it, besides [`TAG`]: `seat`.
    pub tags: Vec<&'static str>,
    /// Its device node.
    pub node: Option<Node>,
}

impl Kobject {
    /// Its name among those of its subsystem: `i2c-7`.
    pub fn sysname(&self) -> &str {
        self.devpath.rsplit('/').next().unwrap_or_default()
    }

    /// The name of its record in udev's database, below `/run/udev/data`: `c89:7`, `+i2c:7-0050`
    /// (`sd_device_get_device_id` of systemd).
    pub fn udev_id(&self) -> String {
        match &self.node {
            Some(node) => format!("c{}:{}", node.major, node.minor),
            None => format!("+{}:{}", self.subsystem.name(), self.sysname()),
        }
    }

    /// All of its tags.
    pub fn all_tags(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(TAG).chain(self.tags.iter().copied())
    }

    /// Its directory: `/sys/devices/...`.
    pub fn directory(&self) -> String {
        format!("/sys{}", self.devpath)
    }

    /// The path of its attribute `name`.
    pub fn attribute(&self, name: &str) -> String {
        format!("/sys{}/{name}", self.devpath)
    }

    /// One of its [`properties`](Kobject::properties).
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }

    /// What its attribute `uevent` says (`dev_uevent` of `drivers/base/core.c`): its properties but for those that only
    /// events have.
    pub fn uevent(&self) -> String {
        let node = self.node.iter().map(|it| format!("MAJOR={}\nMINOR={}\nDEVNAME={}\n", it.major, it.minor, it.name));
        let driver = self.driver.iter().map(|driver| format!("DRIVER={driver}\n"));
        let properties = self.properties.iter().map(|(key, value)| format!("{key}={value}\n"));
        node.chain(driver).chain(properties).collect()
    }

    /// The directory of the device that one of a class is a view of: below it, in a directory named after the class
    /// (`get_device_parent` of `drivers/base/core.c`). `None` of one that hangs on none.
    pub fn parent(&self) -> Option<String> {
        let Subsystem::Class(class) = self.subsystem else { return None };
        let (above, _) = self.devpath.rsplit_once('/')?;
        let parent = above.strip_suffix(class)?.strip_suffix('/')?;
        (parent != VIRTUAL).then(|| format!("/sys{parent}"))
    }
}
