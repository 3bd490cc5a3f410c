//! What udev would have in /run/udev about the lab's devices. libudev hears nothing where it finds neither
//! /run/udev/control nor a devtmpfs (`device_monitor_new_full` of systemd's sd-device), and takes a device without a
//! record for one that is not ready (`sd_device_get_is_initialized`).

use crate::lab::Lab;
use outlive_classes::{Kobject, Plugged};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The socket by which udev is controlled. Nobody answers there.
const CONTROL: &str = "/run/udev/control";
/// The folder of the records.
const DATA: &str = "/run/udev/data";

/// Something in /run/udev.
pub(in crate::front::run) enum Record {
    /// The control socket, on a machine that has none.
    Control,
    /// What there is to say of a device.
    Device(Vec<u8>),
}

impl Record {
    /// Whether a path that ends in `last` could be one: a cheap first look.
    pub(in crate::front::run) fn may_be(last: &OsStr) -> bool {
        last == "control" || last.as_encoded_bytes().contains(&b':')
    }

    /// What the absolute path `full` of a client is whose root is `root`.
    pub(in crate::front::run) fn find(lab: &Lab, root: &str, full: &Path) -> Option<Record> {
        if full == Path::new(CONTROL) {
            let machines = PathBuf::from(format!("{root}{CONTROL}"));
            return machines.symlink_metadata().is_err().then_some(Record::Control);
        }
        let id = full.strip_prefix(DATA).ok()?.to_str()?;
        let devices = lab.devices();
        let known = devices.iter().flat_map(|device| device.kobjects().into_iter().map(move |it| (device, it)));
        let (device, kobject) = known.into_iter().find(|(_, kobject)| kobject.udev_id() == id)?;
        Some(Record::Device(record(&**device, &kobject)))
    }

    /// The mode that it shows.
    pub(in crate::front::run) fn mode(&self) -> u32 {
        match self {
            Record::Control => libc::S_IFSOCK | 0o600,
            Record::Device(_) => libc::S_IFREG | 0o644,
        }
    }

    /// Its size, in bytes.
    pub(in crate::front::run) fn size(&self) -> u64 {
        match self {
            Record::Control => 0,
            Record::Device(text) => text.len() as u64,
        }
    }
}

/// A device's record, in the form of `device_update_db` of sd-device: since when it is known (microseconds since the
/// machine has started), properties, tags ever and now, the form's version.
fn record(device: &dyn Plugged, kobject: &Kobject) -> Vec<u8> {
    // All are known since the first was asked for.
    static SINCE: OnceLock<u64> = OnceLock::new();
    let since = SINCE.get_or_init(super::microseconds);
    let generation = device.generation().0;
    let own: String = kobject.udev.iter().map(|(key, value)| format!("E:{key}={value}\n")).collect();
    let tags = |letter| kobject.all_tags().map(move |tag| format!("{letter}:{tag}\n")).collect::<String>();
    format!("I:{since}\nE:OUTLIVE_GENERATION={generation}\n{own}{}{}V:1\n", tags('G'), tags('Q')).into_bytes()
}
