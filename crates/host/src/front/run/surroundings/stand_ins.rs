//! Where there is no mount: what a client has open in the place of an entry.
//!
//! It is memory of ours, a piece for each entry. An attribute's holds its text, which is put there anew whenever somebody
//! reads it from the beginning; all reads of the tree are trapped on that road. A directory's is empty: what is in it is
//! listed, and found, by the supervisor.

use super::PAGE;
use crate::{
    front::run::names::descriptor_of,
    lab::entries::{Entry, Kind},
};
use outlive_classes::Errno;
use rustix::{
    fs::{CWD, MemfdFlags, Mode, OFlags, fstat, memfd_create, openat},
    io,
};
use std::{
    collections::HashMap,
    fs::File,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::FileExt,
    },
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Those of one run.
pub(super) struct StandIns {
    /// The kernel's mount of all such memory.
    mount: u64,
    table: Mutex<HashMap<u64, StandIn>>,
}

struct StandIn {
    memory: File,
    entry: Arc<Entry>,
}

impl StandIns {
    pub(super) fn new() -> Result<Self, Errno> {
        let (mount, _) = descriptor_of("/proc/self", memory()?.as_raw_fd()).ok_or(Errno::NOSYS)?;
        Ok(StandIns { mount, table: Mutex::default() })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, StandIn>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A descriptor that stands for `entry`, for reading.
    pub(super) fn open(&self, entry: &Arc<Entry>) -> Result<OwnedFd, Errno> {
        let mut table = self.table();
        let known = table.iter().find(|(_, known)| known.entry.inode == entry.inode).map(|(inode, _)| *inode);
        let inode = match known {
            Some(inode) => inode,
            None => {
                let memory = memory()?;
                let inode = fstat(&memory)?.st_ino;
                table.insert(inode, StandIn { memory, entry: entry.clone() });
                inode
            }
        };
        let again = format!("/proc/self/fd/{}", table[&inode].memory.as_raw_fd());
        openat(CWD, again.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    }

    /// The entry that inode `inode` of mount `mount` stands for.
    pub(super) fn entry_of(&self, mount: u64, inode: u64) -> Option<Arc<Entry>> {
        (mount == self.mount).then(|| self.table().get(&inode).map(|known| known.entry.clone())).flatten()
    }

    /// Has an attribute say what it says now.
    ///
    /// # Errors
    /// Those of the attribute; ENODEV if it has gone.
    pub(super) fn refresh(&self, entry: &Entry) -> Result<(), Errno> {
        let Kind::Attribute(show) = &entry.kind else { return Ok(()) };
        let mut shown = show()?;
        // Nothing of a device that went meanwhile.
        if entry.is_gone() {
            return Err(Errno::NODEV);
        }
        shown.truncate(PAGE as usize);
        let table = self.table();
        let known = table.values().find(|known| known.entry.inode == entry.inode).ok_or(Errno::NODEV)?;
        // First the text, then its end: who reads meanwhile reads no less than there is.
        let written = known.memory.write_all_at(&shown, 0).and_then(|()| known.memory.set_len(shown.len() as u64));
        written.map_err(|_| Errno::NOMEM)
    }
}

fn memory() -> io::Result<File> {
    memfd_create("outlive-entry", MemfdFlags::CLOEXEC).map(File::from)
}
