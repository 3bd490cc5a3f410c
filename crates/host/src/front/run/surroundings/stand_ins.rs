//! Where there is no mount: what a client has open in the place of an entry.
//!
//! For an attribute it is memory of ours, which holds its text; that is put there anew whenever somebody reads it from the
//! beginning, since all reads of the tree are trapped on that road. For a directory it is one of the machine's, empty and
//! without a name: what is in it is listed, and found, by the supervisor. What is opened with O_PATH and is no directory
//! has empty memory to stand for it, which cannot be read.

use super::PAGE;
use crate::{
    front::run::{
        descriptor::{Descriptor, FileId},
        files::random,
    },
    lab::entries::{Entry, Kind},
};
use outlive_classes::Errno;
use rustix::{
    fs::{CWD, MemfdFlags, Mode, OFlags, memfd_create, mkdir, openat, rmdir},
    io,
};
use std::{
    collections::HashMap,
    fs::File,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::FileExt,
    },
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Those of one run: one for each entry and way to open it, kept for good, so that no other file has its inode.
#[derive(Default)]
pub(super) struct StandIns {
    table: Mutex<HashMap<FileId, StandIn>>,
}

struct StandIn {
    file: File,
    entry: Arc<Entry>,
    /// It is no more than a name: opened with O_PATH.
    inert: bool,
}

impl StandIns {
    fn table(&self) -> MutexGuard<'_, HashMap<FileId, StandIn>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A descriptor that stands for `entry`, for reading or, if `inert`, for nothing.
    pub(super) fn open(&self, entry: &Arc<Entry>, inert: bool) -> Result<OwnedFd, Errno> {
        let mut table = self.table();
        let is_it = |known: &&StandIn| known.entry.inode == entry.inode && known.inert == inert;
        let again = |known: &StandIn| {
            let again = format!("/proc/self/fd/{}", known.file.as_raw_fd());
            openat(CWD, again.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        };
        if let Some(known) = table.values().find(is_it) {
            return again(known);
        }
        let file = if entry.is_directory() { directory()? } else { memory()? };
        let id = Descriptor::at("/proc/self", file.as_raw_fd()).ok_or(Errno::NOSYS)?.file;
        let new = StandIn { file, entry: entry.clone(), inert };
        let opened = again(&new)?;
        table.insert(id, new);
        Ok(opened)
    }

    /// The entry that an inode of a mount stands for.
    pub(super) fn entry_of(&self, file: FileId) -> Option<Arc<Entry>> {
        self.table().get(&file).map(|known| known.entry.clone())
    }

    /// Whether that is no more than a name.
    pub(super) fn is_inert(&self, file: FileId) -> bool {
        self.table().get(&file).is_some_and(|known| known.inert)
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
        let is_it = |known: &&StandIn| known.entry.inode == entry.inode && !known.inert;
        let known = table.values().find(is_it).ok_or(Errno::NODEV)?;
        // First the text, then its end: who reads meanwhile reads no less than there is.
        let written = known.file.write_all_at(&shown, 0).and_then(|()| known.file.set_len(shown.len() as u64));
        written.map_err(|_| Errno::NOMEM)
    }
}

fn memory() -> io::Result<File> {
    memfd_create("outlive-entry", MemfdFlags::CLOEXEC).map(File::from)
}

/// An empty directory that has no name any more.
fn directory() -> io::Result<File> {
    let places = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
    let mut result = Err(Errno::ACCESS);
    for place in places {
        let path = place.join(format!("outlive-{}-{:016x}", std::process::id(), random()));
        let made = mkdir(&path, Mode::RWXU).and_then(|()| {
            let opened = openat(CWD, &path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
            rmdir(&path)?;
            opened
        });
        result = made;
        if result.is_ok() {
            break;
        }
    }
    result.map(File::from)
}
