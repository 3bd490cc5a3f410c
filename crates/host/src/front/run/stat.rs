//! stat(2) and statx(2): what a client sees of whatever its path or descriptor means.

use super::{
    arch::{Stat, Statx, StatxTime},
    names::Target,
    status,
    supervisor::{Supervisor, Verdict},
};
use crate::sys::seccomp::Notification;
use outlive_classes::Errno;
use std::time::UNIX_EPOCH;
use zerocopy::IntoBytes;

/// The mode of our nodes: their owner's alone, who is whoever runs the lab.
const NODE_MODE: u32 = libc::S_IFCHR | 0o600;
/// What a stat says that our nodes are on: what devtmpfs commonly is.
const NODE_DEVICE: (u32, u32) = (0, 5);
/// `STATX_BASIC_STATS` of `linux/stat.h`.
const STATX_BASIC: u32 = 0x7ff;

/// What a stat shows of something, as both calls for it have it.
pub(super) struct Shown {
    pub(super) inode: u64,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) blocks: u64,
    /// Major and minor number of a device node.
    pub(super) number: (u32, u32),
    pub(super) links: u32,
    /// User and group.
    pub(super) owner: (u32, u32),
    /// What it is on: major and minor.
    pub(super) device: (u32, u32),
    /// Seconds and nanoseconds of the last access, modification and change.
    pub(super) changed: [(i64, u32); 3],
}

impl Supervisor {
    pub(super) fn stat(&self, call: &Notification, target: &Target, follow: bool, address: u64) -> Verdict {
        let shown = match self.shown(call.pid, target, follow) {
            Ok(shown) => shown,
            Err(verdict) => return verdict,
        };
        let [(accessed, a), (modified, m), (changed, c)] = shown.changed;
        let stat = Stat {
            dev: rustix::fs::makedev(shown.device.0, shown.device.1),
            ino: shown.inode,
            nlink: shown.links.into(),
            mode: shown.mode,
            size: shown.size as i64,
            uid: shown.owner.0,
            gid: shown.owner.1,
            rdev: rustix::fs::makedev(shown.number.0, shown.number.1),
            block_size: 4096,
            blocks: shown.blocks as i64,
            times: [accessed, a.into(), modified, m.into(), changed, c.into()],
            ..Stat::default()
        };
        self.give(call, address, stat.as_bytes())
    }

    pub(super) fn statx(&self, call: &Notification, target: &Target, follow: bool, address: u64) -> Verdict {
        let shown = match self.shown(call.pid, target, follow) {
            Ok(shown) => shown,
            Err(verdict) => return verdict,
        };
        let time = |(seconds, nanoseconds)| StatxTime { seconds, nanoseconds, reserved: 0 };
        let [accessed, modified, changed] = shown.changed.map(time);
        let statx = Statx {
            mask: STATX_BASIC,
            block_size: 4096,
            nlink: shown.links,
            uid: shown.owner.0,
            gid: shown.owner.1,
            mode: shown.mode as u16,
            size: shown.size,
            ino: shown.inode,
            // Access, birth (not in the mask), change, modification.
            times: [accessed, StatxTime::default(), changed, modified],
            blocks: shown.blocks,
            rdev_major: shown.number.0,
            rdev_minor: shown.number.1,
            dev_major: shown.device.0,
            dev_minor: shown.device.1,
            ..Statx::default()
        };
        self.give(call, address, statx.as_bytes())
    }

    /// What a stat of the target shows that is its own, or the answer where it is nothing of ours.
    fn shown(&self, pid: u32, target: &Target, follow: bool) -> Result<Shown, Verdict> {
        let (node, name) = match target {
            Target::Device(_, node) => (Some(node.clone()), node.name.as_str()),
            Target::Descriptor(name, device) => (device.as_ref().and_then(|it| it.node_named(name)), name.as_str()),
            Target::Status => (None, status::NAME),
            Target::Udev(_) => (None, "udev"),
            Target::Entry(entry) | Target::Held(entry) => return Ok(self.shown_entry(entry)),
            Target::Machine(path) => {
                return self.shown_machine(pid, path, follow).map_err(|errno| Verdict::Answer(Err(errno)));
            }
            Target::Gone(_) => return Err(Verdict::Answer(Err(Errno::NOENT))),
            Target::Failed(errno) => return Err(Verdict::Answer(Err(*errno))),
            Target::NotOurs => return Err(Verdict::Proceed),
        };
        let (mode, size) = match target {
            Target::Status => (status::MODE, status::content(&self.lab).len() as u64),
            Target::Udev(record) => (record.mode(), record.size()),
            _ => (NODE_MODE, 0),
        };
        let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Ok(Shown {
            inode: inode_number(name),
            mode,
            size,
            blocks: 0,
            number: node.map_or((0, 0), |node| (node.major, node.minor)),
            links: 1,
            owner,
            device: NODE_DEVICE,
            changed: [self.start_time(); 3],
        })
    }

    pub(super) fn start_time(&self) -> (i64, u32) {
        let since = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        (since.as_secs() as i64, since.subsec_nanos())
    }
}

/// An inode number that stays the same for a name: FNV-1a, 64 bits.
pub(super) fn inode_number(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
