//! The tree around the devices: what their classes have them show in /dev, /sys and /proc, merged with the machine's.
//!
//! A path of a client is walked here where it may lead to an entry of ours (`walk`): through our links and the machine's,
//! as the kernel would if the entries were its own. What it finds is answered by the supervisor (`calls`) and opened on our
//! mount (`inodes`, `open`; for chdir, `chdir`; without a mount, `stand_ins`). Directories that are the machine's as well
//! stay the machine's; only a listing of them is carried out here, which adds ours and leaves out what ours stands in front of (`listing`).

pub(super) mod calls;
mod chdir;
pub(super) mod inodes;
pub(super) mod listing;
mod open;
mod stand_ins;
pub(super) mod walk;

use crate::lab::entries::{Entry, Kind};

/// The size of an attribute, as sysfs shows it.
const PAGE: u64 = 4096;

/// The mode of an entry, as sysfs has it.
fn mode(entry: &Entry) -> u32 {
    match entry.kind {
        Kind::Directory => libc::S_IFDIR | 0o755,
        Kind::Attribute(_) => libc::S_IFREG | 0o444,
        Kind::Link(_) => libc::S_IFLNK | 0o777,
        Kind::Node(_) | Kind::Gone(_) => libc::S_IFCHR | 0o600,
    }
}

/// The inode number that is shown of an entry: of a node the one that its stat shows.
fn inode(entry: &Entry) -> u64 {
    match entry.kind {
        Kind::Node(_) => super::stat::inode_number(entry.node_name()),
        _ => entry.inode,
    }
}

fn size(entry: &Entry) -> u64 {
    if matches!(entry.kind, Kind::Attribute(_)) { PAGE } else { 0 }
}
