//! What uevents look like on the wire: the kernel's own form, and the one in which udev passes them on.

use outlive::Generation;
use outlive_classes::Kobject;
use std::fmt::Write;

/// The multicast group of the kernel's own messages.
pub(super) const KERNEL: u32 = 1;
/// The multicast group of udev's (`MONITOR_GROUP_UDEV` of systemd's sd-device).
pub(super) const UDEV: u32 = 2;

/// How udev's messages begin.
const PREFIX: &[u8; 8] = b"libudev\0";
/// `UDEV_MONITOR_MAGIC` of sd-device.
const MAGIC: u32 = 0xfeed_cafe;
/// The size of udev's header, in bytes: the prefix and eight words.
const HEADER: u32 = 40;

/// Something that happened to a device.
pub(super) struct Uevent<'a> {
    /// `add`, `bind`, `change`, `unbind`, `remove`.
    pub(super) action: &'static str,
    pub(super) kobject: &'a Kobject,
    /// Whether its driver is bound to it, and so among what is told.
    pub(super) bound: bool,
    pub(super) generation: Generation,
    /// What it says besides what all say.
    pub(super) more: &'a [(&'static str, String)],
    pub(super) sequence: u64,
    /// The time, in microseconds since the machine has started.
    pub(super) now: u64,
}

impl Uevent<'_> {
    /// As the kernel says it (`kobject_uevent_env` of `lib/kobject_uevent.c`): `add@PATH`, then the properties, each with
    /// a zero behind it, the number last.
    pub(super) fn kernel(&self) -> Vec<u8> {
        let node = self.kobject.node.as_ref().map_or("", |node| &node.name);
        let properties = format!("{}SEQNUM={}\0", self.properties(node), self.sequence);
        format!("{}@{}\0{properties}", self.action, self.kobject.devpath).into_bytes()
    }

    /// As udev says it (`device_monitor_send_device` of sd-device): a header by which filters go, then the properties.
    pub(super) fn udev(&self) -> Vec<u8> {
        let node = self.kobject.node.as_ref().map_or(String::new(), |node| node.path());
        let mut properties = format!("{}SEQNUM={}\0", self.properties(&node), self.sequence);
        for (key, value) in &self.kobject.udev {
            let _ = write!(properties, "{key}={value}\0");
        }
        let tags: String = self.kobject.all_tags().flat_map(|tag| [":", tag]).collect();
        let _ = write!(properties, "USEC_INITIALIZED={}\0TAGS={tags}:\0CURRENT_TAGS={tags}:\0", self.now);
        let tags = self.kobject.all_tags().map(bloom).fold(0, |all, tag| all | tag);
        let mut message = PREFIX.to_vec();
        // What filters in the kernel look at is big-endian, as a filter loads it; the rest is as the machine has it.
        message.extend(MAGIC.to_be_bytes());
        [HEADER, HEADER, properties.len() as u32].iter().for_each(|word| message.extend(word.to_ne_bytes()));
        let kind = self.kobject.properties.iter().find(|(key, _)| *key == "DEVTYPE").map_or(0, |(_, kind)| hash(kind));
        let filtered = [hash(self.kobject.subsystem.name()), kind, (tags >> 32) as u32, tags as u32];
        filtered.iter().for_each(|word| message.extend(word.to_be_bytes()));
        message.extend(properties.as_bytes());
        message
    }

    fn properties(&self, node_name: &str) -> String {
        let (devpath, subsystem) = (&self.kobject.devpath, self.kobject.subsystem.name());
        let mut text = format!("ACTION={}\0DEVPATH={devpath}\0SUBSYSTEM={subsystem}\0", self.action);
        let mut say = |key: &str, value: &dyn std::fmt::Display| {
            let _ = write!(text, "{key}={value}\0");
        };
        say("OUTLIVE_GENERATION", &self.generation.0);
        self.more.iter().for_each(|(key, value)| say(key, value));
        if let Some(node) = &self.kobject.node {
            say("MAJOR", &node.major);
            say("MINOR", &node.minor);
            say("DEVNAME", &node_name);
        }
        if let Some(driver) = self.kobject.driver.as_deref().filter(|_| self.bound) {
            say("DRIVER", &driver);
        }
        for (key, value) in &self.kobject.properties {
            say(key, value);
        }
        text
    }
}

/// The group that a message is of.
pub(super) fn group_of(message: &[u8]) -> u32 {
    if message.starts_with(PREFIX) { UDEV } else { KERNEL }
}

/// The value of a property of a message of either form.
pub(super) fn property<'a>(message: &'a [u8], key: &str) -> Option<&'a str> {
    let texts = message.split(|byte| *byte == 0).filter_map(|text| std::str::from_utf8(text).ok());
    texts.filter_map(|text| text.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The hash by which filters know a string (`string_hash32` of systemd): MurmurHash2 with seed 0.
fn hash(text: &str) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    let bytes = text.as_bytes();
    let mut words = bytes.chunks_exact(4);
    let mut hash = bytes.len() as u32;
    for word in &mut words {
        let word = u32::from_le_bytes(word.try_into().expect("four bytes")).wrapping_mul(FACTOR);
        let word = (word ^ word >> 24).wrapping_mul(FACTOR);
        hash = hash.wrapping_mul(FACTOR) ^ word;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let rest = rest.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        hash = (hash ^ rest).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(FACTOR);
    hash ^ hash >> 15
}

/// The bits of a tag in the bloom filter of the header (`string_bloom64` of systemd): four, each told by six of the hash.
fn bloom(tag: &str) -> u64 {
    let hash = hash(tag);
    [0, 6, 12, 18].iter().fold(0, |bits, shift| bits | 1_u64 << (hash >> shift & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlive_classes::Node;

    fn said(action: &'static str, state: Option<&str>) -> (String, Vec<u8>) {
        let more: Vec<_> = state.map(|state| ("OUTLIVE_STATE", state.to_owned())).into_iter().collect();
        let node =
            Node { name: "i2c-7".into(), major: 89, minor: 7, positioned: false, mapped: false, read_only: false };
        let kobject = Kobject {
            devpath: "/devices/x/i2c-7".into(),
            subsystem: outlive_classes::kobject::Subsystem::Class("i2c-dev"),
            driver: Some("at24".into()),
            properties: vec![("MODALIAS", "i2c:24c02".into())],
            udev: vec![("ID_TESTED", "1".into())],
            tags: vec!["seat"],
            node: Some(node),
        };
        let (generation, sequence, now, bound) = (Generation(2), 41, 5, action == "bind");
        let event = Uevent { action, kobject: &kobject, bound, generation, more: &more, sequence, now };
        (String::from_utf8(event.kernel()).unwrap(), event.udev())
    }

    #[test]
    fn the_kernels_form() {
        let (text, udev) = said("change", Some("offline"));
        let wanted = "change@/devices/x/i2c-7\0ACTION=change\0DEVPATH=/devices/x/i2c-7\0SUBSYSTEM=i2c-dev\0\
                      OUTLIVE_GENERATION=2\0OUTLIVE_STATE=offline\0MAJOR=89\0MINOR=7\0DEVNAME=i2c-7\0\
                      MODALIAS=i2c:24c02\0SEQNUM=41\0";
        assert_eq!(text, wanted);
        assert_eq!((group_of(text.as_bytes()), group_of(&udev)), (KERNEL, UDEV));
        assert_eq!(property(text.as_bytes(), "MINOR"), Some("7"));
        assert_eq!(property(&udev, "DEVNAME"), Some("/dev/i2c-7"));
        assert_eq!((property(&udev, "ID_TESTED"), property(text.as_bytes(), "ID_TESTED")), (Some("1"), None));
        assert!(said("bind", None).0.contains("\0DRIVER=at24\0"));
    }

    #[test]
    fn udevs_header() {
        let (_, message) = said("add", None);
        let length = (message.len() - 40) as u32;
        assert_eq!(&message[..8], b"libudev\0");
        assert_eq!(&message[8..12], [0xfe, 0xed, 0xca, 0xfe]);
        assert_eq!(message[12..24], [40, 40, length].map(u32::to_ne_bytes).concat());
        assert_eq!(message[24..28], hash("i2c-dev").to_be_bytes());
        assert_eq!(message[28..32], [0; 4]);
        assert_eq!(message[32..40], (bloom("outlive") | bloom("seat")).to_be_bytes());
        assert_eq!(property(&message, "CURRENT_TAGS"), Some(":outlive:seat:"));
    }
}
