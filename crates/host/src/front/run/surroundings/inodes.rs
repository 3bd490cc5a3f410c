//! The entries of the lab as inodes of our mount: directories, files and links that the kernel asks us about.
//!
//! They are at two places there. A *tree*, by their paths, is for directories: a descriptor of one is a directory like
//! any other, and whatever the kernel does with it by itself works. A *single* is an inode that one open has for itself,
//! by a name that is used once: attributes have those, and what is opened with O_PATH and is no directory, since Linux
//! passes no such descriptors on and something has to stand for it.

use super::{open::OpenEntry, stand_ins::StandIns};
use crate::{
    front::run::descriptor::FileId,
    fuse::{
        channel::{Channel, Received, Reply},
        wire::{self, Opcode},
    },
    lab::{
        Lab,
        entries::{ENTRY_BIT, Entry, Kind},
    },
};
use outlive_classes::Errno;
use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use zerocopy::IntoBytes;

/// The name of the tree on the mount.
pub(crate) const TREE: &str = "outlive-tree";
/// What the names of singles begin with.
const SINGLE: &str = "entry.";
/// Set in the numbers of singles, besides [`ENTRY_BIT`].
const SINGLE_BIT: u64 = 1 << 61;
/// How long the kernel may keep attributes, in seconds: those of one inode never change. Names it must not keep.
const FOREVER: u64 = 1 << 30;

type Answer = Result<Vec<u8>, Errno>;

/// The entries, as the kernel knows them.
pub(crate) struct Inodes {
    lab: Arc<Lab>,
    /// `None` where there is no mount.
    channel: Option<Arc<Channel>>,
    /// What takes its place.
    stand_ins: Option<StandIns>,
    table: Mutex<Table>,
    /// Whether a client has ever got a directory of ours, from which its relative paths may start.
    given: AtomicBool,
}

#[derive(Default)]
struct Table {
    last: u64,
    inodes: HashMap<u64, Inode>,
    /// Singles that are about to be opened, by name.
    names: HashMap<Vec<u8>, u64>,
    open: HashMap<u64, Arc<OpenEntry>>,
}

struct Inode {
    entry: Arc<Entry>,
    /// How often the kernel looked it up, less what it forgot.
    lookups: u64,
    /// The next open is for a descriptor that only stands for something.
    inert: bool,
}

impl Inodes {
    pub(crate) fn new(lab: Arc<Lab>, channel: Option<Arc<Channel>>) -> Arc<Self> {
        let stand_ins = channel.is_none().then(StandIns::default);
        let inodes = Inodes { lab, channel, stand_ins, table: Mutex::default(), given: AtomicBool::new(false) };
        inodes.table().inodes.insert(ENTRY_BIT | 1, Inode { entry: Entry::root(), lookups: 1, inert: false });
        let inodes = Arc::new(inodes);
        let weak = Arc::downgrade(&inodes);
        inodes.lab.on_mark(Box::new(move || {
            if let Some(inodes) = weak.upgrade() {
                inodes.wake();
            }
        }));
        inodes
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name on the mount by which `entry` can be opened once; `inert`: for a descriptor that only stands for it.
    pub(crate) fn announce(&self, entry: &Arc<Entry>, inert: bool) -> String {
        let mut table = self.table();
        table.last += 1;
        let (id, name) = (table.last | ENTRY_BIT | SINGLE_BIT, format!("{SINGLE}{}", table.last));
        table.inodes.insert(id, Inode { entry: entry.clone(), lookups: 0, inert });
        table.names.insert(name.clone().into_bytes(), id);
        name
    }

    /// Takes back a name that was announced and could not be opened.
    pub(crate) fn withdraw(&self, name: &str) {
        let mut table = self.table();
        if let Some(id) = table.names.remove(name.as_bytes())
            && table.inodes.get(&id).is_some_and(|inode| inode.lookups == 0)
        {
            table.inodes.remove(&id);
        }
    }

    /// The name on the mount by which a directory can be opened.
    pub(crate) fn directory(&self, entry: &Entry) -> String {
        self.given.store(true, Ordering::Relaxed);
        format!("{TREE}{}", entry.path)
    }

    /// Whether a client may have a directory of ours.
    pub(crate) fn has_given(&self) -> bool {
        self.given.load(Ordering::Relaxed)
    }

    /// A descriptor that stands for `entry`, where there is no mount; `inert`: opened with O_PATH.
    ///
    /// # Errors
    /// EACCES where there is one; what opening it says.
    pub(crate) fn stand_in(&self, entry: &Arc<Entry>, inert: bool) -> Result<OwnedFd, Errno> {
        self.given.store(true, Ordering::Relaxed);
        self.stand_ins.as_ref().ok_or(Errno::ACCESS)?.open(entry, inert && !entry.is_directory())
    }

    /// The entry that a descriptor of this mount and inode stands for.
    pub(in crate::front::run) fn stands_for(&self, file: FileId) -> Option<Arc<Entry>> {
        if !self.has_given() {
            return None;
        }
        self.stand_ins.as_ref()?.entry_of(file)
    }

    /// Whether such a descriptor is no more than a name.
    pub(super) fn is_inert(&self, file: FileId) -> bool {
        self.stand_ins.as_ref().is_some_and(|stand_ins| stand_ins.is_inert(file))
    }

    /// Has what stands for an attribute say what it says now.
    ///
    /// # Errors
    /// Those of the attribute; ENODEV if it has gone.
    pub(crate) fn refresh(&self, entry: &Entry) -> Result<(), Errno> {
        self.stand_ins.as_ref().map_or(Ok(()), |stand_ins| stand_ins.refresh(entry))
    }

    /// The entry that inode `id` is, as long as the kernel knows it.
    pub(crate) fn entry_of(&self, id: u64) -> Option<Arc<Entry>> {
        self.table().inodes.get(&id).map(|inode| inode.entry.clone())
    }

    /// Whether a request is about an entry.
    pub(crate) fn owns(&self, request: &Received<'_>) -> bool {
        let by_name = matches!(request.opcode(), Some(Opcode::Lookup | Opcode::Unlink))
            && request.header.nodeid == wire::ROOT
            && request.name().is_ok_and(|name| name == TREE.as_bytes() || name.starts_with(SINGLE.as_bytes()));
        by_name || request.header.nodeid & ENTRY_BIT != 0
    }

    /// Answers a request that is about an entry.
    pub(crate) fn handle(&self, request: &Received<'_>, reply: Reply) {
        match self.answer(request) {
            Ok(body) => reply.bytes(&body),
            Err(errno) => reply.error(errno),
        }
    }

    fn answer(&self, request: &Received<'_>) -> Answer {
        match request.opcode() {
            Some(Opcode::Lookup) => self.lookup(request),
            Some(Opcode::Getattr) => {
                let (id, entry) = (request.header.nodeid, self.entry(request)?);
                let attr = self.attributes(id, &entry);
                Ok(wire::AttrOut { attr_valid: FOREVER, attr, ..Default::default() }.as_bytes().to_vec())
            }
            Some(Opcode::Unlink) if request.header.nodeid == wire::ROOT => {
                self.table().names.remove(request.name()?).map(|_| Vec::new()).ok_or(Errno::NOENT)
            }
            Some(Opcode::Readlink) => self.entry(request)?.link_text().map(String::into_bytes).ok_or(Errno::INVAL),
            Some(Opcode::Open | Opcode::Opendir) => self.open(request),
            Some(Opcode::Read) => {
                let (wire::ReadIn { fh, offset, size, .. }, _) = request.parse()?;
                self.file(fh)?.read(offset, size as usize)
            }
            Some(Opcode::Readdir) => {
                let (wire::ReadIn { fh, offset, size, .. }, _) = request.parse()?;
                self.file(fh)?.list(&self.lab, offset, size as usize)
            }
            Some(Opcode::Poll) => {
                let (wire::PollIn { fh, kh, flags, .. }, _) = request.parse()?;
                let wake = (flags & wire::POLL_SCHEDULE_NOTIFY != 0).then_some(kh);
                let revents = self.file(fh)?.poll(wake).0;
                Ok(wire::PollOut { revents, padding: 0 }.as_bytes().to_vec())
            }
            Some(Opcode::Ioctl) => {
                let (wire::IoctlIn { fh, .. }, _) = request.parse()?;
                Err(self.file(fh)?.refuse_ioctl())
            }
            Some(Opcode::Release | Opcode::Releasedir) => {
                let (wire::ReleaseIn { fh, .. }, _) = request.parse()?;
                drop(self.table().open.remove(&fh));
                Ok(Vec::new())
            }
            Some(Opcode::Statfs) => {
                Ok(wire::StatfsOut { block_size: 4096, name_length: 255, ..Default::default() }.as_bytes().to_vec())
            }
            // sysfs has neither fsync nor fallocate.
            Some(Opcode::Fsync) => Err(Errno::INVAL),
            Some(Opcode::Fallocate) => Err(Errno::OPNOTSUPP),
            Some(Opcode::Write) => Err(Errno::BADF),
            // Not answered otherwise: see `Files::handle`; and what the kernel shall not ask for again.
            Some(Opcode::Flush | Opcode::Access | Opcode::Getxattr | Opcode::Listxattr) => Err(Errno::NOSYS),
            // Nothing can be made, renamed, removed or changed.
            _ => Err(Errno::PERM),
        }
    }

    fn entry(&self, request: &Received<'_>) -> Result<Arc<Entry>, Errno> {
        self.entry_of(request.header.nodeid).ok_or(Errno::NOENT)
    }

    fn file(&self, fh: u64) -> Result<Arc<OpenEntry>, Errno> {
        self.table().open.get(&fh).cloned().ok_or(Errno::BADF)
    }

    fn lookup(&self, request: &Received<'_>) -> Answer {
        let (parent, name) = (request.header.nodeid, request.name()?);
        if parent == wire::ROOT && name != TREE.as_bytes() {
            let id = *self.table().names.get(name).ok_or(Errno::NOENT)?;
            return self.found(id, None);
        }
        if parent == wire::ROOT {
            return self.found(ENTRY_BIT | 1, None);
        }
        let parent = self.entry(request)?;
        let name = std::str::from_utf8(name).map_err(|_| Errno::NOENT)?;
        if parent.is_gone() {
            return Err(Errno::NOENT);
        }
        let entry = self.lab.entries().find(&format!("{}/{name}", parent.path)).ok_or(Errno::NOENT)?;
        if entry.is_gone() || matches!(entry.kind, Kind::Node(_)) {
            return Err(Errno::NOENT);
        }
        self.found(entry.inode, Some(entry))
    }

    /// Counts a lookup of `id`, which is `entry`, or known.
    fn found(&self, id: u64, entry: Option<Arc<Entry>>) -> Answer {
        let mut table = self.table();
        if let Some(entry) = entry {
            table.inodes.entry(id).or_insert(Inode { entry, lookups: 0, inert: false });
        }
        let inode = table.inodes.get_mut(&id).ok_or(Errno::NOENT)?;
        inode.lookups += 1;
        let entry = inode.entry.clone();
        drop(table);
        let attr = self.attributes(id, &entry);
        let out = wire::EntryOut { nodeid: id, attr_valid: FOREVER, attr, ..Default::default() };
        Ok(out.as_bytes().to_vec())
    }

    pub(crate) fn forget(&self, id: u64, lookups: u64) {
        let mut table = self.table();
        if let Some(inode) = table.inodes.get_mut(&id) {
            inode.lookups = inode.lookups.saturating_sub(lookups);
            if inode.lookups == 0 && id != ENTRY_BIT | 1 {
                table.inodes.remove(&id);
            }
        }
    }

    fn open(&self, request: &Received<'_>) -> Answer {
        let (wire::OpenIn { flags, .. }, _) = request.parse()?;
        let (entry, inert) = {
            let mut table = self.table();
            let inode = table.inodes.get_mut(&request.header.nodeid).ok_or(Errno::NOENT)?;
            (inode.entry.clone(), std::mem::take(&mut inode.inert))
        };
        let file = if inert { OpenEntry::inert(entry) } else { OpenEntry::open(entry, flags as i32)? };
        let mut table = self.table();
        table.last += 1;
        let fh = table.last;
        table.open.insert(fh, Arc::new(file));
        let open_flags =
            if request.opcode() == Some(Opcode::Open) { wire::FOPEN_DIRECT_IO | wire::FOPEN_NOFLUSH } else { 0 };
        Ok(wire::OpenOut { fh, open_flags, padding: 0 }.as_bytes().to_vec())
    }

    /// Wakes whoever sleeps in poll on what has gone.
    fn wake(&self) {
        let sleepers: Vec<u64> = self.table().open.values().filter_map(|file| file.sleeper_on_gone()).collect();
        let Some(channel) = &self.channel else { return };
        sleepers.into_iter().for_each(|kh| channel.notify_poll(kh));
    }

    /// What the kernel believes of an inode. A single is a plain file to it; what it stands for, the supervisor says.
    fn attributes(&self, id: u64, entry: &Entry) -> wire::Attributes {
        let (mut mode, mut size) = (super::mode(entry), super::size(entry));
        if id & SINGLE_BIT != 0 {
            (mode, size) = (libc::S_IFREG | 0o444, super::PAGE);
        }
        wire::Attributes {
            ino: id,
            size,
            mode,
            nlink: 1,
            // The mount's owner: there may be no other user in its namespace.
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            blksize: 4096,
            ..Default::default()
        }
    }
}
