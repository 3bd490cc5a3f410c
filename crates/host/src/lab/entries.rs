//! The entries that the devices of a lab have in /dev, /sys and /proc: one tree, apart from any front.

use super::{lines::Lines, owner::Owner};
use outlive_classes::{
    Plugged,
    surroundings::{Content, Show},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsStr,
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
};

/// Set in the number of every entry, so that a front can tell it from numbers of its own.
pub(crate) const ENTRY_BIT: u64 = 1 << 62;

/// One entry. It is never changed, but for whose it is: what comes in its place later is another one, with another number.
pub(crate) struct Entry {
    /// Absolute, without links.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// Its inode number: always the same for the same path in the same life of a device.
    pub(crate) inode: u64,
    /// Its place among its neighbours, which its name keeps for good.
    pub(crate) place: u64,
    owner: Owner,
}

/// What an entry is.
pub(crate) enum Kind {
    Directory,
    Attribute(Show),
    /// To this absolute path.
    Link(String),
    /// The node of a device.
    Node(Weak<dyn Plugged>),
    /// There was something of ours, of the device of this name. The machine's own entry of that name is not meant (I26).
    Gone(String),
}

impl Entry {
    /// The root of the tree, which is nobody's.
    pub(crate) fn root() -> Arc<Entry> {
        Arc::new(Entry {
            path: String::new(),
            kind: Kind::Directory,
            inode: ENTRY_BIT | 1,
            place: 0,
            owner: Owner::Nobody,
        })
    }

    /// Whether it has gone with its device, or the last of them.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.kind, Kind::Gone(_)) || self.owner.is_gone()
    }

    pub(crate) fn name(&self) -> &str {
        split(&self.path).1
    }

    /// What a node is called below /dev: `input/event0`.
    pub(crate) fn node_name(&self) -> &str {
        self.path.strip_prefix("/dev/").unwrap_or(self.name())
    }

    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory)
    }

    /// What a link says: the way from where it is, by a directory that is above both (`kernfs_get_target_path` in
    /// fs/kernfs/symlink.c).
    pub(crate) fn link_text(&self) -> Option<String> {
        let Kind::Link(target) = &self.kind else { return None };
        let from: Vec<_> = split(&self.path).0.split('/').skip(1).collect();
        let to: Vec<_> = target.split('/').skip(1).collect();
        let common = from.iter().zip(&to[..to.len() - 1]).take_while(|(a, b)| a == b).count();
        let parts = vec![".."; from.len() - common].into_iter().chain(to[common..].iter().copied());
        Some(parts.collect::<Vec<_>>().join("/"))
    }
}

/// The tree. Each look takes its lock for a moment; nothing is done under it.
#[derive(Default)]
pub(crate) struct Entries {
    tree: RwLock<Tree>,
}

#[derive(Default)]
struct Tree {
    entries: HashMap<String, Arc<Entry>>,
    /// What is below each directory, whether it is an entry of its own or not.
    children: HashMap<String, BTreeMap<String, Arc<Entry>>>,
    /// The names by which a path may come to an entry from a directory of the machine's.
    gates: HashSet<String>,
    /// The names of all entries that there ever were.
    names: HashSet<String>,
    /// The files that have a line for each of several devices.
    lines: Lines,
    /// How often a directory above what a device has has been made.
    made: u64,
}

impl Entries {
    fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// `device` has come.
    pub(super) fn add(&self, device: &Arc<dyn Plugged>) {
        let (weak, life) = (Arc::downgrade(device), device.generation().0);
        let mut tree = self.write();
        for node in device.nodes() {
            tree.insert(&node.path(), Kind::Node(weak.clone()), life, Some(&weak));
        }
        let surroundings = device.surroundings();
        for entry in surroundings.entries() {
            let kind = match &entry.content {
                Content::Line { header, line } => {
                    if let Some(show) = tree.lines.add(&entry.path, header, line, device) {
                        // Nobody's: it shows the lines of those that are there.
                        tree.insert(&entry.path, Kind::Attribute(show), 0, None);
                    }
                    continue;
                }
                Content::Directory => Kind::Directory,
                Content::Attribute(show) => Kind::Attribute(show.clone()),
                Content::Link(target) => Kind::Link(target.clone()),
            };
            let owner = (!entry.lasting).then_some(&weak);
            tree.insert(&entry.path, kind, if entry.lasting { 0 } else { life }, owner);
        }
    }

    /// `device` has gone: of what it had only the names are kept.
    pub(super) fn remove(&self, device: &Arc<dyn Plugged>) {
        let weak = Arc::downgrade(device);
        let mut tree = self.write();
        let goes = tree.entries.values().filter(|entry| entry.owner.ends_with(&weak));
        let its: HashSet<String> = goes.map(|entry| entry.path.clone()).collect();
        for path in &its {
            // What is below something that has gone needs no name of its own.
            if its.contains(split(path).0) {
                tree.forget(path);
            } else {
                let kind = Kind::Gone(device.node().name.clone());
                tree.put(Entry { path: path.clone(), kind, inode: 0, place: 0, owner: Owner::Nobody });
            }
        }
    }

    /// The entry at an absolute path without links.
    pub(crate) fn find(&self, path: &str) -> Option<Arc<Entry>> {
        self.read().entries.get(path).cloned()
    }

    /// The entries in a directory, which may be the machine's, with those that have gone.
    pub(crate) fn children(&self, path: &str) -> Vec<Arc<Entry>> {
        self.read().children.get(path).map(|children| children.values().cloned().collect()).unwrap_or_default()
    }

    /// Whether a listing of the machine's directory `path` lacks something of ours.
    pub(crate) fn adds_to(&self, path: &str) -> bool {
        let tree = self.read();
        tree.children.get(path).is_some_and(|children| children.keys().any(|name| tree.gates.contains(name)))
    }

    /// Whether a path, as a client wrote it, may lead to an entry; `false` is certain but for links in its middle.
    pub(crate) fn concern(&self, path: &[u8]) -> bool {
        let tree = self.read();
        let mut parts = path.split(|byte| *byte == b'/');
        parts.any(|part| std::str::from_utf8(part).is_ok_and(|part| tree.gates.contains(part)))
    }
    /// Whether an entry has, or had, that name.
    pub(crate) fn have_name(&self, name: &OsStr) -> bool {
        name.to_str().is_some_and(|name| self.read().names.contains(name))
    }

    /// An attribute that is nobody's.
    #[cfg(test)]
    pub(crate) fn put_attribute(&self, path: &str) {
        self.write().insert(path, Kind::Attribute(Arc::new(|| Ok(b"text".to_vec()))), 1, None);
    }
}

impl Tree {
    fn insert(&mut self, path: &str, kind: Kind, life: u64, device: Option<&Weak<dyn Plugged>>) {
        let lasting = device.is_none();
        if lasting && self.entries.get(path).is_some_and(|entry| entry.is_directory()) {
            return;
        }
        self.ensure_parent(path, device);
        if self.is_a_gate(path, lasting) {
            self.gates.insert(split(path).1.to_owned());
        }
        let is_directory = matches!(kind, Kind::Directory);
        if is_directory && self.join(path, device) {
            return;
        }
        let own = if is_directory { Owner::sharing } else { Owner::One };
        let owner = device.cloned().map_or(Owner::Nobody, own);
        self.put(Entry { path: path.to_owned(), kind, inode: inode(path, life), place: 0, owner });
    }

    /// Whether there is a directory at `path`, which is the device's as well from now on.
    fn join(&self, path: &str, device: Option<&Weak<dyn Plugged>>) -> bool {
        let there = self.entries.get(path).filter(|entry| entry.is_directory() && !entry.is_gone());
        there.into_iter().for_each(|there| device.into_iter().for_each(|device| there.owner.join(device)));
        there.is_some()
    }

    /// The directories above what a device has are its own as well, with others that have something there, unless they are
    /// somebody's already or are where the machine has its own.
    fn ensure_parent(&mut self, path: &str, device: Option<&Weak<dyn Plugged>>) {
        let parent = split(path).0.to_owned();
        if parent.is_empty() {
            return;
        }
        let device = if MACHINE.contains(&parent.as_str()) { None } else { device };
        self.ensure_parent(&parent, device);
        if self.join(&parent, device) {
            return;
        }
        // It may be the same directory of another device in the same life, such as /dev/input: another one all the same.
        self.made += 1;
        let life = if device.is_some() { u64::MAX - self.made } else { 0 };
        if self.is_a_gate(&parent, device.is_none()) {
            self.gates.insert(split(&parent).1.to_owned());
        }
        let (path, inode) = (parent.clone(), inode(&parent, life));
        let owner = device.cloned().map_or(Owner::Nobody, Owner::sharing);
        self.put(Entry { path, kind: Kind::Directory, inode, place: 0, owner });
    }

    /// Whether a way may come to `path` from a directory of the machine's in which it is not.
    fn is_a_gate(&self, path: &str, lasting: bool) -> bool {
        let parent = split(path).0;
        let shared = self.entries.get(parent).is_none_or(|parent| matches!(parent.owner, Owner::Nobody));
        !MACHINE.contains(&path) && (MACHINE.contains(&parent) || !lasting && shared)
    }

    fn put(&mut self, mut entry: Entry) {
        let (parent, name) = split(&entry.path);
        let (parent, name) = (parent.to_owned(), name.to_owned());
        self.names.insert(name.clone());
        let siblings = self.children.entry(parent).or_default();
        let last = siblings.values().map(|sibling| sibling.place).max();
        entry.place = siblings.get(&name).map_or_else(|| last.map_or(0, |last| last + 1), |former| former.place);
        let entry = Arc::new(entry);
        siblings.insert(name, entry.clone());
        self.entries.insert(entry.path.clone(), entry);
    }

    fn forget(&mut self, path: &str) {
        self.entries.remove(path);
        let (parent, name) = split(path);
        if let Some(siblings) = self.children.get_mut(parent) {
            siblings.remove(name);
            if siblings.is_empty() {
                self.children.remove(parent);
            }
        }
    }
}

/// Directories that Linux has, whatever devices there are; or udev.
const MACHINE: [&str; 19] = [
    "/dev",
    "/proc",
    "/proc/bus",
    "/run",
    "/run/udev",
    "/run/udev/tags",
    "/sys",
    "/sys/block",
    "/sys/bus",
    "/sys/bus/platform",
    "/sys/bus/platform/devices",
    "/sys/class",
    "/sys/dev",
    "/sys/dev/block",
    "/sys/dev/char",
    "/sys/devices",
    "/sys/devices/platform",
    "/sys/devices/virtual",
    "/sys/kernel",
];

/// The directory, and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// FNV-1a, 64 bits, of path and life; two bits of it make room for marks.
fn inode(path: &str, life: u64) -> u64 {
    let bytes = path.bytes().chain(life.to_ne_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    hash >> 3 | ENTRY_BIT
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Directory => "directory",
            Kind::Attribute(_) => "attribute",
            Kind::Link(_) => "link",
            Kind::Node(_) => "node",
            Kind::Gone(_) => "gone",
        };
        write!(f, "{} ({kind})", self.path)
    }
}

#[cfg(test)]
mod tests;
