//! A connection to the kernel's CUSE: one device, under one number, for one of its lives.

use crate::fuse::{
    channel::{Channel, Reply, Room},
    wire::{self, Opcode},
};
use outlive_classes::Errno;
use rustix::{
    fs::{Mode, OFlags, open},
    io,
};
use std::{fs, os::fd::OwnedFd, path::PathBuf, sync::Arc};
use zerocopy::IntoBytes;

/// Where the kernel shows them (`fs/fuse/cuse.c`).
const CLASS: &str = "/sys/class/cuse";

/// The number of a device: major and minor.
pub(super) type DeviceNumber = (u32, u32);

/// One that is there.
pub(super) struct Connection {
    pub(super) channel: Arc<Channel>,
    /// What the kernel calls it, with a `!` where its node has a `/`.
    pub(super) name: String,
    pub(super) number: DeviceNumber,
}

/// Why there is none.
pub(super) enum Failure {
    /// The kernel would not have that number, or that name: one of them is taken.
    Taken,
    /// Anything else, and what would help.
    Other(String),
}

impl Connection {
    /// Makes the kernel make a device called `name`. Major 0: whatever is free.
    pub(super) fn open(name: &str, number: DeviceNumber) -> Result<Connection, Failure> {
        let channel = Arc::new(Channel::new(open_channel().map_err(Failure::Other)?));
        introduce(&channel, name, number)
            .map_err(|errno| Failure::Other(format!("the kernel's CUSE speaks otherwise than we do: {errno}")))?;
        if channel.has_ended() {
            return Err(Failure::Taken);
        }
        let waiting = channel.set_waiting(false);
        waiting.map_err(|errno| Failure::Other(format!("setting O_NONBLOCK: {errno}")))?;
        let told = fs::read_to_string(attribute(name, "dev")).ok();
        let number = told.as_deref().and_then(parse_number).ok_or_else(|| {
            Failure::Other(format!(
                "{CLASS} does not tell the number of {name}: mount sysfs (mount -t sysfs sysfs /sys)"
            ))
        })?;
        Ok(Connection { channel, name: name.to_owned(), number })
    }

    /// Has the kernel end it: who waits for a request gets none.
    pub(super) fn end(&self) {
        // If it is not there any more it has ended.
        let _ = fs::write(attribute(&self.name, "abort"), "1");
    }

    /// Tells those who listen for uevents that the device is removed. The kernel itself tells when the connection ends,
    /// which may be long after (`kobject_synth_uevent` of lib/kobject_uevent.c).
    pub(super) fn tell_of_removal(&self) {
        let _ = fs::write(attribute(&self.name, "uevent"), "remove");
    }
}

/// Whether the kernel has a device of that name.
pub(super) fn is_there(name: &str) -> bool {
    fs::symlink_metadata(PathBuf::from(CLASS).join(name)).is_ok()
}

fn attribute(name: &str, attribute: &str) -> PathBuf {
    [CLASS, name, attribute].iter().collect()
}

fn parse_number(text: &str) -> Option<DeviceNumber> {
    let (major, minor) = text.trim().split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Opens `/dev/cuse`; the error says what is missing.
pub(crate) fn open_channel() -> Result<OwnedFd, String> {
    open("/dev/cuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| match errno {
        io::Errno::NOENT | io::Errno::NODEV | io::Errno::NXIO => {
            "there is no /dev/cuse: load the module (`modprobe cuse`). Kernels of clouds and containers often have none; \
             `outlive run` needs none"
                .to_owned()
        }
        io::Errno::ACCESS | io::Errno::PERM => {
            "/dev/cuse may not be opened: it takes root, outside of a container. `outlive run` needs neither".to_owned()
        }
        errno => format!("opening /dev/cuse: {errno}"),
    })
}

/// Answers what the kernel asks first (`cuse_send_init` and `cuse_process_init_reply` of fs/fuse/cuse.c).
fn introduce(channel: &Arc<Channel>, name: &str, (major, minor): DeviceNumber) -> Result<(), Errno> {
    let mut room = Room::new();
    let request = channel.receive(&mut room).ok_or(Errno::NODEV)?;
    let reply = Reply::to(channel, &request.header);
    let asked = match request.opcode() {
        Some(Opcode::CuseInit) => request.parse::<wire::CuseInitIn>(),
        _ => Err(Errno::PROTO),
    };
    let spoken = |asked: &wire::CuseInitIn| asked.major == wire::VERSION.0 && asked.minor >= wire::VERSION.1;
    match asked {
        Ok((asked, _)) if spoken(&asked) => {
            let out = wire::CuseInitOut {
                major: wire::VERSION.0,
                minor: wire::VERSION.1,
                flags: wire::CUSE_UNRESTRICTED_IOCTL,
                max_read: wire::MAX_WRITE,
                max_write: wire::MAX_WRITE,
                dev_major: major,
                dev_minor: minor,
                ..Default::default()
            };
            reply.bytes(&[out.as_bytes(), b"DEVNAME=", name.as_bytes(), b"\0"].concat());
            Ok(())
        }
        asked => {
            let errno = asked.err().unwrap_or(Errno::PROTO);
            reply.error(errno);
            Err(errno)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_as_sysfs_has_them() {
        for (text, number) in
            [("89:7\n", Some((89, 7))), ("234:0", Some((234, 0))), ("89", None), ("", None), ("a:b\n", None)]
        {
            assert_eq!(super::parse_number(text), number, "{text}");
        }
    }
}
