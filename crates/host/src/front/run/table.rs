//! What is known of the open files, and of the inodes that they are on.

use super::{attributes::Sort, locks::Key, plain::Line, signals::Signals};
use crate::{front::open_file, fuse::wire};
use outlive_classes::{Node, Plugged};
use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, Weak, atomic::AtomicU64},
};

#[derive(Default)]
pub(super) struct Table {
    pub(super) last: u64,
    pub(super) names: HashMap<Vec<u8>, u64>,
    /// What a link of /proc to a descriptor says, by which calls that are trapped find their file: inode and file, as
    /// long as there is one.
    pub(super) links: HashMap<Vec<u8>, u64>,
    pub(super) nodes: HashMap<u64, Inode>,
    pub(super) open: HashMap<u64, Arc<OpenFile>>,
}

/// An inode. It stands for a device, not for an open file: opening it again by /proc/self/fd/N makes another file.
pub(super) struct Inode {
    /// Weak: what a device's users share holds its number, and an inode that the kernel still caches is no user.
    pub(super) device: Weak<dyn Plugged>,
    /// The device's name.
    pub(super) name: String,
    /// Which of its nodes was opened.
    pub(super) node: Node,
    /// How often the kernel looked it up, less what it forgot.
    pub(super) lookups: u64,
    /// The thread on whose behalf the supervisor is opening it.
    pub(super) opener: Option<u32>,
    /// What a link of /proc to a descriptor of it says.
    pub(super) link: Vec<u8>,
    /// Its open files.
    pub(super) open: Vec<u64>,
    /// It is a socket.
    pub(super) is_socket: bool,
    /// The next open is for a descriptor that only stands for it: with O_PATH.
    pub(super) inert: bool,
}

/// An open file of a device, on an inode.
pub(super) struct OpenFile {
    pub(super) open: open_file::OpenFile,
    /// Where the next read or write of it goes, in bytes, where we and not the kernel keep that; of a file with a position.
    pub(super) position: AtomicU64,
    /// Its inode, which others may be open on, too.
    pub(super) node: u64,
    pub(super) generation: u64,
    /// The signals that are sent at its news, if anybody has asked.
    pub(super) signals: Mutex<Option<Signals>>,
    /// Our end of it, where it is a socket.
    pub(super) line: Option<Arc<Line>>,
}

impl Deref for OpenFile {
    type Target = open_file::OpenFile;

    fn deref(&self) -> &Self::Target {
        &self.open
    }
}

impl OpenFile {
    pub(super) fn key(&self) -> Key {
        (self.device.clone(), self.generation)
    }
}

impl Table {
    pub(super) fn forget(&mut self, id: u64, lookups: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.lookups = node.lookups.saturating_sub(lookups);
            if node.lookups == 0 {
                let _ = self.remove_node(id);
            }
        }
    }

    pub(super) fn sort(&self, id: u64) -> Sort {
        match self.nodes.get(&id) {
            _ if id == wire::ROOT => Sort::Root,
            Some(inode) if inode.node.positioned => {
                let open = inode.open.first().and_then(|fh| self.open.get(fh));
                Sort::Positioned(open.map(|file| file.file.size()))
            }
            _ => Sort::Stream,
        }
    }

    pub(super) fn remove_node(&mut self, id: u64) -> Option<Inode> {
        let node = self.nodes.remove(&id)?;
        self.links.remove(&node.link);
        Some(node)
    }
}
