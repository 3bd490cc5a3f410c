//! What a client has open: an attribute, a directory, or something that only stands for one.

use super::{PAGE, inode, mode};
use crate::{
    fuse::wire,
    lab::{
        Lab,
        entries::{Entry, Kind},
    },
};
use outlive_classes::{Errno, PollBits};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zerocopy::IntoBytes;

/// POLLPRI of `asm-generic/poll.h`: what is new of an attribute has not been read (`kernfs_generic_poll`).
const PRI: PollBits = PollBits(0x0002);

/// An open file of an entry. It outlives the entry.
pub(super) struct OpenEntry {
    entry: Arc<Entry>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inert: bool,
    /// What an attribute said when it was last read from the beginning.
    content: Option<Vec<u8>>,
    /// What was in a directory when it was last listed from the beginning: inode, type, name.
    listing: Vec<(u64, u32, String)>,
    /// Who sleeps in poll, as the kernel calls it.
    sleeper: Option<u64>,
}

impl OpenEntry {
    pub(super) fn inert(entry: Arc<Entry>) -> Self {
        OpenEntry { entry, state: Mutex::new(State { inert: true, ..State::default() }) }
    }

    /// With the errors of `kernfs_fop_open` (fs/kernfs/file.c), and ENODEV of what has gone.
    pub(super) fn open(entry: Arc<Entry>, flags: i32) -> Result<Self, Errno> {
        if entry.is_gone() {
            return Err(Errno::NODEV);
        }
        if matches!(entry.kind, Kind::Link(_)) {
            return Err(Errno::LOOP);
        }
        if matches!(entry.kind, Kind::Attribute(_)) && flags & libc::O_ACCMODE != libc::O_RDONLY {
            return Err(Errno::ACCESS);
        }
        Ok(OpenEntry { entry, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads an attribute: from the beginning it is asked anew, further on it is what it was then (fs/seq_file.c).
    pub(super) fn read(&self, offset: u64, size: usize) -> Result<Vec<u8>, Errno> {
        let mut state = self.state();
        if state.inert {
            return Err(Errno::BADF);
        }
        let Kind::Attribute(show) = &self.entry.kind else { return Err(Errno::INVAL) };
        if self.entry.is_gone() {
            return Err(Errno::NODEV);
        }
        if offset == 0 || state.content.is_none() {
            let mut shown = show()?;
            // Nothing of a device that went meanwhile.
            if self.entry.is_gone() {
                return Err(Errno::NODEV);
            }
            // No attribute of Linux is longer (sysfs_emit).
            shown.truncate(PAGE as usize);
            state.content = Some(shown);
        }
        let content = state.content.as_deref().unwrap_or_default();
        let start = usize::try_from(offset).map_or(content.len(), |offset| offset.min(content.len()));
        Ok(content[start..content.len().min(start.saturating_add(size))].to_vec())
    }

    /// Lists a directory; of one that has gone there is nothing to list, as on Linux.
    pub(super) fn list(&self, lab: &Lab, offset: u64, size: usize) -> Result<Vec<u8>, Errno> {
        let mut state = self.state();
        if offset == 0 {
            state.listing = listing(lab, &self.entry);
        }
        let mut out = Vec::new();
        for (index, (inode, kind, name)) in
            state.listing.iter().enumerate().skip(usize::try_from(offset).unwrap_or(usize::MAX))
        {
            let length = (size_of::<wire::Dirent>() + name.len()).next_multiple_of(8);
            if out.len() + length > size {
                break;
            }
            let end = out.len() + length;
            let (off, namelen) = (index as u64 + 1, name.len() as u32);
            out.extend(wire::Dirent { ino: *inode, off, namelen, kind: *kind }.as_bytes());
            out.extend(name.as_bytes());
            out.resize(end, 0);
        }
        Ok(out)
    }

    /// What poll says; `sleeper` is to be woken when that changes.
    pub(super) fn poll(&self, sleeper: Option<u64>) -> PollBits {
        let mut state = self.state();
        // Before the look at the entry, so that whoever marks it sees the sleeper, or we see the mark.
        state.sleeper = sleeper.or(state.sleeper);
        if self.entry.is_gone() {
            return PollBits::ZOMBIE;
        }
        match state.content {
            Some(_) => PollBits::ALWAYS_READY,
            None => PollBits::ALWAYS_READY | PollBits::ERR | PRI,
        }
    }

    pub(super) fn sleeper_on_gone(&self) -> Option<u64> {
        if self.entry.is_gone() { self.state().sleeper } else { None }
    }

    pub(super) fn refuse_ioctl(&self) -> Errno {
        if self.entry.is_gone() { Errno::NODEV } else { Errno::NOTTY }
    }
}

/// What is in directory `entry`.
fn listing(lab: &Lab, entry: &Entry) -> Vec<(u64, u32, String)> {
    let directory = libc::DT_DIR.into();
    let mut all = vec![(entry.inode, directory, ".".to_owned()), (entry.inode, directory, "..".to_owned())];
    if entry.is_gone() {
        return all;
    }
    let here = lab.entries().children(&entry.path).into_iter().filter(|child| !child.is_gone());
    // Type bits of a mode are those of `d_type`, four bits further up (`S_DT` of linux/fs_types.h).
    all.extend(here.map(|child| (inode(&child), (mode(&child) & libc::S_IFMT) >> 12, child.name().to_owned())));
    all
}
